//! The backend's forms of an answer, as measured on the original.

use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use serde_json::{Value, json};

/// Body of every answer: whole, or streamed.
pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// 200 with a JSON value.
pub(super) fn ok(value: &Value) -> Response<Body> {
    json_with(StatusCode::OK, value)
}

/// 200 with text that is JSON.
pub(super) fn json(text: String) -> Response<Body> {
    with_body(StatusCode::OK, "application/json", text.into())
}

/// 403 for a bad credential on HTTP; never 401, no challenge.
pub(super) fn invalid_credentials() -> Response<Body> {
    json_with(
        StatusCode::FORBIDDEN,
        &json!({"detail": {"error": "Invalid Credentials"}}),
    )
}

/// 403 to a WebSocket handshake, whatever was wrong with it.
pub(super) fn refused_handshake() -> Response<Body> {
    let mut response = with_body(StatusCode::FORBIDDEN, "text/plain", Bytes::new());
    response
        .headers_mut()
        .insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// 400 for a body of the wrong shape.
pub(super) fn invalid_body(message: &str) -> Response<Body> {
    let error = json!({"error": [{"type": "json_invalid", "loc": ["body"], "msg": message}]});
    json_with(StatusCode::BAD_REQUEST, &error)
}

/// 500, as the Cat answers a message without text.
pub(super) fn internal_error() -> Response<Body> {
    let body = Bytes::from_static(b"Internal Server Error");
    with_body(
        StatusCode::INTERNAL_SERVER_ERROR,
        "text/plain; charset=utf-8",
        body,
    )
}

/// 404.
pub(super) fn not_found() -> Response<Body> {
    json_with(StatusCode::NOT_FOUND, &json!({"detail": "Not Found"}))
}

/// 405, naming the method that would have done.
pub(super) fn method_not_allowed(allow: &'static str) -> Response<Body> {
    let mut response = json_with(
        StatusCode::METHOD_NOT_ALLOWED,
        &json!({"detail": "Method Not Allowed"}),
    );
    response
        .headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static(allow));
    response
}

/// 307 to an absolute address.
pub(super) fn temporary_redirect(location: &str) -> Response<Body> {
    let mut response = empty(StatusCode::TEMPORARY_REDIRECT);
    if let Ok(value) = HeaderValue::from_str(location) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    response
}

/// No body, no type.
pub(super) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Full::default().boxed_unsync());
    *response.status_mut() = status;
    response
}

/// A body of this type.
pub(super) fn with_body(
    status: StatusCode,
    content_type: &'static str,
    body: Bytes,
) -> Response<Body> {
    let mut response = Response::new(Full::new(body).boxed_unsync());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn json_with(status: StatusCode, value: &Value) -> Response<Body> {
    with_body(status, "application/json", Bytes::from(value.to_string()))
}
