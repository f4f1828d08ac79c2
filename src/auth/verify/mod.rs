//! Verifiers: each checks one kind of credential and alone can make an [`Identity`].

mod accounts;
mod api_key;
mod claims;
mod digest;
mod identity;
mod jwt;
mod key_set;
mod memo;
mod template;

use std::sync::Arc;

pub use accounts::{AccountSettings, Accounts, BoundNames, Known, Namespace, SessionProof};
pub use api_key::{
    KeyId, KeySettings, KeyTable, KeyTableBuilder, SpeaksFor, TableConflict, Transports,
};
use claims::Claims;
pub use digest::KeyDigest;
pub use identity::{CredentialId, Identity};
pub use jwt::{Audience, IssuerSettings, JwtVerifier};
pub use key_set::{Algorithm, KeyFingerprint, KeySet, KeySetError};
pub use memo::Memo;
pub use template::{InvalidTemplate, UserTemplate};

pub(super) use accounts::Use;
use api_key::Found;
pub(super) use claims::Object;
pub(super) use identity::{Basis, OwnBasis, TokenBasis, VisitorBasis};
use jwt::{Compact, Header};

use super::{
    Denial, StoredKey, TokenId, Transport,
    credential::Credential,
    subject::{UserGlob, UserId},
};
use crate::clock::Timestamp;

/// Everything that can vouch for a caller.
#[derive(Clone, Debug, Default)]
pub struct Verifiers {
    /// The declared keys.
    pub keys: Arc<KeyTable>,
    /// The users and keys of the store, if there is one.
    pub accounts: Option<Accounts>,
    /// The issuers of tokens, in the order they were declared.
    pub issuers: Vec<JwtVerifier>,
    /// The id of an acting key's caller that names nobody, where the profile has one.
    pub default_user: Option<UserId>,
}

/// What a verifier says of a credential.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It is good, and stands for this identity.
    Accept(Identity),
    /// It is of another kind.
    Pass,
    /// It is of this kind, and bad.
    Reject(Rejection),
}

/// What a credential that is good stands for.
#[derive(Debug)]
pub(super) enum Vouched {
    /// Whoever presents it.
    Caller(Identity),
    /// The session that shows it: it authenticates nobody, but a cookie of that session's may take
    /// it besides.
    Session(TokenId),
}

/// Why a credential is refused; the reason is for the operator's log only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// No carrier could have held it so.
    Unreadable,
    /// It is longer than `limits.token_size`.
    TooLong,
    /// No verifier knows it.
    Unknown,
    /// The key or token has expired.
    Expired,
    /// The key isn't for this transport.
    WrongTransport,
    /// The token's parts aren't a JSON object each, or not in canonical base64url.
    MalformedToken,
    /// The token's header asks for what we don't do (`crit`, `typ`, nesting, encryption).
    TokenHeader,
    /// No issuer takes the token's algorithm.
    Algorithm,
    /// No key of the issuer made the signature.
    Signature,
    /// A required claim is missing.
    MissingClaim,
    /// `nbf` or `iat` lies in the future.
    NotYetValid,
    /// `iss` isn't the issuer's.
    Issuer,
    /// `aud` doesn't name us.
    Audience,
    /// The claims yield no valid user id.
    User,
    /// The token was revoked by its digest.
    Revoked,
    /// The id is reserved for another source of identities.
    ReservedUser,
    /// The user's account is disabled.
    Disabled,
}

/// What the client says of itself; counts only beside a key that may act for others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Assertion {
    /// Nothing.
    Absent,
    /// This id.
    User(UserId),
    /// Something that isn't one id.
    Malformed,
}

impl Vouched {
    /// Who presents it, where nothing but a caller's credential will do.
    pub(super) fn caller(self) -> Result<Identity, Rejection> {
        match self {
            Self::Caller(identity) => Ok(identity),
            Self::Session(_) => Err(Rejection::TokenHeader),
        }
    }
}

impl Verifiers {
    /// Whom or what a credential stands for.
    pub(super) fn verify(
        &self,
        credential: &Credential<'_>,
        assertion: impl FnOnce() -> Assertion,
        transport: Transport,
        memo: &mut Memo,
        now: Timestamp,
    ) -> Result<Vouched, Denial> {
        let value = &*credential.value;
        let may_be_token = jwt::may_be_token(value);
        if may_be_token && let Some(identity) = self.remembered(value, Use::Bearer, memo, now) {
            return Ok(Vouched::Caller(identity));
        }
        if let Some(key) = self.key(KeyDigest::of(value.as_bytes()), now)? {
            let identity = key.identify(assertion, self.default_user.as_ref(), transport, now)?;
            return Ok(Vouched::Caller(identity));
        }
        if may_be_token && let Some(vouched) = self.own(value, Use::Bearer, now)? {
            if let Vouched::Caller(identity) = &vouched {
                memo.remember(value, identity);
            }
            return Ok(vouched);
        }
        if self.may_be_stored(value) {
            return Err(Denial::StoreUnread);
        }
        let mut rejection = Rejection::Unknown;
        for issuer in &self.issuers {
            match issuer.verify(value, now) {
                Verdict::Accept(identity) => {
                    self.check_unclaimed(&identity, now)?;
                    memo.remember(value, &identity);
                    return Ok(Vouched::Caller(identity));
                }
                Verdict::Pass => {}
                Verdict::Reject(reason) => rejection = reason.max_informative(rejection),
            }
        }
        Err(rejection.into())
    }

