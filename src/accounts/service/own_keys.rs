//! `/users/me`: what a user keeps alone: the password, and keys that speak for nobody else.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::Actor;
use super::answer::{Fault, Refused};
use super::desk::Desk;
use super::document::BadRequest;
use super::fields::Fields;
use super::new_key::NewStoredKey;
use super::tokens::presented_password;
use super::user_fields;
use super::users::{PermissionMap, User};
use crate::auth::{Account, KeyOwner, Permissions, Purpose, StoredKey, Transports};
use crate::clock::Timestamp;
use crate::proxy::Caller;
use crate::store::{AccountEdit, Change};

pub(super) fn routes() -> OpenApiRouter<Arc<Desk>> {
    OpenApiRouter::new()
        .routes(routes!(me))
        .routes(routes!(change_password))
        .routes(routes!(list, create))
        .routes(routes!(revoke))
        .routes(routes!(rotate))
}

/// A key, as it is listed.
#[derive(Serialize, ToSchema)]
pub struct ListedKey {
    /// Its name.
    id: String,
    /// Its first characters.
    prefix: String,
    /// What it may do, and its owner may, too.
    permissions: PermissionMap,
    /// RFC 3339.
    created: String,
    /// RFC 3339; null, if it has no end.
    expires: Option<String>,
    /// To the minute; RFC 3339. Null, if it was never used.
    last_used: Option<String>,
}

/// A key that was just made. It is shown this once.
#[derive(Serialize, ToSchema)]
pub struct MadeKey {
    /// The key.
    key: String,
    #[serde(flatten)]
    listed: ListedKey,
}

/// A key to be made.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct NewKey {
    /// Its name; without one, it is made of its digest.
    #[schema(max_length = 64)]
    id: Option<String>,
    /// Without them, whatever its owner may do.
    permissions: Option<PermissionMap>,
    /// In how many seconds it ends; never, without.
    #[schema(value_type = Option<u32>, minimum = 1)]
    expires_in: Option<NonZeroU32>,
}

/// For how long two keys are good.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct Overlap {
    /// In seconds; without, the old key ends at once.
    overlap: u32,
}

/// A new password for the old one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    /// The one that is to be no more.
    #[schema(max_length = 1024)]
    current: String,
    /// 8 to 1024 bytes.
    #[schema(min_length = 8, max_length = 1024)]
    new: String,
}

/// Who the caller is.
#[utoipa::path(get, path = "/users/me", tag = "me",
    responses((status = 200, body = User),
        (status = 403, description = "Not a user of ours", body = Refused)))]
async fn me(
    State(desk): State<Arc<Desk>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<User>, Fault> {
    let account = desk.own_account(&caller)?;
    Ok(desk.shown_user(&account))
}

/// Another password. Tokens and sessions of before are over.
#[utoipa::path(post, path = "/users/me/password", tag = "me", request_body = NewPassword,
    responses((status = 200, body = User),
        (status = 400, description = "The new one is too short or too long", body = BadRequest),
        (status = 403, description = "Not the current one, or not a token for one", body = Refused),
        (status = 415, description = "Not JSON", body = Refused),
        (status = 429, description = "Too many failures; see Retry-After", body = Refused),
        (status = 503, description = "Too much to do, or no store; see Retry-After", body = Refused)))]
async fn change_password(
    State(desk): State<Arc<Desk>>,
    Extension(caller): Extension<Caller>,
    Fields(change): Fields<NewPassword>,
) -> Result<Json<User>, Fault> {
    let (account, actor) = desk.logged_in(&caller)?;
    let new = user_fields::password(change.new);
    let new = new.map_err(|problem| Fault::Invalid(vec![problem]))?;
    let current = presented_password(change.current)?;
    let name = account.username.as_str();
    let user = desk.log_in(name, current, &caller).await?;
    if user.account.id != account.id {
        return Err(Fault::Credentials);
    }
    let hash = desk.hash(new).await?;
    let end = account.tokens_end.max(Timestamp::now());
    let edit = AccountEdit {
        password: Some((hash, end)),
        ..AccountEdit::default()
    };
    let id = account.id;
    desk.ledger
        .make(Change::EditAccount { id, edit }, &actor)
        .await?;
    Ok(desk.shown_user(&account))
}

/// The caller's own keys.
#[utoipa::path(get, path = "/users/me/keys", operation_id = "list_own_keys", tag = "me",
    responses((status = 200, body = Vec<ListedKey>),
        (status = 403, description = "Not a user of ours", body = Refused),
        (status = 503, description = "No store; see Retry-After", body = Refused)))]
async fn list(
    State(desk): State<Arc<Desk>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Vec<ListedKey>>, Fault> {
    let account = desk.own_account(&caller)?;
    let directory = desk.directory()?;
    let mut keys: Vec<_> = directory.keys_of(account.id).collect();
    keys.sort_unstable_by(|one, other| (one.created, &one.name).cmp(&(other.created, &other.name)));
    let names = keys.iter().map(|key| key.name.clone()).collect();
    let uses = desk.ledger.store()?.uses_of(names).await?;
    let listed = keys.into_iter().map(|key| {
        let last = uses.iter().find(|used| used.key == key.name);
        ListedKey {
            last_used: last.map(|used| used.at.to_string()),
            ..desk.listed(key, &account)
        }
    });
    Ok(Json(listed.collect()))
}

/// A new key of the caller's own, which never may do more than the caller.
#[utoipa::path(post, path = "/users/me/keys", operation_id = "create_own_key", tag = "me", request_body = NewKey,
    responses((status = 200, body = MadeKey),
        (status = 400, description = "A field is unknown or not valid", body = BadRequest),
        (status = 403, description = "More than the caller may do, or not a token for a password", body = Refused),
        (status = 409, description = "There is a key of this name", body = Refused),
        (status = 415, description = "Not JSON", body = Refused),
        (status = 503, description = "No store; see Retry-After", body = Refused),
        (status = 507, description = "The store's disk is full", body = Refused)))]
