//! `/tokens/revoke` and `/revocations`: tokens of ours that count no more.

use std::sync::Arc;

use axum::{Extension, Json};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::office::{Kept, Office};
use super::query::{Asked, Slice};
use super::refusal::{Refusal, Refusals};
use crate::accounts::service::{Actor, Desk, Fault, Fields, parse_id};
use crate::auth::{AccountId, Kid, Revocation, TokenId};
use crate::clock::Timestamp;
use crate::store::Change;

pub(super) fn routes() -> OpenApiRouter<Arc<Office>> {
    OpenApiRouter::new()
        .routes(routes!(revoke))
        .routes(routes!(list))
}

/// Which tokens: one of these says it.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(min_properties = 1, max_properties = 1)]
struct WhichTokens {
    /// The `jti` of one.
    jti: Option<String>,
    /// One itself.
    token: Option<String>,
    /// Those of a user, by name or id.
    user: Option<String>,
    /// All that there are: true.
    all: Option<bool>,
}

/// What counts no more.
#[derive(Serialize, ToSchema)]
pub(super) struct Revoked {
    /// The `jti` of the one token.
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    /// The id of the user whose tokens it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    /// Those that were issued until then; RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_until: Option<String>,
}

/// Tokens that count no more.
#[derive(Serialize, ToSchema)]
struct Revocations {
    /// Tokens that were revoked by themselves, the first to be forgotten first.
    tokens: Vec<RevokedToken>,
    /// Whoever's, all that were issued until then; RFC 3339.
    all_issued_until: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct RevokedToken {
    jti: String,
    /// Until when that is remembered; RFC 3339.
    until: String,
}

/// Tokens of ours count no more, and their sockets end: one, a user's, or all.
#[utoipa::path(post, path = "/tokens/revoke", operation_id = "revoke_token", tag = "tokens", request_body = WhichTokens,
    responses((status = 200, body = Revoked), Refusals))]
async fn revoke(
    Kept(desk): Kept,
    Extension(actor): Extension<Actor>,
    Fields(which): Fields<WhichTokens>,
) -> Result<Json<Revoked>, Refusal> {
    let change = which.understood(&desk, Timestamp::now())?;
    let revoked = Revoked::by(&change);
    desk.ledger().make(change, &actor).await?;
    Ok(Json(revoked))
}

/// Tokens that count no more.
#[utoipa::path(get, path = "/revocations", operation_id = "list_revocations", tag = "tokens", params(Slice),
    responses((status = 200, body = Revocations), Refusals))]
async fn list(Kept(desk): Kept, Asked(slice): Asked<Slice>) -> Result<Json<Revocations>, Refusal> {
    let directory = desk.directory()?;
    let mut all: Vec<Revocation> = directory.revocations().collect();
    all.sort_unstable_by_key(|one| (one.until, one.token));
    let tokens = slice
        .of(all)
        .map(|Revocation { token, until }| RevokedToken {
            jti: token.to_string(),
            until: until.to_string(),
        });
    Ok(Json(Revocations {
        tokens: tokens.collect(),
        all_issued_until: directory.tokens_end().map(|end| end.to_string()),
    }))
}

impl WhichTokens {
    fn understood(self, desk: &Desk, now: Timestamp) -> Result<Change, Fault> {
        match self {
            Self {
                jti: Some(jti),
                token: None,
                user: None,
                all: None,
            } => {
                let id = Uuid::try_parse(&jti).map(TokenId);
                let id = id.map_err(|_| Fault::field("jti", "A UUID"))?;
                Ok(Change::RevokeToken(of_one(id, desk, now)))
            }
            Self {
                jti: None,
                token: Some(token),
                user: None,
                all: None,
            } => {
                let msg =
                    "Not a token of doorward's own: an issuer's is revoked by `issuer.revoked`";
                let (id, end) = own(&token).ok_or_else(|| Fault::field("token", msg))?;
                let revocation = of_one(id, desk, now).at_least_until(end.unwrap_or(now));
                Ok(Change::RevokeToken(revocation))
            }
            Self {
                jti: None,
                token: None,
                user: Some(user),
                all: None,
            } => Ok(Change::RevokeTokensOf {
                id: account(&user, desk)?,
                issued_until: now,
            }),
            Self {
                jti: None,
                token: None,
                user: None,
                all: Some(true),
            } => Ok(Change::RevokeAllTokens { issued_until: now }),
            _ => Err(Fault::field(
                "jti",
                "One of `jti`, `token`, `user`, or `all`: true",
            )),
        }
    }
}

fn of_one(token: TokenId, desk: &Desk, now: Timestamp) -> Revocation {
    Revocation::of(token, desk.settings().longest_lifetime, now)
}

fn account(user: &str, desk: &Desk) -> Result<AccountId, Fault> {
    match desk.directory()?.account_named(user) {
        Some(account) => Ok(account.id),
        None => parse_id(user),
    }
}

/// The `jti` of a token of ours, and when it says that it ends. It need not be good: who asks may
/// revoke any.
fn own(token: &str) -> Option<(TokenId, Option<Timestamp>)> {
    #[derive(Deserialize)]
    struct Head {
        kid: String,
    }
    #[derive(Deserialize)]
    struct Claims {
        jti: String,
        exp: Option<i64>,
    }
    let mut parts = token.trim().splitn(3, '.');
    let mut part = || URL_SAFE_NO_PAD.decode(parts.next()?).ok();
    let head: Head = serde_json::from_slice(&part()?).ok()?;
    let claims: Claims = serde_json::from_slice(&part()?).ok()?;
    let id = Uuid::try_parse(&claims.jti).ok()?;
    let end = claims.exp.map(Timestamp::from_secs);
    head.kid
        .starts_with(Kid::PREFIX)
        .then_some((TokenId(id), end))
}

impl Revoked {
    /// What a change of this kind does.
    pub(super) fn by(change: &Change) -> Self {
        let (jti, user, issued_until) = match change {
            Change::RevokeToken(Revocation { token, .. }) => (Some(token.to_string()), None, None),
            Change::RevokeTokensOf { id, issued_until } => {
                (None, Some(id.to_string()), Some(issued_until.to_string()))
            }
            Change::RevokeAllTokens { issued_until } => {
                (None, None, Some(issued_until.to_string()))
            }
            _ => (None, None, None),
        };
        Self {
            jti,
            user,
            issued_until,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(head: &str, claims: &str) -> String {
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.c2lnbmF0dXJl", encode(head), encode(claims))
    }

    #[test]
    fn a_token_of_ours_is_known_by_its_key_and_named_by_its_id() {
        let claims = "{\"jti\":\"67e55044-10b1-426f-9247-bb680e5fe0c8\"}";
        let ours = token("{\"alg\":\"EdDSA\",\"kid\":\"dw-1\"}", claims);
        let (id, end) = own(&ours).unwrap();
        assert_eq!(id.to_string(), "67e55044-10b1-426f-9247-bb680e5fe0c8");
        assert_eq!(end, None);
        let lasting = claims.replace('}', ",\"exp\":9}");
        let lasting = token("{\"kid\":\"dw-1\"}", &lasting);
        assert_eq!(own(&lasting), Some((id, Some(Timestamp::from_secs(9)))));
        for other in [
            token("{\"kid\":\"theirs\"}", claims),
            token("{}", claims),
            token("{\"kid\":\"dw-1\"}", "{\"jti\":\"7\"}"),
            "a.b.c".to_owned(),
            String::new(),
        ] {
            assert_eq!(own(&other), None, "{other}");
        }
    }
}
