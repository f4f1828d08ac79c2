//! [`Memo`]: signatures a worker has verified already, and tokens it has minted. It remembers signatures, not decisions:
//! expiry, revocation and policy are looked up in the snapshot each time.

use std::hash::{Hash, Hasher, RandomState};

use quick_cache::{Equivalent, UnitWeighter, unsync::Cache};

use super::Identity;
use crate::auth::mint::Minted;

/// How much of a token's end is hashed: a part of its signature, which differs from token to token.
const HASHED: usize = 32;

/// One worker's memo of verified tokens, bounded; the whole token is the key.
pub struct Memo {
    tokens: Cache<Token<Box<str>>, Identity, UnitWeighter, RandomState>,
    minted: Minted,
}

impl Memo {
    /// Remembers this many tokens at most.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let weight = u64::try_from(capacity).unwrap_or(u64::MAX);
        let hasher = RandomState::new();
        let lifecycle = quick_cache::unsync::DefaultLifecycle::default();
        Self {
            tokens: Cache::with(capacity, weight, UnitWeighter, hasher, lifecycle),
            minted: Minted::new(capacity),
        }
    }

    /// The tokens that were minted for the backend.
    pub(in crate::auth) fn minted(&mut self) -> &mut Minted {
        &mut self.minted
    }

    pub(super) fn recall(&self, token: &str) -> Option<&Identity> {
        self.tokens.get(&Token(token))
    }

    pub(super) fn remember(&mut self, token: &str, identity: &Identity) {
        self.tokens.insert(Token(token.into()), identity.clone());
    }
}

impl std::fmt::Debug for Memo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Memo({} tokens)", self.tokens.len())
    }
}

/// A token, hashed by the end of its signature with a seed of the memo's own. Only issuers put
/// entries in, so nobody else could choose what collides, even if the hash were plain.
#[derive(Clone, PartialEq, Eq)]
struct Token<T>(T);

impl<T: AsRef<str>> Hash for Token<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let token = self.0.as_ref().as_bytes();
        state.write(token.last_chunk::<HASHED>().map_or(token, |end| end));
    }
}

impl Equivalent<Token<Box<str>>> for Token<&str> {
    fn equivalent(&self, key: &Token<Box<str>>) -> bool {
        *self.0 == *key.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Permissions, UserId};

    #[test]
    fn only_the_very_same_token_is_remembered() {
        let mut memo = Memo::new(8);
        let signature = "s".repeat(HASHED);
        let (alice, bob) = (format!("alice.{signature}"), format!("bob.{signature}"));
        for token in [&*alice, "short"] {
            let user = UserId::parse(token).unwrap();
            memo.remember(
                token,
                &Identity::unverified(user, Permissions::default(), None),
            );
            assert_eq!(memo.recall(token).unwrap().user().as_str(), token);
        }
        assert!(memo.recall(&bob).is_none());
        assert!(memo.recall("shor").is_none());
    }
}
