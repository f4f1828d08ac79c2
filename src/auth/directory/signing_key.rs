//! [`SigningKey`]: what our own tokens are signed with.

use std::{fmt, sync::Arc};

use uuid::Uuid;

use crate::{clock::Timestamp, secret::Secret};

/// A key that signs tokens of one purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKey {
    /// Its name in the head of a token (RFC 7515 §4.1.4); no two are alike.
    pub kid: Kid,
    /// Which tokens it signs.
    pub purpose: Purpose,
    /// How.
    pub algorithm: SigningAlgorithm,
    /// A PKCS #8 document for `EdDSA` (RFC 8410 §7), the bytes themselves for `HS256`.
    pub secret: Secret,
    /// When it was made; the newest of a purpose signs.
    pub created: Timestamp,
    /// From when on its tokens count no more: it has a successor.
    pub retires: Option<Timestamp>,
}

/// What a token is for; each has its own keys and its own `typ`, and none does for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// A bearer token of a user.
    Access,
    /// The cookie of a browser's session.
    Session,
    /// What a page may read of its session; authenticates nothing.
    Display,
    /// A bearer token of a visitor whom an acting key has named.
    Visitor,
}

/// How a token is signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SigningAlgorithm {
    /// Ed25519 (RFC 8037); others can verify with the public key.
    #[default]
    EdDsa,
    /// HMAC with SHA-256 (RFC 7518 §3.2).
    Hs256,
}

/// The name of a signing key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kid(Arc<str>);

/// The `jti` of a token of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenId(pub Uuid);

/// The word is none for a purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a signing key is for `access`, `session`, `display` or `visitor`")]
pub struct InvalidPurpose;

impl Purpose {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Access, Self::Session, Self::Display, Self::Visitor];

    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Session => "session",
            Self::Display => "display",
            Self::Visitor => "visitor",
        }
    }

    /// The purpose of this word.
    ///
    /// # Errors
    /// When there is none.
    pub fn parse(word: &str) -> Result<Self, InvalidPurpose> {
        let mut all = Self::ALL.into_iter();
        all.find(|purpose| purpose.as_str() == word)
            .ok_or(InvalidPurpose)
    }
}

impl SigningAlgorithm {
    /// Its name in the head of a token (RFC 7518 §3.1, RFC 8037 §3.1).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Hs256 => "HS256",
        }
    }

    /// The algorithm of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let mut all = [Self::EdDsa, Self::Hs256].into_iter();
        all.find(|algorithm| algorithm.as_str() == name)
    }
}

impl Kid {
    /// What every one of ours begins with, so that a token of ours is known before its key is.
    pub const PREFIX: &str = "dw-";

    /// A fresh one.
    #[must_use]
    pub fn random() -> Self {
        Self(format!("{}{}", Self::PREFIX, Uuid::new_v4().simple()).into())
    }

    /// Takes the text as it is.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Kid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TokenId {
    /// A fresh one.
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