    /// The identity that the cookie of a session stands for.
    pub(in crate::auth) fn session(
        &self,
        value: &str,
        memo: &mut Memo,
        now: Timestamp,
    ) -> Result<Identity, Denial> {
        if let Some(identity) = self.remembered(value, Use::Session, memo, now) {
            return Ok(identity);
        }
        let vouched = self.own(value, Use::Session, now)?;
        let identity = vouched.ok_or(Rejection::Unknown)?.caller()?;
        memo.remember(value, &identity);
        Ok(identity)
    }

    fn remembered(
        &self,
        token: &str,
        usage: Use,
        memo: &mut Memo,
        now: Timestamp,
    ) -> Option<Identity> {
        let earlier = memo.recall(token)?;
        if !earlier.basis().is_for(usage) {
            return None;
        }
        let identity = self.renew(earlier, now).ok()?;
        if !identity.is(earlier) {
            memo.remember(token, &identity);
        }
        Some(identity)
    }

    /// Whether a key that nobody knows may be one of a store that could not be read yet.
    fn may_be_stored(&self, value: &str) -> bool {
        let unread = |accounts: &Accounts| accounts.directory().is_none();
        value.starts_with(StoredKey::PREFIX) && self.accounts.as_ref().is_some_and(unread)
    }

    /// Judges an identity made earlier by what holds now: the same key or issuer must still vouch
    /// for the same user.
    pub(super) fn renew(&self, earlier: &Identity, now: Timestamp) -> Result<Identity, Rejection> {
        match earlier.basis() {
            // Whether it is welcome still is not for those who verify to say.
            Basis::Visitor(_) => Err(Rejection::Unknown),
            Basis::Key(digest) => {
                let key = self.key(*digest, now)?.ok_or(Rejection::Unknown)?;
                key.renew(earlier, now)
            }
            Basis::Own(basis) => self.renew_own(earlier, basis, now),
            Basis::Token(basis) => {
                let verifier = self.issuer(&basis.issuer).ok_or(Rejection::Issuer)?;
                self.check_unclaimed(earlier, now)?;
                verifier.renew(earlier, basis, now)
            }
        }
    }

    /// A token of others may not bear the id of a user whom a key of the store acts for.
    fn check_unclaimed(&self, identity: &Identity, now: Timestamp) -> Result<(), Rejection> {
        let claims = |accounts: &Accounts| accounts.acts_for(identity.user(), now);
        if self.accounts.as_ref().is_some_and(claims) {
            return Err(Rejection::ReservedUser);
        }
        Ok(())
    }

    /// Whether the identity's key is no longer for this transport.
    pub(super) fn transport_changed(
        &self,
        identity: &Identity,
        transport: Transport,
        now: Timestamp,
    ) -> bool {
        match identity.basis() {
            Basis::Key(digest) => match self.key(*digest, now) {
                Ok(Some(key)) => !key.serves(transport),
                Ok(None) | Err(_) => true,
            },
            Basis::Own(_) | Basis::Token(_) | Basis::Visitor(_) => false,
        }
    }

    fn issuer(&self, name: &Arc<str>) -> Option<&JwtVerifier> {
        self.issuers.iter().find(|issuer| issuer.name() == name)
    }
}

impl Rejection {
    /// The reason in the log and in metrics; one of a fixed set.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable credential",
            Self::TooLong => "credential too long",
            Self::Unknown => "unknown credential",
            Self::Expired => "credential expired",
            Self::WrongTransport => "key on a transport it is not for",
            Self::MalformedToken => "malformed token",
            Self::TokenHeader => "token header not acceptable",
            Self::Algorithm => "token algorithm not allowed",
            Self::Signature => "token signature does not verify",
            Self::MissingClaim => "token lacks a required claim",
            Self::NotYetValid => "token not valid yet",
            Self::Issuer => "token of another issuer",
            Self::Audience => "token for another audience",
            Self::User => "token without a usable user id",
            Self::Revoked => "token revoked",
            Self::Disabled => "account disabled",
            Self::ReservedUser => "token for a user id reserved to another source",
        }
    }

    /// Of two issuers' reasons, the one of the issuer that understood more of the token.
    fn max_informative(self, other: Self) -> Self {
        let depth = |reason: Self| match reason {
            Self::Unknown => 0,
            Self::MalformedToken | Self::TokenHeader => 1,
            Self::Algorithm => 2,
            Self::Signature => 3,
            _ => 4,
        };
        if depth(self) >= depth(other) {
            self
        } else {
            other
        }
    }
}

/// Ids that a token may not bear, because another source of identities owns them.
#[derive(Debug, Clone, Default)]
pub struct Reserved(Arc<[UserGlob]>);

impl Reserved {
    /// Reserves every id that one of the globs names, case-folded.
    #[must_use]
    pub fn new(globs: Vec<UserGlob>) -> Self {
        Self(globs.into())
    }

    fn holds(&self, user: &UserId) -> bool {
        self.0.iter().any(|glob| glob.reserves(user))
    }
}

#[cfg(test)]
mod tests;
