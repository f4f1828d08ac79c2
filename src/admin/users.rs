//! `/users`: users of the store.

use std::sync::Arc;

use axum::extract::Path;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::office::{Kept, Office};
use super::query::{Asked, Limit, Slice};
use super::refusal::{Refusal, Refusals};
use super::tokens::Revoked;
use crate::accounts::service::{Actor, Desk, Edited, Fields, NewUser, User, parse_id};
use crate::auth::Account;
use crate::clock::Timestamp;
use crate::store::Change;

pub(super) fn routes() -> OpenApiRouter<Arc<Office>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read, edit, delete))
        .routes(routes!(revoke_tokens))
}

/// Which users.
#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Only the one of this name, case-folded.
    username: Option<String>,
    /// So many are left out at its beginning.
    skip: usize,
    /// So many at most.
    #[param(value_type = usize, minimum = 1, maximum = 1000, default = 100)]
    limit: Limit,
}

/// A user, and whether anybody gets in with it.
#[derive(Serialize, ToSchema)]
struct KeptUser {
    #[serde(flatten)]
    user: User,
    /// Whether the name is kept for others: a key may act for whoever is called so, or an issuer
    /// names its users so. Then nobody gets in with it.
    reserved: bool,
}

impl KeptUser {
    fn of(account: &Account, desk: &Desk) -> Self {
        Self {
            user: User::of(account, &desk.settings().vocabulary),
            reserved: desk.reserves(&account.username),
        }
    }
}

/// Users, the oldest first.
#[utoipa::path(get, path = "/users", operation_id = "list_users", tag = "users", params(Wanted),
    responses((status = 200, body = Vec<KeptUser>), Refusals))]
async fn list(
    Kept(desk): Kept,
    Asked(Wanted {
        username,
        skip,
        limit,
    }): Asked<Wanted>,
) -> Result<Json<Vec<KeptUser>>, Refusal> {
    let directory = desk.directory()?;
    let mut accounts: Vec<&Account> = match &username {
        Some(name) => directory.account_named(name).into_iter().collect(),
        None => directory.accounts().collect(),
    };
    accounts.sort_unstable_by_key(|account| (account.created, account.id));
    let slice = Slice { skip, limit };
    let users = slice.of(accounts);
    let users = users.map(|account| KeptUser::of(account, &desk));
    Ok(Json(users.collect()))
}

/// A new user.
#[utoipa::path(post, path = "/users", operation_id = "create_user", tag = "users", request_body = NewUser,
    responses((status = 200, body = KeptUser), Refusals))]
async fn create(
    Kept(desk): Kept,
    Extension(actor): Extension<Actor>,
    Fields(new): Fields<NewUser>,
) -> Result<Json<KeptUser>, Refusal> {
    let account = desk.create_user(new, &actor).await?;
    Ok(Json(KeptUser::of(&account, &desk)))
}

/// One user.
#[utoipa::path(get, path = "/users/{id}", operation_id = "read_user", tag = "users", params(("id" = String, Path)),
    responses((status = 200, body = KeptUser), Refusals))]
async fn read(Kept(desk): Kept, Path(id): Path<String>) -> Result<Json<KeptUser>, Refusal> {
    let account = desk.account(parse_id(&id)?)?;
    Ok(Json(KeptUser::of(&account, &desk)))
}

/// Some of a user's settings are others. What they were no longer counts with the next request.
#[utoipa::path(put, path = "/users/{id}", operation_id = "edit_user", tag = "users", request_body = Edited,
    params(("id" = String, Path)),
    responses((status = 200, body = KeptUser), Refusals))]
async fn edit(
    Kept(desk): Kept,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    Fields(edited): Fields<Edited>,
) -> Result<Json<KeptUser>, Refusal> {
    let account = desk.edit_user(parse_id(&id)?, edited, &actor).await?;
    Ok(Json(KeptUser::of(&account, &desk)))
}

/// The user is no more, nor are the user's keys, tokens and sessions.
#[utoipa::path(delete, path = "/users/{id}", operation_id = "delete_user", tag = "users", params(("id" = String, Path)),
    responses((status = 200, description = "The user as it was", body = KeptUser), Refusals))]
async fn delete(
    Kept(desk): Kept,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
) -> Result<Json<KeptUser>, Refusal> {
    let account = desk.delete_user(parse_id(&id)?, &actor).await?;
    Ok(Json(KeptUser::of(&account, &desk)))
}

/// The user's tokens and logins until now count no more; keys do.
#[utoipa::path(post, path = "/users/{id}/revoke-tokens", tag = "users",
    params(("id" = String, Path)),
    responses((status = 200, body = Revoked), Refusals))]
async fn revoke_tokens(
    Kept(desk): Kept,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
) -> Result<Json<Revoked>, Refusal> {
    let change = Change::RevokeTokensOf {
        id: parse_id(&id)?,
        issued_until: Timestamp::now(),
    };
    let revoked = Revoked::by(&change);
    desk.ledger().make(change, &actor).await?;
    Ok(Json(revoked))
}
