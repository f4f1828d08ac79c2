//! [`NewStoredKey`]: a key that is to be made.

use super::Fault;
use crate::accounts::ApiKey;
use crate::auth::{KeyName, KeyOwner, Permissions, StoredKey, Transports};
use crate::clock::Timestamp;

/// What is known of a key before it is made.
#[derive(Clone, Debug)]
pub struct NewStoredKey {
    /// Whom it speaks for.
    pub owner: KeyOwner,
    /// What it may do.
    pub permissions: Permissions,
    /// Where it may be used.
    pub transports: Transports,
    /// From when on it counts no more.
    pub expires: Option<Timestamp>,
}

impl NewStoredKey {
    /// The key, to be shown once, and what is stored of it. Without a name, it is made of the digest.
    ///
    /// # Errors
    /// When the name is none, or the system gives no randomness.
    pub fn generate(self, name: Option<&str>) -> Result<(ApiKey, StoredKey), Fault> {
        let key = ApiKey::generate().map_err(|error| {
            tracing::error!(%error, "a key could not be made");
            Fault::Busy
        })?;
        let name = name.map_or_else(|| key.usual_name(), str::to_owned);
        let name = KeyName::parse(&name).map_err(|error| Fault::field("id", error.to_string()))?;
        let stored = StoredKey {
            name,
            digest: key.digest(),
            beginning: key.beginning().into(),
            owner: self.owner,
            permissions: self.permissions,
            transports: self.transports,
            created: Timestamp::now(),
            expires: self.expires,
        };
        Ok((key, stored))
    }
}
