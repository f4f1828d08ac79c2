//! [`StoredKey`]: an API key that the store knows by its digest.

use std::{fmt, sync::Arc};

use super::AccountId;
use crate::{
    auth::{KeyDigest, Permissions, Transports, UserGlob, UserId},
    clock::Timestamp,
};

/// A key of the store. The key itself was shown once and is nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredKey {
    /// Its name in logs and commands; no two are alike.
    pub name: KeyName,
    /// SHA-256 of the whole key.
    pub digest: KeyDigest,
    /// Its first characters, by which its holder knows it again.
    pub beginning: Box<str>,
    /// Whom it speaks for.
    pub owner: KeyOwner,
    /// What it may do; never above its owner's permissions.
    pub permissions: Permissions,
    /// Where it may be used.
    pub transports: Transports,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it counts no more.
    pub expires: Option<Timestamp>,
}

impl StoredKey {
    /// What every generated key begins with.
    pub const PREFIX: &str = "dw_";

    /// When it ends, if it is to end then at the latest.
    #[must_use]
    pub fn ends_by(&self, latest: Timestamp) -> Timestamp {
        self.expires.map_or(latest, |end| end.min(latest))
    }

    /// When one that follows it now ends: it is good for as long as this one was to be.
    #[must_use]
    pub fn end_of_successor(&self, now: Timestamp) -> Option<Timestamp> {
        let good_for = |end| self.created.until(end);
        self.expires.map(|end| now.after(good_for(end)))
    }

    /// Whether it counts no more.
    #[must_use]
    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|end| end <= now)
    }
}

/// Whom a key of the store speaks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyOwner {
    /// The user of this account, as long as there is one.
    Account(AccountId),
    /// Always this user id, which is nobody's account.
    Bound(UserId),
    /// Whomever its holder names, if one of the globs allows it.
    Acting(Arc<[UserGlob]>),
}

/// What a key of the store is called.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyName(Arc<str>);

/// The text is not a key's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key's name is 1 to 64 of A-Z a-z 0-9 . _ -, and begins with a letter or digit")]
pub struct InvalidKeyName;

impl KeyName {
    /// The longest name, in bytes.
    pub const MAX_LENGTH: usize = 64;

    /// Parses a name.
    ///
    /// # Errors
    /// When a character or the length is another than the error's text says.
    pub fn parse(text: &str) -> Result<Self, InvalidKeyName> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let begins = text
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_alphanumeric());
        if begins && text.len() <= Self::MAX_LENGTH && text.bytes().all(is_allowed) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidKeyName)
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same, to be shared.
    #[must_use]
    pub const fn shared(&self) -> &Arc<str> {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyName({})", self.0)
    }
}
