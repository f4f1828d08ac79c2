//! Cross-origin requests of browsers (Fetch standard, "CORS protocol"): preflights are answered
//! before authentication, since a browser sends them without credentials.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, request};

use crate::snapshot::Cors;

const ALLOWED_METHODS: HeaderValue =
    HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");
const TRUE: HeaderValue = HeaderValue::from_static("true");
const ANY: HeaderValue = HeaderValue::from_static("*");
const VARY_PREFLIGHT: HeaderValue = HeaderValue::from_static(
    "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
);
const VARY_ORIGIN: HeaderValue = HeaderValue::from_static("Origin");
const EXPOSED: HeaderValue = HeaderValue::from_static("X-Request-Id");

/// What CORS has to say on one request.
#[derive(Debug)]
pub(super) enum Crossing {
    /// Nothing: it is off.
    Untouched,
    /// The request comes from no other origin, or from one that isn't allowed.
    Silent,
    /// Any origin may read the answer.
    Any,
    /// This origin may read the answer.
    Allowed(HeaderValue),
}

impl Crossing {
    /// Judges a request by its `Origin`.
    pub(super) fn of(cors: &Cors, headers: &HeaderMap) -> Self {
        if *cors == Cors::Off {
            return Self::Untouched;
        }
        let mut origins = headers.get_all(header::ORIGIN).iter();
        match (cors, origins.next(), origins.next()) {
            (Cors::Any, Some(_), None) => Self::Any,
            (Cors::Origins(allowed), Some(origin), None) if allowed.contains(origin) => {
                Self::Allowed(origin.clone())
            }
            _ => Self::Silent,
        }
    }

    /// The headers of a preflight's answer, when the request is one that is ours to answer.
    pub(super) fn preflight(&self, head: &request::Parts) -> Option<HeaderMap> {
        if matches!(self, Self::Untouched)
            || head.method != Method::OPTIONS
            || !head.headers.contains_key(header::ORIGIN)
            || !head
                .headers
                .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
        {
            return None;
        }
        let mut headers = HeaderMap::with_capacity(8);
        if self.allow(&mut headers) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, ALLOWED_METHODS);
            if let Some(asked) = head.headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
                headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
            }
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        }
        headers.insert(header::VARY, VARY_PREFLIGHT);
        Some(headers)
    }

    /// Puts our word into an answer, in place of the backend's.
    pub(super) fn apply(&self, headers: &mut HeaderMap) {
        if matches!(self, Self::Untouched) {
            return;
        }
        for name in BACKENDS_OWN {
            headers.remove(name);
        }
        headers.append(header::VARY, VARY_ORIGIN);
        if self.allow(headers) && !headers.contains_key(header::ACCESS_CONTROL_EXPOSE_HEADERS) {
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }

    /// Names the origin that may read the answer, if one may.
    fn allow(&self, headers: &mut HeaderMap) -> bool {
        let origin = match self {
            Self::Untouched | Self::Silent => return false,
            Self::Any => ANY,
            Self::Allowed(origin) => {
                headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
                origin.clone()
            }
        };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        true
    }
}

/// What a backend may say of origins; which headers a script may read stays its own affair.
const BACKENDS_OWN: [HeaderName; 5] = [
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
    header::ACCESS_CONTROL_ALLOW_METHODS,
    header::ACCESS_CONTROL_ALLOW_HEADERS,
    header::ACCESS_CONTROL_MAX_AGE,
];

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn cors() -> Cors {
        Cors::Origins(vec![HeaderValue::from_static("https://app.example")])
    }

    fn preflight(origin: &str) -> request::Parts {
        Request::options("/message")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization, user_id")
            .body(())
            .unwrap()
            .into_parts()
            .0
    }

    #[test]
    fn a_preflight_of_an_allowed_origin_may_send_what_it_asks_for() {
        let head = preflight("https://app.example");
        let answer = Crossing::of(&cors(), &head.headers)
            .preflight(&head)
            .unwrap();
        assert_eq!(
            answer.get("access-control-allow-origin").unwrap(),
            "https://app.example"
        );
        assert_eq!(
            answer.get("access-control-allow-headers").unwrap(),
            "authorization, user_id"
        );
        assert!(answer.get("access-control-allow-methods").is_some());
    }

    #[test]
    fn a_preflight_of_another_origin_is_answered_without_permission() {
        for origin in ["https://app.example.evil", "null", "http://app.example"] {
            let head = preflight(origin);
            let answer = Crossing::of(&cors(), &head.headers)
                .preflight(&head)
                .unwrap();
            let names: Vec<_> = answer.keys().map(HeaderName::as_str).collect();
            assert_eq!(names, ["vary"]);
        }
    }

    #[test]
    fn without_cors_and_for_plain_options_there_is_no_preflight() {
        let head = preflight("https://app.example");
        assert!(
            Crossing::of(&Cors::Off, &head.headers)
                .preflight(&head)
                .is_none()
        );
        let mut plain = head;
        plain.headers.remove("access-control-request-method");
        assert!(
            Crossing::of(&cors(), &plain.headers)
                .preflight(&plain)
                .is_none()
        );
    }

    #[test]
    fn the_backends_word_is_replaced() {
        let mut request = HeaderMap::new();
        request.insert("origin", HeaderValue::from_static("https://evil.example"));
        let mut answer = HeaderMap::new();
        answer.insert("access-control-allow-origin", HeaderValue::from_static("*"));
        answer.insert(
            "access-control-allow-credentials",
            HeaderValue::from_static("true"),
        );
        Crossing::of(&cors(), &request).apply(&mut answer);
        assert!(answer.get("access-control-allow-origin").is_none());
        assert!(answer.get("access-control-allow-credentials").is_none());
        assert_eq!(answer.get("vary").unwrap(), "Origin");
    }

    #[test]
    fn any_origin_comes_without_credentials() {
        let mut headers = HeaderMap::new();
        headers.insert("origin", HeaderValue::from_static("https://a.example"));
        let crossing = Crossing::of(&Cors::Any, &headers);
        let mut answer = HeaderMap::new();
        crossing.apply(&mut answer);
        assert_eq!(answer.get("access-control-allow-origin").unwrap(), "*");
        assert!(answer.get("access-control-allow-credentials").is_none());
    }
}
