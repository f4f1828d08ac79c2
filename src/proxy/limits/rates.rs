//! [`RateTable`]: events of each key in a period, in a fixed table.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::{SLOTS, places};
use crate::snapshot::Rate;

/// Events in a period, by hashed key: the generic cell rate algorithm (ITU-T I.371) in one word
/// a key. A slot holds a tag of its key and the time at which its bucket will be empty.
#[derive(Debug)]
pub(super) struct RateTable {
    slots: Box<[AtomicU64]>,
    /// Of the monotonic clock: a jump of the other one must neither forget nor prolong.
    epoch: Instant,
}

impl RateTable {
    pub(super) fn new() -> Self {
        Self {
            slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(),
            epoch: Instant::now(),
        }
    }

    /// Counts one, or says how long to wait for it.
    ///
    /// When all slots of a key are taken by others, the event is not counted: a full table lets
    /// through rather than refuses, and costs nothing but a number.
    pub(super) fn count(&self, key: u64, rate: Rate, now: Instant) -> Result<(), Duration> {
        let now = ticks(now.saturating_duration_since(self.epoch));
        let cost = Cost::of(rate);
        let outcome = places(key)
            .filter_map(|place| self.slots.get(place))
            .find_map(|slot| spend(slot, key >> TIME_BITS, now, cost));
        outcome.unwrap_or(Ok(()))
    }
}

/// Of a slot's word, the low bits that hold a time: 34 years of ticks. A tag has the rest.
const TIME_BITS: u32 = 44;
const TIME: u64 = (1 << TIME_BITS) - 1;

/// A sixteenth of a millisecond: what a rate is as exact as.
const TICKS_PER_MILLISECOND: u64 = 16;

fn ticks(duration: Duration) -> u64 {
    let ticks = duration.as_micros() * u128::from(TICKS_PER_MILLISECOND) / 1000;
    // What lies ahead must fit as well.
    u64::try_from(ticks).unwrap_or(u64::MAX).min(TIME / 2)
}

/// What an event adds to a bucket, and what the bucket holds, in ticks.
#[derive(Debug, Clone, Copy)]
struct Cost {
    each: u64,
    all: u64,
}

impl Cost {
    /// Rounded so that no more pass than the rate says, and that many at once.
    fn of(rate: Rate) -> Self {
        let count = u64::from(rate.count.max(1));
        let each = ticks(rate.period).div_ceil(count).max(1);
        let all = each.saturating_mul(count).min(TIME / 2);
        Self { each, all }
    }
}

/// `None` when the slot belongs to another key that still needs it.
fn spend(slot: &AtomicU64, tag: u64, now: u64, cost: Cost) -> Option<Result<(), Duration>> {
    let mut seen = slot.load(Ordering::Relaxed);
    loop {
        let (owner, empty_at) = (seen >> TIME_BITS, seen & TIME);
        if owner != tag && empty_at > now {
            return None;
        }
        let start = if owner == tag { empty_at.max(now) } else { now };
        let next = start + cost.each;
        if next - now > cost.all {
            return Some(Err(wait(next - now - cost.all)));
        }
        let word = tag << TIME_BITS | next;
        match slot.compare_exchange_weak(seen, word, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => return Some(Ok(())),
            Err(other) => seen = other,
        }
    }
}

fn wait(ticks: u64) -> Duration {
    Duration::from_micros((ticks * 1000).div_ceil(TICKS_PER_MILLISECOND))
}
