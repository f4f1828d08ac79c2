//! [`Identity`]: the proof that a credential was verified. Only this folder can make one.

use std::sync::Arc;

use super::{Algorithm, Claims, KeyDigest, KeyFingerprint, KeyId};
use crate::{
    auth::{permission::Permissions, subject::UserId},
    clock::Timestamp,
};

/// The authenticated subject; cheap to clone. Nothing in it is a secret.
#[derive(Clone, Debug)]
pub struct Identity(Arc<Verified>);

#[derive(Debug)]
struct Verified {
    user: UserId,
    permissions: Permissions,
    expires: Option<Timestamp>,
    credential: CredentialId,
    basis: Basis,
}

/// What the credential is called in logs.
#[derive(Clone, Debug)]
pub enum CredentialId {
    /// A declared key.
    Key(KeyId),
    /// A token of the issuer of this name.
    Issuer(Arc<str>),
    /// No credential: a visitor of an anonymous route.
    Visitor,
}

impl std::fmt::Display for CredentialId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Key(id) => write!(f, "{id}"),
            Self::Issuer(name) => f.write_str(name),
            Self::Visitor => f.write_str("visitor"),
        }
    }
}

/// What the identity rests on, so that it can be judged again.
#[derive(Clone, Debug)]
pub(in crate::auth) enum Basis {
    /// The key of this digest.
    Key(KeyDigest),
    /// A token.
    Token(TokenBasis),
    /// Nothing: a visitor.
    Visitor(VisitorBasis),
}

/// How a visitor came by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::auth) enum VisitorBasis {
    /// It is ours; cookies are signed with the key of this digest.
    Given(KeyDigest),
    /// It was claimed, and believed.
    Claimed,
}

/// How a token was verified: under this key of this issuer, whose settings had this stamp.
#[derive(Clone, Debug)]
pub(in crate::auth) struct TokenBasis {
    pub(super) issuer: Arc<str>,
    pub(super) algorithm: Algorithm,
    pub(super) key: KeyFingerprint,
    pub(super) claims: Arc<Claims>,
    /// Of the whole token.
    pub(super) digest: KeyDigest,
    pub(super) stamp: u64,
}

impl Identity {
    pub(super) fn new(
        user: UserId,
        permissions: Permissions,
        expires: Option<Timestamp>,
        credential: CredentialId,
        basis: Basis,
    ) -> Self {
        Self(Arc::new(Verified {
            user,
            permissions,
            expires,
            credential,
            basis,
        }))
    }

    /// A caller without a credential, on a route that takes one so.
    pub(in crate::auth) fn visitor(
        user: UserId,
        basis: VisitorBasis,
        expires: Option<Timestamp>,
    ) -> Self {
        let basis = Basis::Visitor(basis);
        let permissions = Permissions::default();
        Self::new(user, permissions, expires, CredentialId::Visitor, basis)
    }

    /// What nobody verified.
    #[cfg(test)]
    pub(in crate::auth) fn unverified(
        user: UserId,
        permissions: Permissions,
        expires: Option<Timestamp>,
    ) -> Self {
        let credential = CredentialId::Issuer("nobody".into());
        let basis = Basis::Key(KeyDigest::of(b""));
        Self::new(user, permissions, expires, credential, basis)
    }

    /// Whether no credential vouches for it.
    #[must_use]
    pub fn is_visitor(&self) -> bool {
        matches!(self.0.basis, Basis::Visitor(_))
    }

    /// Who the caller is.
    #[must_use]
    pub fn user(&self) -> &UserId {
        &self.0.user
    }

    /// What the caller was granted.
    #[must_use]
    pub fn permissions(&self) -> &Permissions {
        &self.0.permissions
    }

    /// When the credential ends, if it does.
    #[must_use]
    pub fn expires(&self) -> Option<Timestamp> {
        self.0.expires
    }

    /// The credential's name in logs.
    #[must_use]
    pub fn credential(&self) -> &CredentialId {
        &self.0.credential
    }

    /// The stamp of the issuer's settings that this identity was read by.
    pub(super) fn stamp(&self) -> Option<u64> {
        match &self.0.basis {
            Basis::Token(basis) => Some(basis.stamp),
            Basis::Key(_) | Basis::Visitor(_) => None,
        }
    }

    pub(in crate::auth) fn basis(&self) -> &Basis {
        &self.0.basis
    }
}
