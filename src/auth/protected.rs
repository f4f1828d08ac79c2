//! [`Protected`]: the headers that a client may not set, in any spelling.

use http::{HeaderMap, HeaderName, header};

/// Names compared with case and whatever is no letter or digit folded, since backends fold them too:
/// WSGI `-` and `_`, some CGI servers all of it.
#[derive(Debug, Clone)]
pub struct Protected {
    /// The folded names, each at its [`mark`]: where another name looks, there is usually none.
    names: Vec<Vec<Box<[u8]>>>,
}

/// Credential, framing, hop-by-hop (RFC 9110 §7.6.1) and forwarding headers, those that some
/// servers take for the real target or method, and those by which other proxies name the caller;
/// whatever the profile adds comes on top.
const ALWAYS: [&str; 81] = [
    "authorization",
    "access-token",
    "x-api-key",
    "api-key",
    "proxy-authorization",
    "proxy-authenticate",
    "content-length",
    "transfer-encoding",
    "te",
    "trailer",
    "host",
    "connection",
    "keep-alive",
    "proxy-connection",
    "upgrade",
    "http2-settings",
    "expect",
    "sec-websocket-protocol",
    "sec-websocket-accept",
    "forwarded",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "x-original-url",
    "x-original-uri",
    "x-original-host",
    "x-rewrite-url",
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-request-id",
    "user-id",
    "userid",
    "x-user",
    "x-user-id",
    "remote-user",
    "remote-name",
    "remote-email",
    "remote-groups",
    "x-remote-user",
    "x-remote-group",
    "x-auth-request-user",
    "x-auth-request-email",
    "x-auth-request-groups",
    "x-auth-request-preferred-username",
    "x-auth-request-access-token",
    "x-webauth-user",
    "x-webauth-email",
    "x-webauth-name",
    "x-authenticated-user",
    "x-authenticated-userid",
    "x-authentik-username",
    "x-authentik-email",
    "x-authentik-groups",
    "x-vouch-user",
    "x-consumer-id",
    "x-consumer-custom-id",
    "x-consumer-username",
    "x-credential-identifier",
    "x-amzn-oidc-identity",
    "x-amzn-oidc-data",
    "x-amzn-oidc-accesstoken",
    "x-goog-authenticated-user-email",
    "x-goog-authenticated-user-id",
    "x-goog-iap-jwt-assertion",
    "x-ms-client-principal",
    "x-ms-client-principal-id",
    "x-ms-client-principal-idp",
    "x-ms-client-principal-name",
    "cf-access-authenticated-user-email",
    "cf-access-jwt-assertion",
    "tailscale-user-login",
    "tailscale-user-name",
    "client-cert",
    "client-cert-chain",
    "x-client-cert",
    "x-ssl-client-cert",
    "x-ssl-client-s-dn",
    "x-ssl-client-verify",
];

/// However a name goes on that begins so, it tells of the way a request came.
const FORWARDING: &[u8] = b"x-forwarded-";

impl Protected {
    /// The headers that are always protected, and these.
    pub fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let mut by_mark = vec![Vec::new(); usize::from(u8::MAX) + 1];
        for name in ALWAYS.into_iter().chain(names) {
            if let Some(alike) = by_mark.get_mut(mark(name.as_bytes())) {
                alike.push(name.bytes().map(fold).collect());
            }
        }
        Self { names: by_mark }
    }

    /// Whether a client may not set this header.
    #[must_use]
    pub fn holds(&self, name: &HeaderName) -> bool {
        let name = name.as_str().as_bytes();
        let beginning = name.get(..FORWARDING.len());
        let mut alike = self.names.get(mark(name)).into_iter().flatten();
        alike.any(|protected| folds_to(name, protected))
            || beginning.is_some_and(|beginning| folds_to(beginning, FORWARDING))
    }

    /// Removes the protected headers, and those that a `Connection` line nominates.
    pub(super) fn strip(&self, headers: &mut HeaderMap) {
        let mut gone: Vec<HeaderName> = Vec::with_capacity(8);
        gone.extend(headers.keys().filter(|name| self.holds(name)).cloned());
        let options = headers.get_all(header::CONNECTION).iter();
        let options = options.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
        let options = options.map(<[u8]>::trim_ascii);
        for option in options.filter(|option| !is_usual(option)) {
            if let Ok(name) = HeaderName::try_from(option)
                && headers.contains_key(&name)
                && !is_of_the_handshake(&name)
            {
                gone.push(name);
            }
        }
        for name in &gone {
            headers.remove(name);
        }
    }
}

