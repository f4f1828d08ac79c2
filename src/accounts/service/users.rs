//! `/users`: users, kept by those who may (`USERS:*`), in the forms of Cheshire Cat.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, Query, State, rejection::QueryRejection};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::answer::{Fault, Problem, Refused};
use super::desk::Desk;
use super::document::BadRequest;
use super::fields::Fields;
use super::user_fields::{AccountStatus, Edited, NewUser};
use crate::auth::{Account, AccountId, Permissions};
use crate::proxy::Caller;
use crate::snapshot::Vocabulary;

pub(super) fn routes() -> OpenApiRouter<Arc<Desk>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read, edit, delete))
}

/// Permissions: for each resource, what may be done with it.
pub type PermissionMap = BTreeMap<String, Vec<String>>;

/// A user.
#[derive(Serialize, ToSchema)]
pub struct User {
    /// What the backend is told.
    pub username: String,
    /// For each resource, what may be done with it.
    pub permissions: PermissionMap,
    /// The user's own, for ever.
    pub id: String,
    /// Whether the user may log in.
    pub status: AccountStatus,
}

impl User {
    /// As it is shown: never a password, nor its hash.
    #[must_use]
    pub fn of(account: &Account, vocabulary: &Vocabulary) -> Self {
        Self {
            username: account.username.to_string(),
            permissions: permission_map(&account.permissions, vocabulary),
            id: account.id.to_string(),
            status: account.status.into(),
        }
    }
}

/// Permissions as a map. A star is written as what it stands for.
pub(super) fn permission_map(granted: &Permissions, vocabulary: &Vocabulary) -> PermissionMap {
    let mut map = PermissionMap::new();
    let known = vocabulary.permissions();
    let known = known.filter(|permission| granted.allow(permission));
    let is_known = |permission: &&_| vocabulary.knows(permission);
    let others = granted.iter().filter(|permission| !is_known(permission));
    for permission in known.chain(others.cloned()) {
        let actions = map.entry(permission.resource().to_owned()).or_default();
        actions.push(permission.action().to_owned());
    }
    map
}

/// Which part of a list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Slice {
    /// So many are left out at its beginning.
    #[serde(default)]
    skip: usize,
    /// So many at most.
    #[serde(default = "hundred")]
    #[param(minimum = 1, maximum = 1000)]
    limit: usize,
}

fn hundred() -> usize {
    100
}

impl Slice {
    pub(super) fn parse(query: Result<Query<Self>, QueryRejection>) -> Result<Self, Fault> {
        let is_some = |slice: &Self| (1..=1000).contains(&slice.limit);
        let slice = query.ok().map(|Query(slice)| slice).filter(is_some);
        slice.ok_or_else(|| {
            let loc = vec!["query".to_owned()];
            let msg = "`skip` is a number, `limit` one from 1 to 1000, and there is nothing else";
            Fault::Invalid(vec![Problem::at("value_error", loc, msg)])
        })
    }

    pub(super) fn of<T>(self, all: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
        all.skip(self.skip).take(self.limit)
    }
}

/// Users, the oldest first.
#[utoipa::path(get, path = "/users", operation_id = "list_users", tag = "users", params(Slice),
    responses(
        (status = 200, body = Vec<User>),
        (status = 400, description = "Not such a part of the list", body = BadRequest),
        (status = 503, description = "No store; see Retry-After", body = Refused),
    ))]
async fn list(
    State(desk): State<Arc<Desk>>,
    slice: Result<Query<Slice>, QueryRejection>,
) -> Result<Json<Vec<User>>, Fault> {
    let slice = Slice::parse(slice)?;
    let (directory, settings) = (desk.directory()?, desk.settings());
    let mut accounts: Vec<_> = directory.accounts().collect();
    accounts.sort_unstable_by_key(|account| (account.created, account.id));
    let users = slice.of(accounts.into_iter());
    let users = users.map(|account| User::of(account, &settings.vocabulary));
    Ok(Json(users.collect()))
}

/// A new user.
#[utoipa::path(post, path = "/users", operation_id = "create_user", tag = "users", request_body = NewUser,
    responses(
        (status = 200, body = User),
        (status = 400, description = "A field is missing, unknown or not valid", body = BadRequest),
        (status = 403, description = "There is such a user, or the caller gives more than it has", body = Refused),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "Not JSON", body = Refused),
        (status = 503, description = "Too much to do, or no store; see Retry-After", body = Refused),
        (status = 507, description = "The store's disk is full", body = Refused),
    ))]
async fn create(
    State(desk): State<Arc<Desk>>,
    Extension(caller): Extension<Caller>,
    Fields(new): Fields<NewUser>,
) -> Result<Json<User>, Fault> {
    let account = desk.create_user(new, &Desk::actor(&caller)?).await?;
    Ok(desk.shown_user(&account))
}

/// One user.
#[utoipa::path(get, path = "/users/{id}", operation_id = "read_user", tag = "users", params(("id" = String, Path)),
    responses(
        (status = 200, body = User),
        (status = 404, description = "There is no such user", body = Refused),
        (status = 503, description = "No store; see Retry-After", body = Refused),
    ))]
async fn read(State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Result<Json<User>, Fault> {
    let account = desk.account(parse_id(&id)?)?;
    Ok(desk.shown_user(&account))
}

/// Some of a user's settings are others. What they were no longer counts with the next request.
#[utoipa::path(put, path = "/users/{id}", operation_id = "edit_user", tag = "users", request_body = Edited,
    params(("id" = String, Path)),
    responses(
        (status = 200, body = User),
        (status = 400, description = "A field is unknown or not valid", body = BadRequest),
        (status = 403, description = "Another user is called so, or the user may do what the caller may not", body = Refused),
        (status = 404, description = "There is no such user", body = Refused),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "Not JSON", body = Refused),
        (status = 503, description = "Too much to do, or no store; see Retry-After", body = Refused),
        (status = 507, description = "The store's disk is full", body = Refused),
    ))]
async fn edit(
    State(desk): State<Arc<Desk>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Fields(edited): Fields<Edited>,
) -> Result<Json<User>, Fault> {
    let id = parse_id(&id)?;
    let account = desk.edit_user(id, edited, &Desk::actor(&caller)?).await?;
    Ok(desk.shown_user(&account))
}

/// The user is no more, nor are the user's keys, tokens and sessions.
#[utoipa::path(delete, path = "/users/{id}", operation_id = "delete_user", tag = "users", params(("id" = String, Path)),
    responses(
        (status = 200, description = "The user as it was", body = User),
        (status = 403, description = "The user may do what the caller may not", body = Refused),
        (status = 404, description = "There is no such user", body = Refused),
        (status = 503, description = "No store; see Retry-After", body = Refused),
        (status = 507, description = "The store's disk is full", body = Refused),
    ))]
async fn delete(
    State(desk): State<Arc<Desk>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Json<User>, Fault> {
    let id = parse_id(&id)?;
    let account = desk.delete_user(id, &Desk::actor(&caller)?).await?;
    Ok(desk.shown_user(&account))
}

impl Desk {
    /// A user as it is shown.
    pub fn shown_user(&self, account: &Account) -> Json<User> {
        Json(User::of(account, &self.settings().vocabulary))
    }
}

/// A user's id, as it stands in a path.
///
/// # Errors
/// When nobody could have it.
pub fn parse_id(text: &str) -> Result<AccountId, Fault> {
    AccountId::parse(text).ok_or(Fault::NoSuchUser)
}
