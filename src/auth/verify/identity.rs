//! [`Identity`]: the proof that a credential was verified. Only this folder can make one.

use std::sync::Arc;

use super::{Algorithm, Claims, KeyDigest, KeyFingerprint, KeyId, Use};
use crate::{
    auth::{Kid, OwnToken, Purpose, permission::Permissions, subject::UserId},
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
    /// A key of the store.
    Stored(KeyId),
    /// A token of the issuer of this name.
    Issuer(Arc<str>),
    /// A token of ours.
    Account,
    /// No credential: a visitor of an anonymous route.
    Visitor,
}

impl std::fmt::Display for CredentialId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Key(id) | Self::Stored(id) => write!(f, "{id}"),
            Self::Issuer(name) => f.write_str(name),
            Self::Account => f.write_str("account"),
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
    /// A token of ours.
    Own(Arc<OwnBasis>),
    /// Nothing: a visitor.
    Visitor(VisitorBasis),
}

impl Basis {
    /// Whether what it rests on may come so.
    pub(super) fn is_for(&self, usage: Use) -> bool {
        match self {
            Self::Own(basis) => usage.takes(basis.purpose),
            Self::Key(_) | Self::Token(_) | Self::Visitor(_) => usage == Use::Bearer,
        }
    }
}

/// What a token of ours says, and the key that it was signed with.
#[derive(Debug)]
pub(in crate::auth) struct OwnBasis {
    pub(in crate::auth) token: OwnToken,
    pub(super) purpose: Purpose,
    pub(super) kid: Kid,
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

    /// Nor this, with a token of this issuer.
    #[cfg(test)]
    pub(in crate::auth) fn of_issuer(user: &str, issuer: &str) -> Self {
        let user = UserId::parse(user).expect("a user id");
        let credential = CredentialId::Issuer(issuer.into());
        let basis = Basis::Key(KeyDigest::of(b""));
        Self::new(user, Permissions::default(), None, credential, basis)
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

    /// The key of the store that vouches for it, if one does.
    #[must_use]
    pub fn stored_key(&self) -> Option<KeyDigest> {
        match (&self.0.credential, &self.0.basis) {
            (CredentialId::Stored(_), Basis::Key(digest)) => Some(*digest),
            _ => None,
        }
    }

    /// Whether it is this very one.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(in crate::auth) fn basis(&self) -> &Basis {
        &self.0.basis
    }
}
