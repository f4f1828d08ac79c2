//! Bearer tokens of ours: whose they are, and whether anything has ended them.

use std::sync::Arc;

use super::{
    super::{Algorithm, Basis, Compact, CredentialId, Header, Identity, Object, OwnBasis, Vouched},
    Accounts, OwnKey, Rejection, Unread, Verifiers,
};
use crate::{
    auth::{Denial, Directory, Kid, OwnToken, Purpose, SigningAlgorithm, TokenSubject},
    clock::Timestamp,
};

/// How a token of ours came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::auth) enum Use {
    /// Somebody put it there.
    Bearer,
    /// In the cookie of a session.
    Session,
}

impl Use {
    pub(in crate::auth::verify) const fn takes(self, purpose: Purpose) -> bool {
        match self {
            Self::Bearer => matches!(purpose, Purpose::Access | Purpose::Visitor),
            Self::Session => matches!(purpose, Purpose::Session),
        }
    }
}

/// A token whose signature is ours.
struct Signed {
    token: OwnToken,
    purpose: Purpose,
    kid: Kid,
}

impl Accounts {
    /// A token of ours by its signature; `None` for one that is not ours.
    fn signed(&self, credential: &str) -> Result<Option<Signed>, Denial> {
        let Some(token) = Compact::split(credential) else {
            return Ok(None);
        };
        let Ok(header) = Header::parse(token.header) else {
            return Ok(None);
        };
        let Some(kid) = header
            .kid
            .as_deref()
            .filter(|kid| kid.starts_with(Kid::PREFIX))
        else {
            return Ok(None);
        };
        if self.known().is_err() {
            return Err(Denial::StoreUnread);
        }
        let key = self.keys.iter().find(|key| key.signing.kid.as_str() == kid);
        let Some(OwnKey { signing, verifying }) = key else {
            return Ok(None);
        };
        let algorithm = match signing.algorithm {
            SigningAlgorithm::EdDsa => Algorithm::EdDSA,
            SigningAlgorithm::Hs256 => Algorithm::HS256,
        };
        if header.algorithm != algorithm {
            return Err(Rejection::Algorithm.into());
        }
        if header.typ.as_deref() != Some(signing.purpose.token_type()) {
            return Err(Rejection::TokenHeader.into());
        }
        if !verifying.verify(algorithm, token.message, token.signature) {
            return Err(Rejection::Signature.into());
        }
        let claims = Object::decode(token.payload)?;
        Ok(Some(Signed {
            token: OwnToken::read(&claims, signing.purpose, &signing.secret)?,
            purpose: signing.purpose,
            kid: signing.kid.clone(),
        }))
    }

    /// Whether nothing has ended the token: its time, its key's, or a revocation.
    fn check_alive(
        &self,
        directory: &Directory,
        kid: &Kid,
        token: &OwnToken,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        let key = self.keys.iter().find(|key| key.signing.kid == *kid);
        let retires = key.ok_or(Rejection::Signature)?.signing.retires;
        if retires.is_some_and(|retires| now >= retires) {
            return Err(Rejection::Signature);
        }
        if now >= token.expires {
            return Err(Rejection::Expired);
        }
        let ended = directory
            .tokens_end()
            .is_some_and(|end| token.issued <= end);
        if ended || directory.is_revoked(token.id) {
            return Err(Rejection::Revoked);
        }
        Ok(())
    }
}

impl Verifiers {
    /// Whom or what a token of ours stands for; `None` when it is not ours.
    pub(in crate::auth::verify) fn own(
        &self,
        credential: &str,
        usage: Use,
        now: Timestamp,
    ) -> Result<Option<Vouched>, Denial> {
        let Some(accounts) = &self.accounts else {
            return Ok(None);
        };
        let Some(Signed {
            token,
            purpose,
            kid,
        }) = accounts.signed(credential)?
        else {
            return Ok(None);
        };
        if usage == Use::Bearer && purpose == Purpose::Display {
            let directory = accounts.known().map_err(|Unread| Denial::StoreUnread)?;
            accounts.check_alive(directory, &kid, &token, now)?;
            return Ok(Some(Vouched::Session(token.id)));
        }
        if !usage.takes(purpose) {
            return Err(Rejection::TokenHeader.into());
        }
        let basis = OwnBasis {
            token,
            purpose,
            kid,
        };
        let identity = self.identity_of(accounts, Arc::new(basis), now)?;
        Ok(Some(Vouched::Caller(identity)))
    }

    /// Judges again what a token of ours stood for.
    pub(in crate::auth::verify) fn renew_own(
        &self,
        earlier: &Identity,
        basis: &Arc<OwnBasis>,
        now: Timestamp,
    ) -> Result<Identity, Rejection> {
        let accounts = self.accounts.as_ref().ok_or(Rejection::Unknown)?;
        let identity = self.identity_of(accounts, Arc::clone(basis), now)?;
        if identity.user() != earlier.user() {
            return Err(Rejection::User);
        }
        let same = identity.permissions() == earlier.permissions();
        Ok(if same { earlier.clone() } else { identity })
    }

    fn identity_of(
        &self,
        accounts: &Accounts,
        basis: Arc<OwnBasis>,
        now: Timestamp,
    ) -> Result<Identity, Rejection> {
        let directory = accounts.known().map_err(|Unread| Rejection::Unknown)?;
        accounts.check_alive(directory, &basis.kid, &basis.token, now)?;
        let expires = basis.token.expires;
        let (user, permissions) = match &basis.token.subject {
            TokenSubject::Account(id) => {
                let account = directory.account(*id).ok_or(Rejection::Unknown)?;
                let account = accounts.in_force(account, now)?;
                if basis.token.issued <= account.tokens_end {
                    return Err(Rejection::Revoked);
                }
                (account.username.clone(), account.permissions.clone())
            }
            TokenSubject::Visitor { user, key } => {
                let key = self.key(*key, now)?.ok_or(Rejection::Unknown)?;
                (user.clone(), key.permissions_as(user, now)?)
            }
        };
        Ok(Identity::new(
            user,
            permissions,
            Some(expires),
            CredentialId::Account,
            Basis::Own(basis),
        ))
    }
}
