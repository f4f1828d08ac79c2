//! [`Fault`]: why a request about users is not done, and the only place that picks its status.
//!
//! The forms are those of Cheshire Cat, whose clients read them, without what was submitted.

use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::accounts::{HashingError, RetryAfter};
use crate::store::Refusal;

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Some fields are not what they should be.
    #[error("the request is not valid")]
    Invalid(Vec<Problem>),
    /// Neither JSON nor, where one is taken, a form.
    #[error("the body is of another kind")]
    MediaType,
    /// No such user, or not the user's password, or a user who may not log in.
    #[error("these are not the credentials of a user")]
    Credentials,
    /// The body is larger than any that makes sense.
    #[error("the body is too large")]
    TooLarge,
    /// The caller may not do this.
    #[error("the caller may not do this")]
    Forbidden,
    /// The caller would give more than it has.
    #[error("nobody gives more than it has")]
    TooMuch,
    /// Users are called like those whom the key could name.
    #[error("a user is called like one whom the key could name")]
    NamesUsers,
    /// There is no such user.
    #[error("there is no such user")]
    NoSuchUser,
    /// There is no such thing.
    #[error("there is no such thing")]
    NotFound,
    /// The store says that it makes no sense.
    #[error(transparent)]
    Refused(Refusal),
    /// Too many logins have failed.
    #[error(transparent)]
    TooSoon(#[from] RetryAfter),
    /// Too many passwords are waiting.
    #[error("too many passwords are waiting")]
    Busy,
    /// The store's disk is full.
    #[error("the store's disk is full")]
    StoreFull,
    /// The store can't be used.
    #[error("the store cannot be used")]
    StoreGone,
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// Which kind of fault.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Where: `body` or `query`, then the field.
    loc: Vec<String>,
    /// In words; never what was submitted.
    msg: String,
}

/// A request that is not valid.
#[derive(Serialize, ToSchema)]
pub struct Problems {
    error: Vec<Problem>,
}

/// Whatever else is not done.
#[derive(Serialize, ToSchema)]
pub struct Refused {
    detail: Detail,
}

/// What a method is answered with that a path does not have.
#[derive(Serialize)]
struct NoSuchMethod {
    detail: &'static str,
}

/// No such method there.
pub(super) async fn method_not_allowed() -> Response {
    let detail = "Method Not Allowed";
    (
        StatusCode::METHOD_NOT_ALLOWED,
        Json(NoSuchMethod { detail }),
    )
        .into_response()
}

#[derive(Serialize, ToSchema)]
struct Detail {
    /// In a few words.
    error: &'static str,
}

impl Problem {
    /// With a field of the body.
    #[must_use]
    pub fn with(field: &str, msg: impl Into<String>) -> Self {
        Self {
            kind: "value_error",
            loc: vec!["body".to_owned(), field.to_owned()],
            msg: msg.into(),
        }
    }

    /// At a place: `body` or `query`, then the field.
    #[must_use]
    pub fn at(kind: &'static str, loc: Vec<String>, msg: impl Into<String>) -> Self {
        let msg = msg.into();
        Self { kind, loc, msg }
    }
}

impl Refused {
    /// In a few words.
    #[must_use]
    pub const fn saying(error: &'static str) -> Self {
        Self {
            detail: Detail { error },
        }
    }
}

impl Fault {
    /// Of one field of the body.
    #[must_use]
    pub fn field(field: &str, msg: impl Into<String>) -> Self {
        Self::Invalid(vec![Problem::with(field, msg)])
    }

    /// The status, and a few words about it.
    fn parts(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Invalid(_) => (StatusCode::BAD_REQUEST, "Invalid request"),
            Self::MediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Unsupported content type",
            ),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "Content too large"),
            Self::Credentials | Self::Forbidden | Self::TooMuch => {
                (StatusCode::FORBIDDEN, "Invalid Credentials")
            }
            Self::NoSuchUser | Self::Refused(Refusal::NoSuchUser) => {
                (StatusCode::NOT_FOUND, "User not found")
            }
            Self::NotFound => (StatusCode::NOT_FOUND, "Not found"),
            Self::Refused(Refusal::NoSuchKey) => (StatusCode::NOT_FOUND, "Key not found"),
            Self::Refused(Refusal::NameTaken | Refusal::IdTaken) => {
                (StatusCode::FORBIDDEN, "Cannot duplicate user")
            }
            Self::Refused(Refusal::KeyTaken | Refusal::SigningKeyTaken) => {
                (StatusCode::CONFLICT, "Cannot duplicate key")
            }
            Self::Refused(Refusal::KeyEnded) => (StatusCode::CONFLICT, "The key has ended"),
            Self::NamesUsers => (StatusCode::CONFLICT, "A user has such a name"),
            Self::TooSoon(_) => (StatusCode::TOO_MANY_REQUESTS, "Too many requests"),
            Self::StoreFull => (StatusCode::INSUFFICIENT_STORAGE, "No space left"),
            Self::Busy | Self::StoreGone => (StatusCode::SERVICE_UNAVAILABLE, "Not available now"),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooSoon(RetryAfter(wait)) => Some(*wait),
            Self::Busy | Self::StoreGone => Some(Duration::from_secs(1)),
            _ => None,
        }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let (status, error) = self.parts();
        let retry_after = self.retry_after();
        let mut response = if let Self::Invalid(error) = self {
            (status, Json(Problems { error })).into_response()
        } else {
            (status, Json(Refused::saying(error))).into_response()
        };
        if let Some(wait) = retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            let seconds = HeaderValue::from(seconds.max(1));
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

impl From<HashingError> for Fault {
    fn from(error: HashingError) -> Self {
        if error != HashingError::Busy {
            tracing::error!(%error, "a password could not be hashed");
        }
        Self::Busy
    }
}
