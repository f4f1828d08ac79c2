//! [`Memo`]: signatures a worker has verified already. It remembers signatures, not decisions:
//! expiry, revocation and policy are looked up in the snapshot each time.

use quick_cache::{UnitWeighter, unsync::Cache};

use super::Identity;

/// One worker's memo of verified tokens, bounded; the whole token is the key, hashed with a seed
/// of its own so that nobody can choose what collides.
pub struct Memo {
    tokens: Cache<Box<str>, Identity, UnitWeighter, std::hash::RandomState>,
}

impl Memo {
    /// Remembers this many tokens at most.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let weight = u64::try_from(capacity).unwrap_or(u64::MAX);
        let hasher = std::hash::RandomState::new();
        let lifecycle = quick_cache::unsync::DefaultLifecycle::default();
        Self {
            tokens: Cache::with(capacity, weight, UnitWeighter, hasher, lifecycle),
        }
    }

    pub(super) fn recall(&self, token: &str) -> Option<&Identity> {
        self.tokens.get(token)
    }

    pub(super) fn remember(&mut self, token: &str, identity: &Identity) {
        self.tokens.insert(token.into(), identity.clone());
    }
}

impl std::fmt::Debug for Memo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Memo({} tokens)", self.tokens.len())
    }
}
