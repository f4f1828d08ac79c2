//! What a caller is to the store.

use crate::{
    auth::{
        AccountId, Identity, KeyDigest, KeyOwner, OwnToken, Purpose, TokenSubject,
        verify::{Basis, SpeaksFor, Verifiers},
    },
    clock::Timestamp,
};

impl Identity {
    /// The token of ours that it rests on, and what that is for.
    #[must_use]
    pub fn own_token(&self) -> Option<(&OwnToken, Purpose)> {
        match self.basis() {
            Basis::Own(basis) => Some((&basis.token, basis.purpose)),
            Basis::Key(_) | Basis::Token(_) | Basis::Visitor(_) => None,
        }
    }
}

impl Verifiers {
    /// The user of ours that the caller is: by a token of ours, or a key of the user's own.
    #[must_use]
    pub fn account_of(&self, caller: &Identity) -> Option<AccountId> {
        match caller.basis() {
            Basis::Own(basis) => match basis.token.subject {
                TokenSubject::Account(id) => Some(id),
                TokenSubject::Visitor { .. } => None,
            },
            Basis::Key(digest) => {
                let directory = self.accounts.as_ref()?.directory()?;
                match directory.key(*digest)?.owner {
                    KeyOwner::Account(id) => Some(id),
                    KeyOwner::Bound(_) | KeyOwner::Acting(_) => None,
                }
            }
            Basis::Token(_) | Basis::Visitor(_) => None,
        }
    }

    /// The key that the caller presented, if it may act for others.
    #[must_use]
    pub fn acting_key(&self, caller: &Identity, now: Timestamp) -> Option<KeyDigest> {
        let Basis::Key(digest) = caller.basis() else {
            return None;
        };
        let key = self.key(*digest, now).ok().flatten()?;
        matches!(key.speaks_for(), SpeaksFor::Acting(_)).then_some(*digest)
    }
}
