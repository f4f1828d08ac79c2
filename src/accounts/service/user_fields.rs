//! What is submitted about a user, and what it makes of the user.

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::answer::{Fault, Problem};
use super::users::PermissionMap;
use crate::accounts::Password;
use crate::auth::{Permission, Permissions, Status};
use crate::snapshot::Vocabulary;

/// A user to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// 2 to 64 characters of a user id.
    #[schema(min_length = 2, max_length = 64, pattern = "^[A-Za-z0-9._@+=|:~-]+$")]
    pub username: String,
    /// 8 to 1024 bytes.
    #[schema(min_length = 8, max_length = 1024)]
    pub password: String,
    /// Without them, the backend's base set.
    #[serde(default, deserialize_with = "some")]
    #[schema(nullable = false)]
    pub permissions: Option<PermissionMap>,
    /// Without it, enabled.
    #[serde(default)]
    pub status: AccountStatus,
}

/// Settings of a user that are to be others; what is left out stays.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Edited {
    /// 2 to 64 characters of a user id.
    #[serde(deserialize_with = "some")]
    #[schema(
        nullable = false,
        min_length = 2,
        max_length = 64,
        pattern = "^[A-Za-z0-9._@+=|:~-]+$"
    )]
    pub username: Option<String>,
    /// 8 to 1024 bytes. Tokens and sessions of before are over.
    #[serde(deserialize_with = "some")]
    #[schema(nullable = false, min_length = 8, max_length = 1024)]
    pub password: Option<String>,
    /// All of them.
    #[serde(deserialize_with = "some")]
    #[schema(nullable = false)]
    pub permissions: Option<PermissionMap>,
    /// Whether the user may log in.
    #[serde(deserialize_with = "some")]
    #[schema(nullable = false)]
    pub status: Option<AccountStatus>,
}

/// Whether a user may log in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AccountStatus {
    /// It may.
    #[default]
    Enabled,
    /// Nobody gets in with it.
    Disabled,
}

impl From<Status> for AccountStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Enabled => Self::Enabled,
            Status::Disabled => Self::Disabled,
        }
    }
}

impl From<AccountStatus> for Status {
    fn from(status: AccountStatus) -> Self {
        match status {
            AccountStatus::Enabled => Self::Enabled,
            AccountStatus::Disabled => Self::Disabled,
        }
    }
}

/// `null` is no value: what is to stay is left out.
fn some<'de, T: Deserialize<'de>, D: Deserializer<'de>>(field: D) -> Result<Option<T>, D::Error> {
    T::deserialize(field).map(Some)
}

/// A password that somebody may choose.
pub(super) fn password(text: String) -> Result<Password, Problem> {
    Password::parse(text).map_err(|error| Problem::with("password", error.to_string()))
}

/// Permissions of words that the backend knows.
pub(super) fn permissions(map: &PermissionMap, known: &Vocabulary) -> Result<Permissions, Fault> {
    let pairs = map
        .iter()
        .flat_map(|(resource, actions)| actions.iter().map(move |action| (resource, action)));
    let mut permissions = Vec::new();
    let mut unknown = false;
    for (resource, action) in pairs {
        match Permission::new(resource, action) {
            Ok(permission) if known.knows(&permission) => permissions.push(permission),
            _ => unknown = true,
        }
    }
    if unknown {
        let msg = "There is no such permission: those there are, are at /auth/available-permissions, where users log in";
        return Err(Fault::field("permissions", msg));
    }
    Ok(permissions.into_iter().collect())
}
