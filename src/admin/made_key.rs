//! [`NewKey`] and [`MadeKey`]: a key as an operator asks for it, and as it is shown once.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::keys::ListedKey;
use crate::accounts::ApiKey;
use crate::accounts::service::{Desk, Fault, NewStoredKey, PermissionMap};
use crate::auth::{KeyOwner, Permissions, Transport, Transports, UserGlob, UserId};
use crate::clock::Timestamp;

/// A key that was just made. It is shown this once.
#[derive(Serialize, ToSchema)]
pub(super) struct MadeKey {
    /// The key.
    key: String,
    #[serde(flatten)]
    listed: ListedKey,
}

impl MadeKey {
    pub(super) fn new(key: &ApiKey, listed: ListedKey) -> Self {
        let key = key.expose().to_owned();
        Self { key, listed }
    }
}

/// A key to be made: for one `user`, or for whom `acts_as` says.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct NewKey {
    /// Its name; without one, it is made of its digest.
    #[schema(max_length = 64)]
    pub(super) id: Option<String>,
    /// A user's name; or an id that is no user's, to which it is bound.
    #[schema(max_length = 128)]
    user: Option<String>,
    /// Ids that its holder may name; `*` only at the end, or alone.
    acts_as: Option<Vec<String>>,
    /// Without them, whatever its user may do, or the backend's base set.
    permissions: Option<PermissionMap>,
    /// Without them, both.
    transports: Option<Vec<KeyTransport>>,
    /// In how many seconds it ends; never, without.
    #[schema(value_type = Option<u32>, minimum = 1)]
    expires_in: Option<NonZeroU32>,
}

/// Where a key may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum KeyTransport {
    Http,
    WebSocket,
}

impl NewKey {
    /// What it comes to in this store.
    pub(super) fn understood(self, desk: &Desk, now: Timestamp) -> Result<NewStoredKey, Fault> {
        let owner = self.owner(desk)?;
        let permissions = match &self.permissions {
            Some(map) => desk.parse_permissions(map)?,
            None => usual_permissions(&owner, desk)?,
        };
        let transports = match self.transports.as_deref() {
            None => Transports::Both,
            Some(listed) => KeyTransport::together(listed)?,
        };
        let end = |seconds: NonZeroU32| now.after(Duration::from_secs(seconds.get().into()));
        Ok(NewStoredKey {
            owner,
            permissions,
            transports,
            expires: self.expires_in.map(end),
        })
    }

    fn owner(&self, desk: &Desk) -> Result<KeyOwner, Fault> {
        match (&self.user, self.acts_as.as_deref()) {
            (Some(user), None) => Ok(match desk.directory()?.account_named(user) {
                Some(account) => KeyOwner::Account(account.id),
                None => KeyOwner::Bound(
                    UserId::parse(user).map_err(|error| Fault::field("user", error.to_string()))?,
                ),
            }),
            (None, Some(globs)) if !globs.is_empty() => {
                let globs = globs.iter().map(|glob| UserGlob::parse(glob));
                let globs = globs.collect::<Result<Arc<[_]>, _>>();
                let globs = globs.map_err(|error| Fault::field("acts_as", error.to_string()))?;
                Ok(KeyOwner::Acting(globs))
            }
            _ => Err(Fault::field(
                "user",
                "Either `user`, or `acts_as` with one id at least",
            )),
        }
    }
}

fn usual_permissions(owner: &KeyOwner, desk: &Desk) -> Result<Permissions, Fault> {
    Ok(match owner {
        KeyOwner::Account(id) => desk.account(*id)?.permissions,
        KeyOwner::Bound(_) | KeyOwner::Acting(_) => desk.settings().base.clone(),
    })
}

impl KeyTransport {
    pub(super) fn of(transports: Transports) -> Vec<Self> {
        match transports {
            Transports::Both => vec![Self::Http, Self::WebSocket],
            Transports::Only(Transport::Http) => vec![Self::Http],
            Transports::Only(Transport::WebSocket) => vec![Self::WebSocket],
        }
    }

    fn together(listed: &[Self]) -> Result<Transports, Fault> {
        let has = |transport| listed.contains(&transport);
        match (has(Self::Http), has(Self::WebSocket)) {
            (true, true) => Ok(Transports::Both),
            (true, false) => Ok(Transports::Only(Transport::Http)),
            (false, true) => Ok(Transports::Only(Transport::WebSocket)),
            (false, false) => Err(Fault::field("transports", "One at least")),
        }
    }
}
