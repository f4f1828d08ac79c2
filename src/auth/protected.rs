//! [`Protected`]: the headers that a client may not set, in any spelling.

use std::collections::HashSet;

use http::{HeaderMap, HeaderName, header};

/// Names compared with case, `-` and `_` folded, since backends fold them too (CGI does).
#[derive(Debug, Clone)]
pub struct Protected(HashSet<Box<[u8]>>);

/// Credential, framing, hop-by-hop (RFC 9110 §7.6.1) and forwarding headers, and those that some
/// servers take for the real target; whatever the profile adds comes on top.
const ALWAYS: [&str; 26] = [
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
    "x-original-url",
    "x-rewrite-url",
    "x-http-method-override",
    "x-request-id",
    "user-id",
];

/// However a name goes on that begins so, it tells of the way a request came.
const FORWARDING: &[u8] = b"x-forwarded-";

/// Longer names than this are never protected ones.
const LONGEST: usize = 64;

impl Protected {
    /// The headers that are always protected, and these.
    pub fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let folded = |name: &str| name.bytes().map(fold).collect();
        Self(ALWAYS.into_iter().chain(names).map(folded).collect())
    }

    /// Whether a client may not set this header.
    #[must_use]
    pub fn holds(&self, name: &HeaderName) -> bool {
        let mut buffer = [0; LONGEST];
        let name = name.as_str().as_bytes();
        let Some(folded) = buffer.get_mut(..name.len()) else {
            return false;
        };
        for (to, from) in folded.iter_mut().zip(name) {
            *to = fold(*from);
        }
        folded.starts_with(FORWARDING) || self.0.contains(&*folded)
    }

    /// Removes the protected headers, and those that a `Connection` line nominates.
    pub(super) fn strip(&self, headers: &mut HeaderMap) {
        let nominated: Vec<HeaderName> = headers
            .get_all(header::CONNECTION)
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','))
            .filter_map(|option| HeaderName::try_from(option.trim()).ok())
            .filter(|name| headers.contains_key(name) && !self.kept_despite_nomination(name))
            .collect();
        let protected: Vec<HeaderName> = headers
            .keys()
            .filter(|name| self.holds(name))
            .cloned()
            .collect();
        for name in nominated.iter().chain(&protected) {
            headers.remove(name);
        }
    }

    /// A handshake's own headers are end-to-end, whatever a client nominates.
    fn kept_despite_nomination(&self, name: &HeaderName) -> bool {
        self.holds(name)
            || *name == header::SEC_WEBSOCKET_KEY
            || *name == header::SEC_WEBSOCKET_VERSION
            || *name == header::COOKIE
    }
}

fn fold(byte: u8) -> u8 {
    match byte {
        b'_' => b'-',
        other => other.to_ascii_lowercase(),
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
    fn what_a_connection_line_nominates_goes_too() {
        let protected = Protected::new(["user_id"]);
        let mut headers = HeaderMap::new();
        headers.append("connection", "close, x-a".parse().unwrap());
        headers.append("connection", "x-b".parse().unwrap());
        headers.append("x-a", "1".parse().unwrap());
        headers.append("x-b", "1".parse().unwrap());
        headers.append("x-c", "1".parse().unwrap());
        protected.strip(&mut headers);
        assert_eq!(headers.keys().collect::<Vec<_>>(), ["x-c"]);
    }
}
