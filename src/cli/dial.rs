//! The client side of a WebSocket handshake (RFC 6455 §4.1), over TCP or TLS.

use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::Empty;
use hyper::{client::conn::http1, upgrade::Upgraded};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::time::{self, Instant};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{handshake::derive_accept_key, protocol::Role},
};

use super::client::{Answer, Server, Stream};
use crate::{
    auth::is_of_a_token,
    secret::Secret,
    snapshot::{Address, BackendTls},
    tls::client::client_config,
};

/// How long connecting, TLS and handshake may take together.
const PATIENCE: Duration = Duration::from_secs(10);

/// An open WebSocket of ours.
pub(super) type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Where a credential travels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Carrier {
    /// `?token=`, as chat clients send it
    #[default]
    Query,
    /// `Authorization: Bearer`
    Header,
    /// `Sec-WebSocket-Protocol: bearer, …`, as browsers can
    Subprotocol,
}

/// Whom to call, and with what.
pub(super) struct Dial {
    pub(super) url: Uri,
    pub(super) credential: Option<Secret>,
    pub(super) carrier: Carrier,
    /// PEM of the authorities to trust instead of the system's.
    pub(super) ca: Option<Vec<u8>>,
}

/// The other side's decision.
pub(super) enum Dialed {
    Open(Box<Socket>),
    Refused { status: StatusCode, body: String },
}

impl Dial {
    /// Calls, and waits for the answer to the handshake.
    pub(super) async fn connect(&self) -> anyhow::Result<Dialed> {
        match time::timeout(PATIENCE, self.handshake()).await {
            Ok(dialed) => dialed,
            Err(_) => bail!("no answer within {} s", PATIENCE.as_secs()),
        }
    }

    async fn handshake(&self) -> anyhow::Result<Dialed> {
        let mut nonce = [0; 16];
        aws_lc_rs::rand::fill(&mut nonce)?;
        let nonce = STANDARD.encode(nonce);
        let request = self.request(&nonce)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(self.stream().await?)).await?;
        tokio::spawn(connection.with_upgrades());
        let response = sender.send_request(request).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            let refusal = Answer::read(response, Instant::now() + PATIENCE).await;
            return Ok(Dialed::Refused {
                status: refusal.status,
                body: refusal.text(),
            });
        }
        let accept = response.headers().get(header::SEC_WEBSOCKET_ACCEPT);
        if accept.is_none_or(|accept| accept != derive_accept_key(nonce.as_bytes()).as_str()) {
            bail!("the answer is no WebSocket handshake: Sec-WebSocket-Accept is wrong");
        }
        let stream = TokioIo::new(hyper::upgrade::on(response).await?);
        let socket = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
        Ok(Dialed::Open(Box::new(socket)))
    }

    fn request(&self, nonce: &str) -> anyhow::Result<Request<Empty<Bytes>>> {
        let authority = self.url.authority().context("the URL names no host")?;
        if authority.as_str().contains('@') {
            bail!("a credential does not belong into a URL; use --credential-file");
        }
        let mut request = Request::get(self.target())
            .header(header::HOST, authority.as_str())
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_VERSION, "13")
            .header(header::SEC_WEBSOCKET_KEY, nonce)
            .body(Empty::new())?;
        if let Some((name, value)) = self.credential_header()? {
            request.headers_mut().insert(name, value);
        }
        Ok(request)
    }

    /// Path and query, with `token=` added when the credential travels there.
    fn target(&self) -> String {
        let credential = self
            .credential
            .as_ref()
            .filter(|_| self.carrier == Carrier::Query);
        let token = credential.map(|token| format!("token={}", percent_encode(token.expose())));
        let query: Vec<&str> = self
            .url
            .query()
            .into_iter()
            .chain(token.as_deref())
            .collect();
        let separator = if query.is_empty() { "" } else { "?" };
        format!("{}{separator}{}", self.url.path(), query.join("&"))
    }

    fn credential_header(&self) -> anyhow::Result<Option<(header::HeaderName, HeaderValue)>> {
        let Some(credential) = &self.credential else {
            return Ok(None);
        };
        let (name, before) = match self.carrier {
            Carrier::Query => return Ok(None),
            Carrier::Header => (header::AUTHORIZATION, "Bearer "),
            Carrier::Subprotocol if credential.expose().iter().copied().all(is_of_a_token) => {
                (header::SEC_WEBSOCKET_PROTOCOL, "bearer, ")
            }
            Carrier::Subprotocol => bail!("this credential has characters no subprotocol may have"),
        };
        let value = [before.as_bytes(), credential.expose()].concat();
        // The cause is not shown: it must not repeat the value.
        let mut value = HeaderValue::from_bytes(&value)
            .map_err(|_| anyhow!("this credential has characters no header may have"))?;
        value.set_sensitive(true);
        Ok(Some((name, value)))
    }

    async fn stream(&self) -> anyhow::Result<Box<dyn Stream>> {
        let authority = self.url.authority().context("the URL names no host")?;
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let (port, tls) = match self.url.scheme_str() {
            Some("wss" | "https") => (443, true),
            Some("ws" | "http") => (80, false),
            _ => bail!("the URL must begin with wss:// or ws://"),
        };
        let port = self.url.port_u16().unwrap_or(port);
        let server = Server {
            tls: tls.then(|| self.trust(&host)).transpose()?,
            address: Address::Name { host, port },
        };
        let stream = server.open().await;
        stream.with_context(|| format!("connecting to {authority}"))
    }

    fn trust(&self, host: &str) -> anyhow::Result<BackendTls> {
        Ok(BackendTls {
            config: client_config(self.ca.as_deref())?,
            name: ServerName::try_from(host.to_owned())?,
        })
    }
}

/// Everything but unreserved characters (RFC 3986 §2.3) as `%XX`.
pub(super) fn percent_encode(bytes: &[u8]) -> String {
    let encode = |byte: &u8| match *byte {
        b'-' | b'.' | b'_' | b'~' => char::from(*byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    bytes.iter().map(encode).collect::<Vec<_>>().concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dial(url: &'static str, credential: &str, carrier: Carrier) -> Dial {
        Dial {
            url: Uri::from_static(url),
            credential: Some(Secret::new(credential)),
            carrier,
            ca: None,
        }
    }

    #[test]
    fn the_query_carrier_adds_an_encoded_parameter() {
        let target = |url| dial(url, "a+b/c=", Carrier::Query).target();
        assert_eq!(target("wss://h/ws/alice"), "/ws/alice?token=a%2Bb%2Fc%3D");
        assert_eq!(target("wss://h?x=1"), "/?x=1&token=a%2Bb%2Fc%3D");
    }

    #[test]
    fn a_header_holds_the_credential_and_is_marked_sensitive() {
        let dial = dial("ws://h/", "key", Carrier::Header);
        let (name, value) = dial.credential_header().unwrap().unwrap();
        assert_eq!(
            (name, value.as_bytes()),
            (header::AUTHORIZATION, &b"Bearer key"[..])
        );
        assert!(value.is_sensitive());
        assert_eq!(dial.target(), "/");
    }

    #[test]
    fn what_no_subprotocol_can_hold_is_refused_without_being_repeated() {
        let dial = dial("ws://h/", "hunter2 =", Carrier::Subprotocol);
        let error = dial.credential_header().unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn a_credential_in_the_url_is_refused() {
        let dial = dial("ws://user:pass@h/", "key", Carrier::Query);
        assert!(dial.request("nonce").is_err());
    }
}
