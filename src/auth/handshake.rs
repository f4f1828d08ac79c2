//! [`Transport`] of a request, and what a WebSocket handshake must look like (RFC 6455 §4.2.1).

use http::{Method, Version, header, request::Parts};

use super::Denial;

/// How the request talks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Request and response.
    Http,
    /// A WebSocket handshake over HTTP/1.1, and the tunnel after it.
    WebSocket,
}

/// Tells a WebSocket handshake from an ordinary request.
///
/// Any other upgrade counts as an ordinary request; its `Upgrade` header is not forwarded.
///
/// # Errors
/// When it asks for a WebSocket in a way that a backend might read differently.
pub(super) fn transport(head: &Parts) -> Result<Transport, Denial> {
    if !asks_for_websocket(head)? {
        return Ok(Transport::Http);
    }
    if head.method != Method::GET {
        return Err(Denial::Malformed("websocket handshake is not a GET"));
    }
    let headers = &head.headers;
    if headers.contains_key(header::TRANSFER_ENCODING)
        || headers
            .get_all(header::CONTENT_LENGTH)
            .iter()
            .any(|length| length != "0")
    {
        return Err(Denial::Malformed("websocket handshake with a body"));
    }
    let version: Vec<_> = headers
        .get_all(header::SEC_WEBSOCKET_VERSION)
        .iter()
        .collect();
    if !matches!(version.as_slice(), [only] if *only == "13") {
        return Err(Denial::UnsupportedWebSocketVersion);
    }
    let key: Vec<_> = headers.get_all(header::SEC_WEBSOCKET_KEY).iter().collect();
    match key.as_slice() {
        [only] if is_nonce(only.as_bytes()) => Ok(Transport::WebSocket),
        _ => Err(Denial::Malformed("invalid websocket key")),
    }
}

fn asks_for_websocket(head: &Parts) -> Result<bool, Denial> {
    if head.version != Version::HTTP_11 || !head.headers.contains_key(header::UPGRADE) {
        return Ok(false);
    }
    let upgrades = head.headers.get_all(header::UPGRADE).iter();
    let named = |text: &str| text.trim().eq_ignore_ascii_case("websocket");
    let offers: Vec<&str> = upgrades
        .flat_map(|line| line.to_str().unwrap_or_default().split(','))
        .collect();
    match offers.as_slice() {
        [only] if named(only) => Ok(connection_upgrades(head)),
        several if several.iter().any(|offer| named(offer)) => {
            Err(Denial::Malformed("several upgrades"))
        }
        _ => Ok(false),
    }
}

fn connection_upgrades(head: &Parts) -> bool {
    head.headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|line| line.to_str().unwrap_or_default().split(','))
        .any(|option| option.trim().eq_ignore_ascii_case("upgrade"))
}

/// Base64 of 16 bytes (RFC 6455 §4.1).
fn is_nonce(key: &[u8]) -> bool {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD
        .decode(key)
        .is_ok_and(|bytes| bytes.len() == 16)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn of(method: &str, headers: &[(&str, &str)]) -> Result<Transport, Denial> {
        let mut request = Request::builder().method(method).uri("/ws");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        transport(&request.body(()).unwrap().into_parts().0)
    }

    const KEY: (&str, &str) = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    const UPGRADE: (&str, &str) = ("upgrade", "WebSocket");
    const CONNECTION: (&str, &str) = ("connection", "keep-alive, Upgrade");
    const VERSION: (&str, &str) = ("sec-websocket-version", "13");

    #[test]
    fn a_proper_handshake_is_a_websocket() {
        assert_eq!(
            of("GET", &[UPGRADE, CONNECTION, VERSION, KEY]),
            Ok(Transport::WebSocket)
        );
    }

    #[test]
    fn other_upgrades_are_ordinary_requests() {
        for upgrade in ["h2c", "foo", "TLS/1.0"] {
            assert_eq!(
                of("GET", &[("upgrade", upgrade), CONNECTION]),
                Ok(Transport::Http)
            );
        }
        assert_eq!(of("GET", &[UPGRADE, VERSION, KEY]), Ok(Transport::Http));
        assert_eq!(of("GET", &[]), Ok(Transport::Http));
    }

    #[test]
    fn only_http_1_1_has_upgrades() {
        let lines = [UPGRADE, CONNECTION, VERSION, KEY];
        for (version, transport) in [
            (Version::HTTP_10, Transport::Http),
            (Version::HTTP_11, Transport::WebSocket),
            (Version::HTTP_2, Transport::Http),
        ] {
            let mut request = Request::builder().uri("/ws").version(version);
            for (name, value) in lines {
                request = request.header(name, value);
            }
            let (head, ()) = request.body(()).unwrap().into_parts();
            assert_eq!(super::transport(&head), Ok(transport), "{version:?}");
        }
    }

    #[test]
    fn a_doubtful_handshake_is_refused() {
        let version_8 = ("sec-websocket-version", "8");
        assert_eq!(
            of("GET", &[UPGRADE, CONNECTION, version_8, KEY]),
            Err(Denial::UnsupportedWebSocketVersion)
        );
        for headers in [
            &[UPGRADE, CONNECTION, VERSION][..],
            &[UPGRADE, CONNECTION, VERSION, ("sec-websocket-key", "short")],
            &[UPGRADE, CONNECTION, VERSION, KEY, KEY],
            &[UPGRADE, CONNECTION, VERSION, KEY, ("content-length", "5")],
            &[
                UPGRADE,
                CONNECTION,
                VERSION,
                KEY,
                ("transfer-encoding", "chunked"),
            ],
            &[("upgrade", "websocket, h2c"), CONNECTION, VERSION, KEY],
        ] {
            assert!(
                matches!(of("GET", headers), Err(Denial::Malformed(_))),
                "{headers:?}"
            );
        }
        assert!(of("POST", &[UPGRADE, CONNECTION, VERSION, KEY]).is_err());
    }
}
