//! [`CountTable`]: how many of each key there are now, in a fixed table.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{SLOTS, places};

/// Counts by hashed key. A slot holds a tag of its key and the count; it is free when that is 0.
#[derive(Debug)]
pub(super) struct CountTable(Box<[AtomicU64]>);

/// Of a slot's word, the low bits that hold the count: more than a process can have descriptors.
/// The tag has the rest.
const COUNT_BITS: u32 = 24;
const COUNT: u64 = (1 << COUNT_BITS) - 1;

impl CountTable {
    pub(super) fn new() -> Self {
        Self((0..SLOTS).map(|_| AtomicU64::new(0)).collect())
    }

    /// Counts one more: its slot, and how many there were. `None` when all slots of the key are
    /// taken by others, and it is not counted.
    pub(super) fn add(&self, key: u64) -> Option<(usize, usize)> {
        let tag = key >> COUNT_BITS;
        let own = |word: u64| word >> COUNT_BITS == tag && word & COUNT > 0;
        let free = |word: u64| word & COUNT == 0;
        // Its own slot may lie behind one that has become free.
        self.enter(key, own).or_else(|| self.enter(key, free))
    }

    fn enter(&self, key: u64, fits: impl Fn(u64) -> bool) -> Option<(usize, usize)> {
        places(key).find_map(|place| {
            let more = |word: u64| {
                fits(word).then_some(key >> COUNT_BITS << COUNT_BITS | ((word & COUNT) + 1))
            };
            let slot = self.0.get(place)?;
            let before = slot.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
            let count = usize::try_from(before.ok()? & COUNT).ok()?;
            Some((place, count))
        })
    }

    /// Takes back one that was counted in this slot.
    pub(super) fn take(&self, slot: usize) {
        if let Some(slot) = self.0.get(slot) {
            slot.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
