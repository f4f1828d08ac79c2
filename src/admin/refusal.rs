//! [`Refusal`]: why an operator's request is not done, and the only place here that picks a status.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

use crate::accounts::service::{Fault, Problems, Refused};
use crate::auth::Denial;

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// It could be read in two ways, or in none.
    #[error("malformed")]
    Malformed,
    /// Addressed to another host: a page whose name was made to mean this machine.
    #[error("wrong host")]
    WrongHost,
    /// Sent by a page that isn't ours.
    #[error("foreign origin")]
    ForeignOrigin,
    /// No credential, or none that is good.
    #[error("no good credential")]
    Unauthenticated,
    /// A credential without `ADMIN:*`.
    #[error("not permitted")]
    Forbidden,
    /// Who is good is not known yet.
    #[error("store not read yet")]
    StoreUnread,
    /// A body that took too long.
    #[error("too slow")]
    TooSlow,
    /// No such path.
    #[error("no such path")]
    NotFound,
    /// No such method there.
    #[error("no such method")]
    MethodNotAllowed,
    /// There is no store.
    #[error("no accounts")]
    NoAccounts,
    /// Nothing is open by this id.
    #[error("no such session")]
    NoSuchSession,
    /// What was asked for failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl Refusal {
    /// The status, and a few words about it.
    fn parts(&self) -> Option<(StatusCode, &'static str)> {
        Some(match self {
            Self::Malformed => (StatusCode::BAD_REQUEST, "Malformed request"),
            Self::WrongHost => (StatusCode::MISDIRECTED_REQUEST, "Not this host"),
            Self::ForeignOrigin => (StatusCode::FORBIDDEN, "Not from this origin"),
            Self::Unauthenticated => (StatusCode::UNAUTHORIZED, "Invalid Credentials"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "ADMIN:* is needed"),
            Self::StoreUnread => (StatusCode::SERVICE_UNAVAILABLE, "Not available now"),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "Took too long"),
            Self::NotFound => (StatusCode::NOT_FOUND, "Not found"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "Method not allowed"),
            Self::NoAccounts => (
                StatusCode::NOT_FOUND,
                "There is no store: the configuration has no [accounts]",
            ),
            Self::NoSuchSession => (StatusCode::NOT_FOUND, "Session not found"),
            // Who comes here has shown a credential that is good: it is told why.
            Self::Fault(Fault::TooMuch) => (StatusCode::FORBIDDEN, "More than you may give"),
            Self::Fault(_) => return None,
        })
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Some((status, error)) = self.parts() else {
            return match self {
                Self::Fault(fault) => fault.into_response(),
                _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            };
        };
        let mut response = (status, Json(Refused::saying(error))).into_response();
        let headers = response.headers_mut();
        match self {
            Self::Unauthenticated => {
                let bearer = HeaderValue::from_static("Bearer");
                headers.insert(header::WWW_AUTHENTICATE, bearer);
            }
            Self::StoreUnread => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}

impl From<Denial> for Refusal {
    fn from(denial: Denial) -> Self {
        match denial {
            Denial::Malformed(_) | Denial::Ambiguous => Self::Malformed,
            Denial::StoreUnread => Self::StoreUnread,
            Denial::Forbidden | Denial::MayNotActAs => Self::Forbidden,
            _ => Self::Unauthenticated,
        }
    }
}

/// A request that is not valid, for the document.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its documentation is used")]
pub(super) enum BadRequest {
    /// Some fields are not what they should be.
    Fields(Problems),
    /// It is malformed.
    Malformed(Refused),
}

/// What every request may be refused with, for the document.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only its documentation is used")]
pub(super) enum Refusals {
    /// Malformed, or a field is missing, unknown or not valid
    #[response(status = 400)]
    Invalid(BadRequest),
    /// No credential, or none that is good
    #[response(status = 401)]
    Unauthenticated(Refused),
    /// No `ADMIN:*`, more than the caller may do, or from a foreign page
    #[response(status = 403)]
    Forbidden(Refused),
    /// There is no such thing, or no store
    #[response(status = 404)]
    NotFound(Refused),
    /// There is such a thing already
    #[response(status = 409)]
    Taken(Refused),
    /// The body is too large
    #[response(status = 413)]
    TooLarge(Refused),
    /// Not JSON
    #[response(status = 415)]
    MediaType(Refused),
    /// Not this host
    #[response(status = 421)]
    WrongHost(Refused),
    /// Too much to do, or no store that answers; see Retry-After
    #[response(status = 503)]
    Unavailable(Refused),
    /// The store's disk is full
    #[response(status = 507)]
    Full(Refused),
}
