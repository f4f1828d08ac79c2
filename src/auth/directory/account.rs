//! [`Account`]: a user of ours.

use std::fmt;

use uuid::Uuid;

use crate::{
    auth::{Permissions, UserId},
    clock::Timestamp,
};

/// A user's id in the store. It is nobody else's, ever: a user who bears an old name inherits
/// nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(Uuid);

/// A user with a password, permissions, and an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The id in the store.
    pub id: AccountId,
    /// What the backend is told; no two are alike, case-folded.
    pub username: UserId,
    /// What the password is checked against.
    pub password: PasswordHash,
    /// What the user may do.
    pub permissions: Permissions,
    /// Whether the user may do anything at all.
    pub status: Status,
    /// Tokens issued until then count no more.
    pub tokens_end: Timestamp,
    /// When the account was made.
    pub created: Timestamp,
}

/// Whether an account counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// It does.
    #[default]
    Enabled,
    /// Nobody gets in with it.
    Disabled,
}

/// A password's hash, with its algorithm and parameters, in the PHC string format.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(Box<str>);

impl AccountId {
    /// A fresh one (RFC 9562 §5.4).
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// Of this UUID.
    #[must_use]
    pub const fn new(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// Reads a UUID in its usual form, hyphens and all.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let has_usual_length = text.len() == uuid::fmt::Hyphenated::LENGTH;
        let uuid = has_usual_length.then(|| Uuid::try_parse(text).ok());
        uuid.flatten().map(Self)
    }

    /// The UUID.
    #[must_use]
    pub const fn as_uuid(&self) -> &Uuid {
        &self.0
    }
}

impl Status {
    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
        }
    }

    /// The status of this word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let mut all = [Self::Enabled, Self::Disabled].into_iter();
        all.find(|status| status.as_str() == word)
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountId({self})")
    }
}

impl PasswordHash {
    /// Takes the text as it is: one that no algorithm knows is no password's.
    #[must_use]
    pub fn new(phc: impl Into<Box<str>>) -> Self {
        Self(phc.into())
    }

    /// The text; each caller is a place to review.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}
