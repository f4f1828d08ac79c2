//! Our own answers: the only place of ours that picks a status.
//!
//! Within one status the headers and the body are the same whatever the reason (interface §5);
//! the reason is for the log.

use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};

use super::upstream::Failure;
use crate::auth::{Denial, Ending, Rejection, Transport};
use crate::sessions::EndReason;
use crate::snapshot::{Answer, Form, Replies};

/// Why the sidecar answers by itself.
#[derive(Clone, Copy, Debug)]
pub(super) enum Refusal {
    /// The gate said no.
    Denied(Denial, Transport),
    /// It said yes, and would not any more.
    Ended(Ending, Transport),
    /// The backend gave no usable answer.
    Failed(Failure),
    /// The request target is longer than allowed.
    TargetTooLong,
    /// There are more headers than allowed.
    TooManyHeaders,
    /// Too many requests or open sockets, or too many bad credentials.
    TooMany {
        /// Until when it is no use to try again.
        retry_after: Duration,
    },
    /// A request that is for us has more of a body than we read.
    ContentTooLarge,
    /// Whoever would answer has too much to do.
    Unavailable {
        /// Until when it is no use to try again.
        retry_after: Duration,
    },
    /// A defect of ours.
    Panicked,
}

impl Refusal {
    /// The answer, in the profile's form.
    pub(super) fn answer(self, replies: &Replies) -> Response<Bytes> {
        match self {
            Self::Denied(denial, transport) => denied(denial, transport, replies),
            Self::Ended(ending, transport) => denied(ended(ending), transport, replies),
            Self::Failed(failure) => plain(failed(failure), replies),
            Self::TargetTooLong => plain(StatusCode::URI_TOO_LONG, replies),
            Self::TooManyHeaders => plain(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, replies),
            Self::TooMany { retry_after } => {
                later(StatusCode::TOO_MANY_REQUESTS, retry_after, replies)
            }
            Self::ContentTooLarge => plain(StatusCode::PAYLOAD_TOO_LARGE, replies),
            Self::Unavailable { retry_after } => {
                later(StatusCode::SERVICE_UNAVAILABLE, retry_after, replies)
            }
            Self::Panicked => plain(StatusCode::INTERNAL_SERVER_ERROR, replies),
        }
    }

    /// A short name for logs and metrics.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Denied(denial, _) => denial.reason(),
            Self::Ended(ending, _) => EndReason::from(ending).as_str(),
            Self::Failed(failure) => failure.reason(),
            Self::TargetTooLong => "target_too_long",
            Self::TooManyHeaders => "too_many_headers",
            Self::TooMany { .. } => "too_many",
            Self::ContentTooLarge => "content_too_large",
            Self::Unavailable { .. } => "unavailable",
            Self::Panicked => "panic",
        }
    }
}

/// When it is worth a try again what a store had to say that could not be read yet.
const STORE_PATIENCE: Duration = Duration::from_secs(1);

fn denied(denial: Denial, transport: Transport, replies: &Replies) -> Response<Bytes> {
    let status = match denial {
        Denial::NoCredential | Denial::Unauthenticated(_) => {
            return whole(match transport {
                Transport::Http => &replies.unauthenticated,
                Transport::WebSocket => &replies.unauthenticated_handshake,
            });
        }
        Denial::Forbidden
        | Denial::MayNotActAs
        | Denial::ForeignOrigin
        | Denial::SessionAlone
        | Denial::NoPlaceForIdentity => {
            return whole(match transport {
                Transport::Http => &replies.forbidden,
                Transport::WebSocket => &replies.forbidden_handshake,
            });
        }
        Denial::UnsupportedWebSocketVersion => {
            let mut response = plain(StatusCode::UPGRADE_REQUIRED, replies);
            let headers = response.headers_mut();
            headers.insert(
                header::SEC_WEBSOCKET_VERSION,
                HeaderValue::from_static("13"),
            );
            headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            return response;
        }
        Denial::StoreUnread => {
            return later(StatusCode::SERVICE_UNAVAILABLE, STORE_PATIENCE, replies);
        }
        Denial::Malformed(_) | Denial::Ambiguous => StatusCode::BAD_REQUEST,
        Denial::WrongHost => StatusCode::MISDIRECTED_REQUEST,
        Denial::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Denial::ExpectationFailed => StatusCode::EXPECTATION_FAILED,
    };
    plain(status, replies)
}

