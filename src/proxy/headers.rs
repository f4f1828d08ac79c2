//! Headers on their way through: what belongs to one hop stays there, and the backend learns
//! who asked, for what host and over what.

use std::net::{IpAddr, SocketAddr};

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, request};
use http_body::Body;

use crate::snapshot::Snapshot;

pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Headers for one hop (RFC 9110 §7.6.1) beside `Connection`.
const HOP_BY_HOP: [HeaderName; 5] = [
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

static HTTP: HeaderValue = HeaderValue::from_static("http");
static HTTPS: HeaderValue = HeaderValue::from_static("https");
static UPGRADE: HeaderValue = HeaderValue::from_static("upgrade");
static WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");

/// How a client's bytes came to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    /// In the clear.
    Http,
    /// Inside TLS.
    Https,
}

impl Scheme {
    /// As a URI has it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// What a request says of its way here, read before the gate throws such headers away.
#[derive(Debug)]
pub(super) struct Origin {
    /// The client: the peer, or whom trusted proxies name.
    pub(super) client: IpAddr,
    /// `X-Forwarded-For` as the backend gets it.
    chain: HeaderValue,
    /// How the client came to the first trusted proxy.
    pub(super) scheme: Scheme,
}

impl Origin {
    /// From the headers as the client sent them. `peer_value` is the peer's address as a header
    /// value, made once a connection; `scheme` is the connection's.
    pub(super) fn read(
        headers: &HeaderMap,
        peer: SocketAddr,
        peer_value: &HeaderValue,
        scheme: Scheme,
        snapshot: &Snapshot,
    ) -> Self {
        let direct = Self {
            client: peer.ip(),
            chain: peer_value.clone(),
            scheme,
        };
        if snapshot.trusted_proxies.is_empty() || !snapshot.trusts(peer.ip()) {
            return direct;
        }
        direct.behind_proxies(headers, peer.ip(), snapshot)
    }

    /// Walks the list from the right, as far as every hop is trusted: what stands left of the
    /// first stranger could be anyone's invention.
    fn behind_proxies(mut self, headers: &HeaderMap, peer: IpAddr, snapshot: &Snapshot) -> Self {
        let mut hops = vec![peer];
        let lines = headers.get_all(X_FORWARDED_FOR).iter().collect::<Vec<_>>();
        let entries = lines
            .iter()
            .rev()
            .flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        for entry in entries {
            let address = std::str::from_utf8(entry).ok().and_then(parse_hop);
            let Some(address) = address else { break };
            hops.push(address);
            if !snapshot.trusts(address) {
                break;
            }
        }
        self.client = hops.last().copied().unwrap_or(peer);
        let list = hops
            .iter()
            .rev()
            .map(IpAddr::to_string)
            .collect::<Vec<_>>()
            .join(", ");
        if let Ok(chain) = HeaderValue::try_from(list) {
            self.chain = chain;
        }
        match headers.get(X_FORWARDED_PROTO).map(HeaderValue::as_bytes) {
            Some(b"https") => self.scheme = Scheme::Https,
            Some(b"http") => self.scheme = Scheme::Http,
            _ => {}
        }
        self
    }
}

fn parse_hop(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    text.parse()
        .or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()))
        .ok()
        .map(|address: IpAddr| address.to_canonical())
}

/// What the backend is told beside the client's own words and the identity. The gate has removed
/// what the client said on any of it.
#[derive(Debug)]
pub(super) struct Told<'a> {
    host: HeaderValue,
    origin: &'a Origin,
    request_id: &'a HeaderValue,
}

impl<'a> Told<'a> {
    /// `host` is whom the request is addressed to, as the gate found.
    pub(super) fn new(origin: &'a Origin, host: HeaderValue, request_id: &'a HeaderValue) -> Self {
        Self {
            host,
            origin,
            request_id,
        }
    }

    /// As header lines.
    pub(super) fn lines(&self) -> [(&'static str, &HeaderValue); 5] {
        let scheme = match self.origin.scheme {
            Scheme::Http => &HTTP,
            Scheme::Https => &HTTPS,
        };
        [
            ("host", &self.host),
            ("x-forwarded-host", &self.host),
            ("x-forwarded-for", &self.origin.chain),
            ("x-forwarded-proto", scheme),
            ("x-request-id", self.request_id),
        ]
    }
}

/// How a request's body is framed upstream (RFC 9112 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// No body, and none to be announced.
    None,
    /// A body of so many bytes, or none, which is said.
    Length(u64),
    /// A body of unknown length.
    Chunked,
}

impl Framing {
    /// How a client's request goes on, before the gate takes the client's own framing out.
    pub(super) fn of(head: &request::Parts, body: &impl Body) -> Self {
        if !body.is_end_stream() {
            return body.size_hint().exact().map_or(Self::Chunked, Self::Length);
        }
        let anticipates_body = [Method::POST, Method::PUT, Method::PATCH].contains(&head.method);
        let announced = head.headers.contains_key(header::CONTENT_LENGTH);
        if anticipates_body || announced {
            Self::Length(0)
        } else {
            Self::None
        }
    }
}

/// Ask the backend, or tell the client, to change to WebSocket (RFC 6455 §4).
pub(super) fn upgrade_lines() -> [(&'static str, &'static HeaderValue); 2] {
    [("connection", &UPGRADE), ("upgrade", &WEBSOCKET)]
}

/// Removes what concerns only the hop to the backend (RFC 9110 §7.6.1), `Trailer` apart: trailers
/// pass.
pub(super) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(header::CONNECTION) {
        for name in nominated(headers) {
            headers.remove(name);
        }
        headers.remove(header::CONNECTION);
    }
    // A look at all names costs less than a search for each of these, which are rare.
    while let Some(name) = headers.keys().find(|name| HOP_BY_HOP.contains(name)) {
        let name = name.clone();
        headers.remove(name);
    }
}

/// The names that all `Connection` lines name.
fn nominated(headers: &HeaderMap) -> Vec<HeaderName> {
    headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        // A backend cannot take these out of its own message.
        .filter(|name| name != header::CONTENT_LENGTH && name != header::CONTENT_TYPE)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn origin(scheme: Scheme) -> Origin {
        Origin {
            client: IpAddr::from([192, 0, 2, 7]),
            chain: HeaderValue::from_static("192.0.2.7"),
            scheme,
        }
    }

    #[test]
    fn every_connection_line_is_walked() {
        let mut headers = map(&[
            ("connection", "close, X-One"),
            ("connection", "x-two , keep-alive"),
            ("x-one", "1"),
            ("x-two", "2"),
            ("x-three", "3"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("te", "trailers"),
            ("upgrade", "h2c"),
            ("trailer", "x-sum"),
        ]);
        strip_hop_by_hop(&mut headers);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["trailer", "x-three"]);
    }

    #[test]
    fn a_connection_line_cannot_take_out_the_length() {
        let mut headers = map(&[("connection", "content-length"), ("content-length", "5")]);
        strip_hop_by_hop(&mut headers);
        assert_eq!(headers.get("content-length").unwrap(), "5");
    }

    #[test]
    fn the_backend_is_told_host_peer_and_scheme() {
        let (origin, id) = (origin(Scheme::Https), HeaderValue::from_static("id"));
        let host = HeaderValue::from_static("chat.example");
        assert_eq!(
            Told::new(&origin, host.clone(), &id).lines(),
            [
                ("host", &host),
                ("x-forwarded-host", &host),
                ("x-forwarded-for", &HeaderValue::from_static("192.0.2.7")),
                ("x-forwarded-proto", &HeaderValue::from_static("https")),
                ("x-request-id", &id),
            ]
        );
    }
}
