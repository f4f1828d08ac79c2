//! Counters that one thread writes and any thread may read.
//!
//! They are plain relaxed atomics without a locked instruction: an increment is a load and a
//! store. That is only right with a single writer, which is why each worker has cells of its own.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A count that only grows.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, n: u64) {
        self.0
            .store(self.value().wrapping_add(n), Ordering::Relaxed);
    }

    pub(super) fn increment(&self) {
        self.add(1);
    }

    pub(super) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Upper bounds of the buckets in microseconds: from a static answer to a long generation.
pub(super) const BOUNDS: [u64; 17] = [
    250,
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    60_000_000,
    300_000_000,
];

/// Durations, counted by bucket.
#[derive(Debug, Default)]
pub(super) struct Histogram {
    /// Not cumulative; what exceeds the last bound is in `count` alone.
    buckets: [Counter; BOUNDS.len()],
    count: Counter,
    sum_micros: Counter,
}

impl Histogram {
    pub(super) fn observe(&self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        if let Some(bucket) = self
            .buckets
            .get(BOUNDS.partition_point(|bound| *bound < micros))
        {
            bucket.increment();
        }
        self.count.increment();
        self.sum_micros.add(micros);
    }

    /// Observations at most as long as each bound, in the order of [`BOUNDS`].
    pub(super) fn cumulative(&self) -> [u64; BOUNDS.len()] {
        let mut sum = 0;
        self.buckets.each_ref().map(|bucket| {
            sum += bucket.value();
            sum
        })
    }

    pub(super) fn count(&self) -> u64 {
        self.count.value()
    }

    pub(super) fn sum_micros(&self) -> u64 {
        self.sum_micros.value()
    }
}

/// Counts by a name from the program's text: a reason, a kind.
///
/// A name gets its slot when first seen; past the last slot all share one, so the number of
/// series is bounded whatever happens.
#[derive(Debug)]
pub(super) struct ByName<const SLOTS: usize> {
    slots: [(OnceLock<&'static str>, Counter); SLOTS],
    overflow: Counter,
}

/// What names beyond the last slot are counted as.
pub(super) const OVERFLOW: &str = "other";

impl<const SLOTS: usize> ByName<SLOTS> {
    pub(super) fn increment(&self, name: &'static str) {
        self.slot(name).increment();
    }

    fn slot(&self, name: &'static str) -> &Counter {
        for (taken, counter) in &self.slots {
            if *taken.get_or_init(|| name) == name {
                return counter;
            }
        }
        &self.overflow
    }

    /// Every name seen, and how often.
    pub(super) fn values(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let named = self
            .slots
            .iter()
            .map_while(|(name, count)| Some((*name.get()?, count.value())));
        let overflow = Some((OVERFLOW, self.overflow.value())).filter(|(_, count)| *count > 0);
        named.chain(overflow)
    }
}

impl<const SLOTS: usize> Default for ByName<SLOTS> {
    fn default() -> Self {
        Self {
            slots: std::array::from_fn(|_| <_>::default()),
            overflow: Counter::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_what_is_at_most_its_bound() {
        let histogram = Histogram::default();
        for micros in [0, 250, 251, 300_000_000, 300_000_001] {
            histogram.observe(Duration::from_micros(micros));
        }
        let cumulative = histogram.cumulative();
        assert_eq!(cumulative[0], 2);
        assert_eq!(cumulative[1], 3);
        assert_eq!(cumulative[BOUNDS.len() - 1], 4);
        assert_eq!(histogram.count(), 5);
        assert_eq!(histogram.sum_micros(), 600_000_502);
    }

    #[test]
    fn names_beyond_the_last_slot_share_one() {
        let counts = ByName::<2>::default();
        for name in ["expired", "unknown", "expired", "a third", "a fourth"] {
            counts.increment(name);
        }
        let seen: Vec<_> = counts.values().collect();
        assert_eq!(seen, [("expired", 2), ("unknown", 1), (OVERFLOW, 2)]);
    }
}