/// What names have in common that fold to the same: a number below 256, of their length and both ends.
fn mark(name: &[u8]) -> usize {
    let end = |byte: Option<&u8>| byte.map_or(0, |byte| usize::from(fold(*byte)));
    (name.len() * 37 + end(name.first()) * 5 + end(name.last()) * 11) % 256
}

fn folds_to(name: &[u8], folded: &[u8]) -> bool {
    let mut both = name.iter().zip(folded);
    name.len() == folded.len() && both.all(|(byte, folded)| fold(*byte) == *folded)
}

/// Options that nominate no header.
fn is_usual(option: &[u8]) -> bool {
    [&b"keep-alive"[..], b"close", b"upgrade"]
        .iter()
        .any(|usual| usual.eq_ignore_ascii_case(option))
}

/// A handshake's own headers are end-to-end, whatever a client nominates.
fn is_of_the_handshake(name: &HeaderName) -> bool {
    *name == header::SEC_WEBSOCKET_KEY || *name == header::SEC_WEBSOCKET_VERSION
}

fn fold(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() {
        byte.to_ascii_lowercase()
    } else {
        b'-'
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_protected_header_is_stripped() {
        let protected = Protected::new(["user_id", "x-tenant"]);
        let mut headers = HeaderMap::new();
        for name in [
            "user_id",
            "user-id",
            "User-Id",
            "USER_ID",
            "x_forwarded_for",
            "X-Tenant",
            "Transfer_Encoding",
            "content_length",
            "access_token",
            "x-api_key",
            "user.id",
            "user~id",
            "X|Tenant",
        ] {
            headers.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                "evil".parse().unwrap(),
            );
        }
        headers.append("x_custom", "kept".parse().unwrap());
        headers.append("user-idx", "kept".parse().unwrap());
        protected.strip(&mut headers);
        assert_eq!(headers.len(), 2, "{headers:?}");
    }

    #[test]
    fn a_long_name_is_protected_by_its_beginning() {
        let protected = Protected::new([]);
        let name = |text: &str| HeaderName::from_bytes(text.as_bytes()).unwrap();
        assert!(protected.holds(&name(&format!("x_forwarded_{}", "y".repeat(100)))));
        assert!(!protected.holds(&name(&"user-id".repeat(20))));
    }

    #[test]
    fn no_protected_name_is_overlooked() {
        let own = ["user_id", "_x", "9-lives"];
        let protected = Protected::new(own);
        for name in ALWAYS
            .into_iter()
            .chain(own)
            .chain(["x-forwarded-anything"])
        {
            for spelling in [name.to_owned(), name.replace('-', "_")] {
                let name = HeaderName::from_bytes(spelling.as_bytes()).unwrap();
                assert!(protected.holds(&name), "{name}");
            }
        }
        for name in ["accept", "user-agent", "x-custom", "content-type"] {
            assert!(!protected.holds(&HeaderName::from_static(name)), "{name}");
        }
    }

    #[test]
    fn what_a_handshake_needs_is_nominated_in_vain() {
        let protected = Protected::new([]);
        let mut headers = HeaderMap::new();
        let line = "upgrade, sec-websocket-key, Sec-WebSocket-Version, sec-websocket-extensions";
        headers.append("connection", line.parse().unwrap());
        for name in [
            "sec-websocket-key",
            "sec-websocket-version",
            "sec-websocket-extensions",
        ] {
            headers.append(name, "1".parse().unwrap());
        }
        protected.strip(&mut headers);
        assert!(headers.contains_key("sec-websocket-key"));
        assert!(headers.contains_key("sec-websocket-version"));
        assert_eq!(headers.len(), 2, "{headers:?}");
    }

    #[test]
    fn what_a_connection_line_nominates_goes_too() {
        let protected = Protected::new(["user_id"]);
        let mut headers = HeaderMap::new();
        headers.append("connection", "close, x-a".parse().unwrap());
        let line = http::HeaderValue::from_bytes(b"\xff, x-b").unwrap();
        headers.append("connection", line);
        headers.append("x-a", "1".parse().unwrap());
        headers.append("x-b", "1".parse().unwrap());
        headers.append("x-c", "1".parse().unwrap());
        protected.strip(&mut headers);
        assert_eq!(headers.keys().collect::<Vec<_>>(), ["x-c"]);
    }
}
