//! `/keys`: keys of the store, whoever's they are.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Path;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::made_key::{KeyTransport, MadeKey, NewKey};
use super::office::{Kept, Office};
use super::query::{Asked, Slice};
use super::refusal::{Refusal, Refusals};
use crate::accounts::service::{Actor, Desk, Fault, Fields, NewStoredKey, PermissionMap};
use crate::auth::{Directory, KeyName, KeyOwner, StoredKey};
use crate::clock::Timestamp;
use crate::store::{self, Change};

pub(super) fn routes() -> OpenApiRouter<Arc<Office>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(revoke))
        .routes(routes!(rotate))
}

/// A key, as it is listed. The key itself is nowhere.
#[derive(Serialize, ToSchema)]
pub(super) struct ListedKey {
    /// Its name.
    id: String,
    /// Its first characters.
    prefix: String,
    /// Whom it speaks for; null, if for others.
    user: Option<String>,
    /// Whom its holder may name.
    acts_as: Vec<String>,
    /// What it may do; of a user's own, what the user may do as well.
    permissions: PermissionMap,
    transports: Vec<KeyTransport>,
    /// RFC 3339.
    created: String,
    /// RFC 3339; null, if it has no end.
    expires: Option<String>,
    /// RFC 3339, to the minute; null, if it was not used yet.
    last_used: Option<String>,
}

/// For how long two keys are good.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct Overlap {
    /// In seconds; without, the old key ends at once.
    overlap: u32,
}

/// Keys, the oldest first.
#[utoipa::path(get, path = "/keys", operation_id = "list_keys", tag = "keys", params(Slice),
    responses((status = 200, body = Vec<ListedKey>), Refusals))]
async fn list(
    Kept(desk): Kept,
    Asked(slice): Asked<Slice>,
) -> Result<Json<Vec<ListedKey>>, Refusal> {
    let directory = desk.directory()?;
    let uses = desk.ledger().store()?.uses().await.map_err(Fault::from)?;
    let uses: HashMap<KeyName, Timestamp> =
        uses.into_iter().map(|used| (used.key, used.at)).collect();
    let mut keys: Vec<&StoredKey> = directory.keys().collect();
    keys.sort_unstable_by(|one, other| (one.created, &one.name).cmp(&(other.created, &other.name)));
    let listed = slice.of(keys).map(|key| ListedKey {
        last_used: uses.get(&key.name).map(ToString::to_string),
        ..ListedKey::of(key, &directory, &desk)
    });
    Ok(Json(listed.collect()))
}

/// A new key, shown this once: a user's own, bound to an id that is no user's, or for others.
#[utoipa::path(post, path = "/keys", operation_id = "create_key", tag = "keys", request_body = NewKey,
    responses((status = 200, body = MadeKey), Refusals))]
async fn create(
    Kept(desk): Kept,
    Extension(actor): Extension<Actor>,
    Fields(new): Fields<NewKey>,
) -> Result<Json<MadeKey>, Refusal> {
    let id = new.id.clone();
    let new = new.understood(&desk, Timestamp::now())?;
    actor.check_gives_key_of(&new.owner, &*desk.directory()?)?;
    actor.check_gives(&new.permissions)?;
    desk.check_shuts_nobody_out(&new.owner)?;
    let (key, stored) = new.generate(id.as_deref())?;
    let change = Change::CreateKey(stored.clone());
    desk.ledger().make(change, &actor).await?;
    let listed = ListedKey::of(&stored, &*desk.directory()?, &desk);
    Ok(Json(MadeKey::new(&key, listed)))
}

/// A key is no more, nor are its sockets.
#[utoipa::path(delete, path = "/keys/{id}", operation_id = "revoke_key", tag = "keys", params(("id" = String, Path)),
    responses((status = 200, description = "The key as it was", body = ListedKey), Refusals))]
async fn revoke(
    Kept(desk): Kept,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
) -> Result<Json<ListedKey>, Refusal> {
    let directory = desk.directory()?;
    let key = find(&directory, &id)?;
    let change = Change::RevokeKey(key.name.clone());
    desk.ledger().make(change, &actor).await?;
    Ok(Json(ListedKey::of(key, &directory, &desk)))
}

/// A key gets a successor that does the same.
#[utoipa::path(post, path = "/keys/{id}/rotate", operation_id = "rotate_key", tag = "keys", request_body = Overlap,
    params(("id" = String, Path)),
    responses((status = 200, body = MadeKey), Refusals))]
async fn rotate(
    Kept(desk): Kept,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    Fields(Overlap { overlap }): Fields<Overlap>,
) -> Result<Json<MadeKey>, Refusal> {
    let directory = desk.directory()?;
    let old = find(&directory, &id)?;
    // Whoever is shown the new key has what it opens, and is whom it speaks for.
    actor.check_gives_key_of(&old.owner, &directory)?;
    actor.check_gives(
        directory
            .permissions_of(old.digest)
            .unwrap_or(&old.permissions),
    )?;
    let now = Timestamp::now();
    let next = NewStoredKey {
        owner: old.owner.clone(),
        permissions: old.permissions.clone(),
        transports: old.transports,
        expires: old.end_of_successor(now),
    };
    let (key, next) = next.generate(None)?;
    let change = Change::RotateKey {
        name: old.name.clone(),
        ends: old.ends_by(now.after(Duration::from_secs(overlap.into()))),
        next: next.clone(),
    };
    desk.ledger().make(change, &actor).await?;
    let listed = ListedKey::of(&next, &*desk.directory()?, &desk);
    Ok(Json(MadeKey::new(&key, listed)))
}

fn find<'d>(directory: &'d Directory, id: &str) -> Result<&'d StoredKey, Refusal> {
    let name = KeyName::parse(id).ok();
    let key = name.and_then(|name| directory.key_named(&name));
    key.ok_or_else(|| Fault::Refused(store::Refusal::NoSuchKey).into())
}

impl ListedKey {
    /// Its last use is told apart.
    fn of(key: &StoredKey, directory: &Directory, desk: &Desk) -> Self {
        let (user, acts_as) = match &key.owner {
            KeyOwner::Account(id) => {
                let owner = directory.account(*id);
                (owner.map(|owner| owner.username.to_string()), Vec::new())
            }
            KeyOwner::Bound(user) => (Some(user.to_string()), Vec::new()),
            KeyOwner::Acting(globs) => (None, globs.iter().map(ToString::to_string).collect()),
        };
        let permissions = directory.permissions_of(key.digest);
        Self {
            id: key.name.to_string(),
            prefix: key.beginning.to_string(),
            user,
            acts_as,
            permissions: desk.shown_permissions(permissions.unwrap_or(&key.permissions)),
            transports: KeyTransport::of(key.transports),
            created: key.created.to_string(),
            expires: key.expires.map(|end| end.to_string()),
            last_used: None,
        }
    }
}