async fn create(
    State(desk): State<Arc<Desk>>,
    Extension(caller): Extension<Caller>,
    Fields(new): Fields<NewKey>,
) -> Result<Json<MadeKey>, Fault> {
    let (account, actor) = desk.logged_in(&caller)?;
    let settings = desk.settings();
    let permissions = match &new.permissions {
        None => account.permissions.clone(),
        Some(map) => user_fields::permissions(map, &settings.vocabulary)?,
    };
    actor.check_gives(&permissions)?;
    let now = Timestamp::now();
    let expires = new.expires_in.map(|secs| now.after(seconds(secs.get())));
    let (key, stored) = made(new.id.as_deref(), &account, permissions, expires)?;
    desk.ledger
        .make(Change::CreateKey(stored.clone()), &actor)
        .await?;
    Ok(Json(MadeKey {
        key,
        listed: desk.listed(&stored, &account),
    }))
}

/// One of the caller's keys is no more.
#[utoipa::path(delete, path = "/users/me/keys/{id}", operation_id = "revoke_own_key", tag = "me", params(("id" = String, Path)),
    responses((status = 200, body = ListedKey),
        (status = 403, description = "Not a token for a password", body = Refused),
        (status = 404, description = "The caller has no such key", body = Refused),
        (status = 503, description = "No store; see Retry-After", body = Refused)))]
async fn revoke(
    State(desk): State<Arc<Desk>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Json<ListedKey>, Fault> {
    let (account, actor) = desk.logged_in(&caller)?;
    let key = desk.own_key(&account, &id)?;
    desk.ledger
        .make(Change::RevokeKey(key.name.clone()), &actor)
        .await?;
    Ok(Json(desk.listed(&key, &account)))
}

/// One of the caller's keys gets a successor.
#[utoipa::path(post, path = "/users/me/keys/{id}/rotate", operation_id = "rotate_own_key", tag = "me", request_body = Overlap,
    params(("id" = String, Path)),
    responses((status = 200, body = MadeKey),
        (status = 400, description = "A field is unknown or not valid", body = BadRequest),
        (status = 403, description = "Not a token for a password", body = Refused),
        (status = 404, description = "The caller has no such key", body = Refused),
        (status = 409, description = "The key has ended", body = Refused),
        (status = 415, description = "Not JSON", body = Refused),
        (status = 503, description = "No store; see Retry-After", body = Refused)))]
async fn rotate(
    State(desk): State<Arc<Desk>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Fields(Overlap { overlap }): Fields<Overlap>,
) -> Result<Json<MadeKey>, Fault> {
    let (account, actor) = desk.logged_in(&caller)?;
    let old = desk.own_key(&account, &id)?;
    let now = Timestamp::now();
    let expires = old.end_of_successor(now);
    let (key, next) = made(None, &account, old.permissions.clone(), expires)?;
    let change = Change::RotateKey {
        ends: old.ends_by(now.after(seconds(overlap))),
        name: old.name,
        next: next.clone(),
    };
    desk.ledger.make(change, &actor).await?;
    Ok(Json(MadeKey {
        key,
        listed: desk.listed(&next, &account),
    }))
}

fn seconds(count: u32) -> Duration {
    Duration::from_secs(count.into())
}

/// A key of this user's own, as it is shown and as it is stored.
fn made(
    name: Option<&str>,
    account: &Account,
    permissions: Permissions,
    expires: Option<Timestamp>,
) -> Result<(String, StoredKey), Fault> {
    let new = NewStoredKey {
        owner: KeyOwner::Account(account.id),
        permissions,
        transports: Transports::Both,
        expires,
    };
    let (key, stored) = new.generate(name)?;
    Ok((key.expose().to_owned(), stored))
}

impl Desk {
    /// The user of ours that the caller is.
    fn own_account(&self, caller: &Caller) -> Result<Account, Fault> {
        let identity = caller.identity.as_ref().ok_or(Fault::Forbidden)?;
        let snapshot = self.snapshot();
        let id = snapshot.gate.verifiers.account_of(identity);
        self.account(id.ok_or(Fault::Forbidden)?)
    }

    /// The same, by a token for name and password. A key that made keys could not be got rid of.
    fn logged_in(&self, caller: &Caller) -> Result<(Account, Actor), Fault> {
        let identity = caller.identity.as_ref().ok_or(Fault::Forbidden)?;
        match identity.own_token() {
            Some((_, Purpose::Access)) => Ok((self.own_account(caller)?, Self::actor(caller)?)),
            _ => Err(Fault::Forbidden),
        }
    }

    fn own_key(&self, account: &Account, name: &str) -> Result<StoredKey, Fault> {
        let directory = self.directory()?;
        let mut keys = directory.keys_of(account.id);
        let key = keys.find(|key| key.name.as_str() == name);
        key.cloned()
            .ok_or(Fault::Refused(crate::store::Refusal::NoSuchKey))
    }

    fn listed(&self, key: &StoredKey, account: &Account) -> ListedKey {
        let permissions = key.permissions.meet(&account.permissions);
        ListedKey {
            id: key.name.to_string(),
            prefix: key.beginning.to_string(),
            permissions: self.shown_permissions(&permissions),
            created: key.created.to_string(),
            expires: key.expires.map(|end| end.to_string()),
            last_used: None,
        }
    }
}
