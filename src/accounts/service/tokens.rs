//! `/auth/token`, `/auth/renew`, `/auth/available-permissions`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use serde_json::Map;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::answer::{Fault, Refused};
use super::desk::{Desk, LoggedIn};
use super::document::BadRequest;
use super::fields::Submitted;
use super::users::permission_map;
use crate::accounts::{Password, PasswordError};
use crate::auth::{Identity, OwnToken, Purpose, TokenId, TokenSubject};
use crate::clock::Timestamp;
use crate::proxy::Caller;

pub(super) fn routes() -> OpenApiRouter<Arc<Desk>> {
    OpenApiRouter::new()
        .routes(routes!(token))
        .routes(routes!(renew))
        .routes(routes!(available_permissions))
}

/// Name and password; neither, where a key asks for a token of the visitor whom it names.
#[derive(Deserialize, ToSchema)]
struct Presented {
    username: Option<String>,
    password: Option<String>,
}

/// What is granted: a token to present as `Authorization: Bearer` (RFC 6750).
#[derive(Serialize, ToSchema)]
struct Granted {
    access_token: String,
    /// Always `bearer`.
    token_type: &'static str,
    /// In seconds.
    expires_in: u64,
}

impl Granted {
    fn bearer((access_token, lifetime): (String, Duration)) -> Json<Self> {
        Json(Self {
            access_token,
            token_type: "bearer",
            expires_in: lifetime.as_secs(),
        })
    }
}

/// A token for name and password; or, for an acting key, one of the visitor whom it names in the
/// header `user_id`.
#[utoipa::path(post, path = "/auth/token", tag = "auth", security(()),
    request_body(content((Presented = "application/json"), (Presented = "application/x-www-form-urlencoded"))),
    responses(
        (status = 200, body = Granted),
        (status = 400, description = "A field is missing or not valid", body = BadRequest),
        (status = 403, description = "Not the credentials of a user, or of a key that may act for others", body = Refused),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "Neither JSON nor a form", body = Refused),
        (status = 429, description = "Too many failures; see Retry-After", body = Refused),
        (status = 503, description = "Too much to do, or no store; see Retry-After", body = Refused),
    ))]
async fn token(
    State(desk): State<Arc<Desk>>,
    Extension(caller): Extension<Caller>,
    Submitted(presented): Submitted<Presented>,
) -> Result<Json<Granted>, Fault> {
    match (presented.username, presented.password, &caller.identity) {
        (Some(username), Some(password), _) => {
            let password = presented_password(password)?;
            let user = desk.log_in(&username, password, &caller).await?;
            desk.access_token(&user).map(Granted::bearer)
        }
        (None, None, Some(identity)) => desk.visitor_token(identity).map(Granted::bearer),
        (None, _, _) => Err(Fault::field("username", "Field required")),
        (_, None, _) => Err(Fault::field("password", "Field required")),
    }
}

/// A password that somebody logs in with.
pub(super) fn presented_password(text: String) -> Result<Password, Fault> {
    Password::presented(text).map_err(|error| match error {
        // Nobody's: no hash is needed to know.
        PasswordError::TooShort => Fault::field("password", "Field required"),
        PasswordError::TooLong => Fault::field("password", error.to_string()),
    })
}

/// Another token for the same user, good for as long as a new one.
#[utoipa::path(post, path = "/auth/renew", tag = "auth",
    responses(
        (status = 200, body = Granted),
        (status = 403, description = "Not a token for name and password", body = Refused),
        (status = 503, description = "No store; see Retry-After", body = Refused),
    ))]
async fn renew(
    State(desk): State<Arc<Desk>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Granted>, Fault> {
    desk.ledger.check().await?;
    let identity = caller.identity.as_ref().ok_or(Fault::Forbidden)?;
    let Some((
        OwnToken {
            subject: TokenSubject::Account(id),
            issued,
            ..
        },
        Purpose::Access,
    )) = identity.own_token()
    else {
        return Err(Fault::Forbidden);
    };
    let directory = desk.directory()?;
    let account = directory.account(*id).ok_or(Fault::Forbidden)?.clone();
    if *issued <= account.tokens_end {
        return Err(Fault::Forbidden);
    }
    let since = Timestamp::now();
    desk.access_token(&LoggedIn { account, since })
        .map(Granted::bearer)
}

/// What permissions are made of.
#[utoipa::path(get, path = "/auth/available-permissions", tag = "auth",
    responses((status = 200, body = BTreeMap<String, Vec<String>>)))]
async fn available_permissions(
    State(desk): State<Arc<Desk>>,
) -> Json<BTreeMap<String, Vec<String>>> {
    let vocabulary = &desk.settings().vocabulary;
    let all = vocabulary.permissions().collect();
    Json(permission_map(&all, vocabulary))
}

impl Desk {
    /// A bearer token of a visitor, good as long as the key that names the visitor, and for a short
    /// time: it is for a browser.
    fn visitor_token(&self, caller: &Identity) -> Result<(String, Duration), Fault> {
        let now = Timestamp::now();
        let key = self.snapshot().gate.verifiers.acting_key(caller, now);
        let key = key.ok_or(Fault::Forbidden)?;
        let lifetime = self.settings().visitor_lifetime;
        let expires = now.after(lifetime);
        let token = OwnToken {
            subject: TokenSubject::Visitor {
                user: caller.user().clone(),
                key,
            },
            id: TokenId::random(),
            issued: now,
            expires: caller.expires().map_or(expires, |end| end.min(expires)),
        };
        let signed = self.sign(Purpose::Visitor, &token, Map::new())?;
        Ok((signed, now.until(token.expires)))
    }
}
