//! Who may speak to the backend by its own lights: two static keys, compared as the Cat compares
//! them, and with the same ways of failing open.

use http::HeaderMap;

use super::target;
use crate::secret::Secret;

/// The backend's own keys. Leaving one unset opens its transport to callers without credential;
/// leaving both unset opens everything.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// `CCAT_API_KEY`: what an HTTP request must carry.
    pub http: Option<Secret>,
    /// `CCAT_API_KEY_WS`: what `?token=` of a WebSocket handshake must carry.
    pub websocket: Option<Secret>,
}

impl Keys {
    /// Whether an HTTP request with these headers gets in.
    pub(super) fn admit_http(&self, headers: &HeaderMap) -> bool {
        self.admit(http_token(headers).as_deref(), self.http.as_ref())
    }

    /// Whether a handshake with this query gets in. An empty `?token=` counts as a token.
    pub(super) fn admit_websocket(&self, query: Option<&str>) -> bool {
        let token = target::last_parameter(query, "token");
        self.admit(token.as_deref(), self.websocket.as_ref())
    }

    fn admit(&self, token: Option<&str>, key: Option<&Secret>) -> bool {
        // Whatever parses as a JWT is judged as one only, and this backend stores no users.
        if token.is_some_and(is_jwt) {
            return false;
        }
        if is_unset(self.http.as_ref()) && is_unset(self.websocket.as_ref()) {
            return true;
        }
        // A missing token equals a missing key: that is how one unset key opens a transport.
        token.map(Secret::new).as_ref() == key
    }
}

/// The identity that an HTTP request asserts: the first `user_id` header, else `user`.
pub(super) fn http_user(headers: &HeaderMap) -> String {
    headers
        .get("user_id")
        .map_or_else(|| "user".to_owned(), |value| latin1(value.as_bytes()))
}

/// Header bytes as text, one character a byte, as the Cat's server decodes them.
pub(super) fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// `Authorization`, with every `Bearer ` cut out wherever it stands; if that is absent or empty,
/// the legacy `access_token`. An empty token is none.
fn http_token(headers: &HeaderMap) -> Option<String> {
    ["authorization", "access_token"]
        .into_iter()
        .filter_map(|name| headers.get(name))
        .map(|value| latin1(value.as_bytes()).replace("Bearer ", ""))
        .find(|token| !token.is_empty())
}

fn is_unset(key: Option<&Secret>) -> bool {
    key.is_none_or(Secret::is_empty)
}

/// Whether an unverified decode would succeed: three parts, the first two JSON objects.
fn is_jwt(token: &str) -> bool {
    let mut parts = token.split('.');
    let (Some(header), Some(claims), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    is_object(header) && is_object(claims) && decode(signature).is_some()
}

fn is_object(part: &str) -> bool {
    decode(part).is_some_and(|bytes| {
        serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&bytes).is_ok()
    })
}

fn decode(part: &str) -> Option<Vec<u8>> {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const JWT: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.c2lnbmF0dXJl";

    fn keys(http: Option<&str>, websocket: Option<&str>) -> Keys {
        Keys {
            http: http.map(Secret::new),
            websocket: websocket.map(Secret::new),
        }
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    /// One row of the measured matrix: HTTP none, good, bad; WebSocket none, empty, good, other.
    fn row(keys: &Keys) -> [bool; 7] {
        let http = |pairs: &[_]| keys.admit_http(&headers(pairs));
        [
            http(&[]),
            http(&[("authorization", "Bearer H")]),
            http(&[("authorization", "Bearer bad")]),
            keys.admit_websocket(None),
            keys.admit_websocket(Some("token=")),
            keys.admit_websocket(Some("token=W")),
            keys.admit_websocket(Some("token=H")),
        ]
    }

    #[test]
    fn one_unset_key_opens_its_transport_as_on_the_real_one() {
        let (yes, no) = (true, false);
        assert_eq!(row(&keys(None, None)), [yes; 7]);
        assert_eq!(
            row(&keys(Some("H"), Some("W"))),
            [no, yes, no, no, no, yes, no]
        );
        assert_eq!(row(&keys(Some("H"), None)), [no, yes, no, yes, no, no, no]);
        assert_eq!(row(&keys(None, Some("W"))), [yes, no, no, no, no, yes, no]);
        assert_eq!(
            row(&keys(Some("H"), Some(""))),
            [no, yes, no, no, yes, no, no]
        );
        assert_eq!(
            row(&keys(Some(""), Some("W"))),
            [no, no, no, no, no, yes, no]
        );
    }

    #[test]
    fn the_dialects_of_the_authorization_header_are_reproduced() {
        let keys = keys(Some("httpkey"), Some("W"));
        let admits = |pairs: &[_]| keys.admit_http(&headers(pairs));
        assert!(admits(&[("authorization", "Bearer httpkey")]));
        assert!(admits(&[("authorization", "httpkey")]));
        assert!(admits(&[("authorization", "httpBearer key")]));
        assert!(admits(&[("access_token", "httpkey")]));
        assert!(admits(&[
            ("authorization", "httpkey"),
            ("authorization", "other")
        ]));
        assert!(!admits(&[("authorization", "bearer httpkey")]));
        assert!(!admits(&[("authorization", "Bearer  httpkey")]));
        assert!(!admits(&[("access-token", "httpkey")]));
        assert!(!admits(&[
            ("authorization", "bad"),
            ("access_token", "httpkey")
        ]));
    }

    #[test]
    fn a_jwt_is_refused_even_when_every_door_is_open() {
        let open = Keys::default();
        assert!(!open.admit_http(&headers(&[("authorization", &format!("Bearer {JWT}"))])));
        assert!(!open.admit_websocket(Some(&format!("token={JWT}"))));
        assert!(open.admit_websocket(Some("token=not.a.jwt")));
    }

    #[test]
    fn the_first_user_id_header_is_believed() {
        assert_eq!(http_user(&headers(&[])), "user");
        assert_eq!(
            http_user(&headers(&[("user_id", "a"), ("user_id", "b")])),
            "a"
        );
        assert_eq!(http_user(&headers(&[("user_id", "")])), "");
        assert_eq!(http_user(&headers(&[("user-id", "a")])), "user");
    }
}