/// Where a page is wanted that nobody may see without a login: to the form, which leads back.
pub(super) fn to_login(page: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let headers = response.headers_mut();
    // Escaped as it was written, it has only characters that a header takes.
    if let Ok(page) = HeaderValue::from_str(page) {
        headers.insert(header::LOCATION, page);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// As a WebSocket's close codes: 4401 for what has expired, 4403 for what is revoked.
fn ended(ending: Ending) -> Denial {
    match ending {
        Ending::Expired => Rejection::Expired.into(),
        Ending::Revoked => Denial::Forbidden,
    }
}

fn failed(failure: Failure) -> StatusCode {
    match failure {
        Failure::Connect
        | Failure::Tls
        | Failure::Closed
        | Failure::Garbage
        | Failure::BadUpgrade => StatusCode::BAD_GATEWAY,
        Failure::ConnectTimeout | Failure::FirstByteTimeout => StatusCode::GATEWAY_TIMEOUT,
        Failure::RequestBody => StatusCode::BAD_REQUEST,
        Failure::RequestBodyTimeout => StatusCode::REQUEST_TIMEOUT,
    }
}

fn whole(answer: &Answer) -> Response<Bytes> {
    let mut response = Response::new(answer.body.clone());
    *response.status_mut() = answer.status;
    response
        .headers_mut()
        .extend(answer.headers.iter().cloned());
    response
}

fn later(status: StatusCode, after: Duration, replies: &Replies) -> Response<Bytes> {
    let mut response = plain(status, replies);
    let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    response
}

fn plain(status: StatusCode, replies: &Replies) -> Response<Bytes> {
    let (name, sentence) = words(status);
    let (kind, body) = match replies.form {
        Form::Json => (
            "application/json",
            format!(r#"{{"error":"{name}","message":"{sentence}"}}"#),
        ),
        Form::Detail => (
            "application/json",
            format!(r#"{{"detail":{{"error":"{sentence}"}}}}"#),
        ),
        Form::Text => ("text/plain; charset=utf-8", sentence.to_owned()),
    };
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if matches!(
        status,
        StatusCode::BAD_REQUEST | StatusCode::REQUEST_TIMEOUT
    ) {
        // Where it ends may be as unclear as what it means (RFC 9112 §9.6), or nothing more comes
        // (RFC 9110 §15.5.9); not said in HTTP/2.
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        // RFC 9110 §15.5.6 wants one; what the backend allows is not ours to know.
        response.headers_mut().insert(
            header::ALLOW,
            HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
        );
    }
    response
}

fn words(status: StatusCode) -> (&'static str, &'static str) {
    match status {
        StatusCode::BAD_REQUEST => ("bad_request", "The request is malformed or ambiguous"),
        StatusCode::METHOD_NOT_ALLOWED => ("method_not_allowed", "The method is not allowed"),
        StatusCode::REQUEST_TIMEOUT => ("request_timeout", "The request took too long to arrive"),
        StatusCode::PAYLOAD_TOO_LARGE => ("content_too_large", "The request body is too large"),
        StatusCode::URI_TOO_LONG => ("uri_too_long", "The request target is too long"),
        StatusCode::EXPECTATION_FAILED => {
            ("expectation_failed", "The expectation is not supported")
        }
        StatusCode::MISDIRECTED_REQUEST => ("misdirected_request", "This host is not served here"),
        StatusCode::UPGRADE_REQUIRED => ("upgrade_required", "WebSocket version 13 is required"),
        StatusCode::TOO_MANY_REQUESTS => ("too_many_requests", "Too many requests"),
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            ("headers_too_large", "The request has too many headers")
        }
        StatusCode::BAD_GATEWAY => ("bad_gateway", "The backend gave no valid answer"),
        StatusCode::SERVICE_UNAVAILABLE => ("unavailable", "The service is not available now"),
        StatusCode::GATEWAY_TIMEOUT => ("gateway_timeout", "The backend took too long to answer"),
        _ => ("internal_error", "Something went wrong"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Rejection;

    fn replies(form: Form) -> Replies {
        let answer = |status, body: &'static str| Answer {
            status,
            headers: vec![(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))],
            body: Bytes::from_static(body.as_bytes()),
        };
        Replies {
            unauthenticated: answer(StatusCode::UNAUTHORIZED, "who"),
            unauthenticated_handshake: answer(StatusCode::FORBIDDEN, "who on ws"),
            forbidden: answer(StatusCode::FORBIDDEN, "no"),
            forbidden_handshake: answer(StatusCode::FORBIDDEN, "no on ws"),
            form,
        }
    }

    fn status(refusal: Refusal) -> u16 {
        refusal.answer(&replies(Form::Json)).status().as_u16()
    }

    #[test]
    fn a_bad_credential_is_answered_as_the_profile_says_whatever_the_reason() {
        let replies = replies(Form::Json);
        let of = |denial, transport| Refusal::Denied(denial, transport).answer(&replies);
        let none = of(Denial::NoCredential, Transport::Http);
        for rejection in [
            Rejection::Expired,
            Rejection::Unknown,
            Rejection::WrongTransport,
        ] {
            let bad = of(Denial::Unauthenticated(rejection), Transport::Http);
            assert_eq!(bad.status(), none.status());
            assert_eq!(bad.headers(), none.headers());
            assert_eq!(bad.body(), none.body());
        }
        assert_eq!(
            of(Denial::NoCredential, Transport::WebSocket).body(),
            "who on ws"
        );
    }

    #[test]
    fn each_kind_of_refusal_has_its_status() {
        let denied = |denial| status(Refusal::Denied(denial, Transport::Http));
        assert_eq!(denied(Denial::Forbidden), 403);
        assert_eq!(denied(Denial::Malformed("x")), 400);
        assert_eq!(denied(Denial::Ambiguous), 400);
        assert_eq!(denied(Denial::MethodNotAllowed), 405);
        assert_eq!(denied(Denial::ExpectationFailed), 417);
        assert_eq!(denied(Denial::WrongHost), 421);
        assert_eq!(denied(Denial::UnsupportedWebSocketVersion), 426);
        assert_eq!(status(Refusal::Failed(Failure::Closed)), 502);
        assert_eq!(status(Refusal::Failed(Failure::FirstByteTimeout)), 504);
        assert_eq!(status(Refusal::Failed(Failure::RequestBody)), 400);
        assert_eq!(status(Refusal::TargetTooLong), 414);
        assert_eq!(status(Refusal::TooManyHeaders), 431);
        assert_eq!(status(Refusal::Panicked), 500);
    }

    #[test]
    fn who_has_to_wait_is_told_how_long() {
        let refusal = Refusal::TooMany {
            retry_after: Duration::from_millis(2001),
        };
        let response = refusal.answer(&replies(Form::Json));
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers().get("retry-after").unwrap(), "3");
    }

    #[test]
    fn the_form_is_the_profiles() {
        let body = |form| {
            Refusal::Failed(Failure::Closed)
                .answer(&replies(form))
                .into_body()
        };
        assert!(body(Form::Json).starts_with(br#"{"error":"bad_gateway","message":"#));
        assert!(body(Form::Detail).starts_with(br#"{"detail":{"error":"#));
        assert_eq!(body(Form::Text), "The backend gave no valid answer");
    }
}
