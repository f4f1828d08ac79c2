//! How many WebSockets each user has open, over all workers.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const SHARDS: usize = 16;

type Shard = Mutex<HashMap<Arc<str>, u32>>;

/// Open sockets per user; one for the process, cloned into every worker.
///
/// Sockets are counted whether or not a limit is set, so that a limit switched on later knows them.
#[derive(Clone, Default)]
pub struct Counts(Arc<Inner>);

#[derive(Default)]
struct Inner {
    shards: [Shard; SHARDS],
    hasher: RandomState,
}

impl Counts {
    /// Nobody has a socket open.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one more socket of `user` until the slot is dropped.
    ///
    /// `None` when the user already has `limit` of them. Sockets beyond a limit that was lowered
    /// meanwhile stay open.
    #[must_use]
    pub fn open(&self, user: &str, limit: Option<u32>) -> Option<Slot> {
        let mut shard = self.shard(user);
        let (user, open) = shard
            .remove_entry(user)
            .unwrap_or_else(|| (Arc::from(user), 0));
        let admitted = limit.is_none_or(|limit| open < limit);
        let count = if admitted {
            open.saturating_add(1)
        } else {
            open
        };
        if count > 0 {
            shard.insert(Arc::clone(&user), count);
        }
        drop(shard);
        admitted.then(|| Slot {
            counts: self.clone(),
            user,
        })
    }

    /// How many sockets `user` has open.
    #[must_use]
    pub fn of(&self, user: &str) -> u32 {
        self.shard(user).get(user).copied().unwrap_or(0)
    }

    fn close(&self, user: &str) {
        let mut shard = self.shard(user);
        if let Some(open) = shard.get_mut(user) {
            *open -= 1;
            if *open == 0 {
                shard.remove(user);
            }
        }
    }

    fn shard(&self, user: &str) -> MutexGuard<'_, HashMap<Arc<str>, u32>> {
        let [first, ..] = &self.0.shards;
        let index = self.0.hasher.hash_one(user) % SHARDS as u64;
        let shard = usize::try_from(index)
            .ok()
            .and_then(|index| self.0.shards.get(index));
        // Every state of a count is a valid one, so a panic elsewhere does not spoil it.
        shard
            .unwrap_or(first)
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// One counted socket; dropping it gives the place back.
#[must_use = "dropping the slot gives the place back"]
pub struct Slot {
    counts: Counts,
    user: Arc<str>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.counts.close(&self.user);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_may_open_as_many_sockets_as_the_limit_says() {
        let counts = Counts::new();
        let first = counts.open("alice", Some(2));
        let second = counts.open("alice", Some(2));
        assert!(first.is_some() && second.is_some());
        assert!(counts.open("alice", Some(2)).is_none());
        assert!(counts.open("bob", Some(2)).is_some());
        drop(first);
        assert!(counts.open("alice", Some(2)).is_some());
    }

    #[test]
    fn a_lowered_limit_counts_for_new_sockets_only() {
        let counts = Counts::new();
        let open: Vec<_> = (0..5).filter_map(|_| counts.open("alice", None)).collect();
        assert!(counts.open("alice", Some(3)).is_none());
        assert_eq!((open.len(), counts.of("alice")), (5, 5));
    }

    #[test]
    fn a_user_without_sockets_takes_no_memory() {
        let counts = Counts::new();
        drop(counts.open("alice", None));
        assert!(counts.open("bob", Some(0)).is_none());
        let kept: usize = counts
            .0
            .shards
            .iter()
            .map(|shard| shard.lock().unwrap().len())
            .sum();
        assert_eq!(kept, 0);
    }

    #[test]
    fn slots_given_back_from_many_threads_are_all_counted() {
        let counts = Counts::new();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        drop(counts.open("alice", None));
                    }
                });
            }
        });
        assert_eq!(counts.of("alice"), 0);
    }
}
