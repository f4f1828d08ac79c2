//! [`BackendCookie`]: the backend's own credential as one of its cookies.

use http::{HeaderMap, HeaderValue, header};

use crate::secret::Secret;

/// `name=secret`, for pages that a backend guards by a cookie of its own and by nothing else.
#[derive(Clone)]
pub struct BackendCookie(Secret);

/// No cookie can hold this secret (RFC 6265 §4.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this secret can't be sent in a cookie: it has other characters than a cookie may have")]
pub struct NoCookieValue;

impl BackendCookie {
    /// Under this name, which is a token.
    ///
    /// # Errors
    /// When the secret has a character that ends a cookie's value, or is quoted in one.
    pub fn new(name: &str, secret: &Secret) -> Result<Self, NoCookieValue> {
        let value = secret.expose();
        if !value.iter().copied().all(is_of_a_value) {
            return Err(NoCookieValue);
        }
        Ok(Self(Secret::new([name.as_bytes(), b"=", value].concat())))
    }

    /// Puts it behind the cookies that are there, in one line.
    pub(super) fn add(&self, headers: &mut HeaderMap) {
        let others = headers.get(header::COOKIE).map(HeaderValue::as_bytes);
        let line = match others {
            Some(others) => [others, b"; ", self.0.expose()].concat(),
            None => self.0.expose().to_vec(),
        };
        if let Ok(mut line) = HeaderValue::from_maybe_shared(bytes::Bytes::from(line)) {
            line.set_sensitive(true);
            headers.insert(header::COOKIE, line);
        }
    }
}

/// `cookie-octet`.
const fn is_of_a_value(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\')
}

impl std::fmt::Debug for BackendCookie {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BackendCookie(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_would_be_two_cookies_is_none() {
        for secret in ["a;b", "a b", "a,b", "\"a\"", "a\\b", "a\nb", "ä"] {
            let cookie = BackendCookie::new("login", &Secret::new(secret));
            assert_eq!(cookie.err(), Some(NoCookieValue), "{secret:?}");
        }
    }

    #[test]
    fn it_stands_behind_what_is_there_and_does_not_show_itself() {
        let cookie = BackendCookie::new("login", &Secret::new("k3y=")).unwrap();
        let mut headers = HeaderMap::new();
        cookie.add(&mut headers);
        assert_eq!(headers.get(header::COOKIE).unwrap(), "login=k3y=");
        headers.insert(header::COOKIE, HeaderValue::from_static("a=1"));
        cookie.add(&mut headers);
        assert_eq!(headers.get(header::COOKIE).unwrap(), "a=1; login=k3y=");
        assert!(!format!("{cookie:?} {headers:?}").contains("k3y"));
    }
}
