//! The Cat's default CORS: any origin, credentials allowed.

use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header, request::Parts};

use super::reply::{self, Body};

/// The answer to a preflight, when the request is one: every origin is reflected.
pub(super) fn preflight(head: &Parts) -> Option<Response<Body>> {
    let origin = head.headers.get(header::ORIGIN)?;
    let asks = head
        .headers
        .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if head.method != Method::OPTIONS || !asks {
        return None;
    }
    let mut response = reply::with_body(StatusCode::OK, "text/plain; charset=utf-8", "OK".into());
    let headers = response.headers_mut();
    reflect(origin, headers);
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"),
    );
    headers.insert(
        header::ACCESS_CONTROL_MAX_AGE,
        HeaderValue::from_static("600"),
    );
    if let Some(wanted) = head.headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
    Some(response)
}

/// Adds the headers of an ordinary answer: `*`, or the origin itself when a cookie came along.
pub(super) fn decorate(request: &HeaderMap, answer: &mut HeaderMap) {
    let Some(origin) = request.get(header::ORIGIN) else {
        return;
    };
    if request.contains_key(header::COOKIE) {
        reflect(origin, answer);
    } else {
        allow(HeaderValue::from_static("*"), answer);
    }
}

fn reflect(origin: &HeaderValue, answer: &mut HeaderMap) {
    allow(origin.clone(), answer);
    answer.insert(header::VARY, HeaderValue::from_static("Origin"));
}

fn allow(origin: HeaderValue, answer: &mut HeaderMap) {
    answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    answer.insert(
        header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
        HeaderValue::from_static("true"),
    );
}
