//! Budgets: time that lapses, connections that are open, events in a period.
//!
//! [`Lapse`] belongs to one task. [`Limiter`] is shared by all workers and made of atomics only:
//! fixed tables, so that no client can make it grow.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::Sleep;

use crate::snapshot::Rate;

/// A deadline that is cheap to move: the timer underneath is set again only when it fires early,
/// or when the deadline comes closer.
#[derive(Debug, Default)]
pub(super) struct Lapse(Option<Pin<Box<Sleep>>>);

impl Lapse {
    /// Ready when `deadline` has passed.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let sleep = self
            .0
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline.into())));
        if sleep.deadline().into_std() > deadline {
            sleep.as_mut().reset(deadline.into());
        }
        while sleep.as_mut().poll(cx).is_ready() {
            if sleep.deadline().into_std() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline.into());
        }
        Poll::Pending
    }
}

/// Counts that all workers of a process share.
#[derive(Debug)]
pub struct Limiter {
    connections: AtomicUsize,
    /// Open connections by hashed address. Addresses that hash alike share a count: harmless at
    /// the sizes that such a limit has.
    by_address: Box<[AtomicU32]>,
    failures: RateTable,
    requests: RateTable,
    hasher: RandomState,
}

/// Slots of each table.
const SLOTS: usize = 1 << 14;

impl Limiter {
    /// With nothing counted.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            connections: AtomicUsize::new(0),
            by_address: (0..SLOTS).map(|_| AtomicU32::new(0)).collect(),
            failures: RateTable::new(),
            requests: RateTable::new(),
            hasher: RandomState::new(),
        })
    }

    /// A place for a connection, or `None` when there is none left.
    pub(super) fn connect(
        self: &Arc<Self>,
        peer: IpAddr,
        most: usize,
        most_of_one: Option<usize>,
    ) -> Option<ConnectionPlace> {
        let place = ConnectionPlace {
            limiter: Arc::clone(self),
            slot: self.slot(network(peer)),
        };
        let total = self.connections.fetch_add(1, Ordering::Relaxed);
        let of_one = place
            .of_address()
            .map_or(0, |count| count.fetch_add(1, Ordering::Relaxed));
        let fits = total < most && most_of_one.is_none_or(|most| (of_one as usize) < most);
        // A place that does not fit is dropped here, and so counted back.
        fits.then_some(place)
    }

    /// Counts a refused credential; the time to wait when there were too many.
    pub(super) fn failure(&self, peer: IpAddr, rate: Rate, now: Instant) -> Result<(), Duration> {
        self.failures
            .count(self.hasher.hash_one(network(peer)), rate, now)
    }

    /// Counts a user's request; the time to wait when there were too many.
    pub(super) fn request(&self, user: &str, rate: Rate, now: Instant) -> Result<(), Duration> {
        self.requests.count(self.hasher.hash_one(user), rate, now)
    }

    fn slot(&self, key: impl Hash) -> usize {
        usize::try_from(self.hasher.hash_one(key)).unwrap_or(0) % SLOTS
    }
}

/// An IPv6 client has a /64 of addresses: they count as one.
fn network(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits() & !u128::from(u64::MAX),
    }
}

/// An open connection's place in the counts, given back when dropped.
#[derive(Debug)]
pub(super) struct ConnectionPlace {
    limiter: Arc<Limiter>,
    slot: usize,
}

impl ConnectionPlace {
    fn of_address(&self) -> Option<&AtomicU32> {
        self.limiter.by_address.get(self.slot)
    }
}

impl Drop for ConnectionPlace {
    fn drop(&mut self) {
        self.limiter.connections.fetch_sub(1, Ordering::Relaxed);
        if let Some(count) = self.of_address() {
            count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Events in a period, by hashed key: the generic cell rate algorithm (ITU-T I.371) in one word
/// a key. A slot holds a tag of its key and the time at which its bucket will be empty.
#[derive(Debug)]
struct RateTable {
    slots: Box<[AtomicU64]>,
    /// Of the monotonic clock: a jump of the other one must neither forget nor prolong.
    epoch: Instant,
}

/// Slots in which a key may live.
const WAYS: usize = 4;

impl RateTable {
    fn new() -> Self {
        Self {
            slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(),
            epoch: Instant::now(),
        }
    }

    /// When all slots of a key are taken by others, the event is not counted: a full table lets
    /// through rather than refuses, and costs nothing but a number.
    fn count(&self, key: u64, rate: Rate, now: Instant) -> Result<(), Duration> {
        let now = millis(now.saturating_duration_since(self.epoch));
        let tag = key >> TIME_BITS;
        let period = millis(rate.period);
        let cost = period / u64::from(rate.count.max(1));
        for way in 0..WAYS {
            let place = usize::try_from(key).unwrap_or(0).wrapping_add(way) % SLOTS;
            let Some(slot) = self.slots.get(place) else {
                continue;
            };
            if let Some(outcome) = spend(slot, tag, now, cost, period) {
                return outcome;
            }
        }
        Ok(())
    }
}

/// Of a slot's word, the low bits that hold a time: 34 years of milliseconds. A tag has the rest.
const TIME_BITS: u32 = 40;

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis())
        .unwrap_or(u64::MAX)
        .min((1 << TIME_BITS) - 1)
}

/// `None` when the slot belongs to another key that still needs it.
fn spend(
    slot: &AtomicU64,
    tag: u64,
    now: u64,
    cost: u64,
    period: u64,
) -> Option<Result<(), Duration>> {
    let mut seen = slot.load(Ordering::Relaxed);
    loop {
        let (owner, empty_at) = (seen >> TIME_BITS, seen & ((1 << TIME_BITS) - 1));
        if owner != tag && empty_at > now {
            return None;
        }
        let start = if owner == tag { empty_at.max(now) } else { now };
        let next = start + cost;
        if next - now > period {
            return Some(Err(Duration::from_millis(next - now - period)));
        }
        let word = tag << TIME_BITS | next;
        match slot.compare_exchange_weak(seen, word, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => return Some(Ok(())),
            Err(other) => seen = other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    #[test]
    fn a_dropped_connection_makes_room() {
        let limiter = Limiter::new();
        let first = limiter.connect(ONE, 1, None);
        assert!(first.is_some());
        assert!(limiter.connect(OTHER, 1, None).is_none());
        drop(first);
        assert!(limiter.connect(OTHER, 1, None).is_some());
    }

    #[test]
    fn one_address_has_its_own_limit() {
        let limiter = Limiter::new();
        let _first = limiter.connect(ONE, 10, Some(1)).unwrap();
        assert!(limiter.connect(ONE, 10, Some(1)).is_none());
        assert!(limiter.connect(OTHER, 10, Some(1)).is_some());
    }

    #[test]
    fn a_rate_allows_its_count_at_once_and_then_one_a_share_of_the_period() {
        let limiter = Limiter::new();
        let rate = Rate {
            count: 3,
            period: Duration::from_secs(30),
        };
        let now = Instant::now();
        for _ in 0..3 {
            assert_eq!(limiter.failure(ONE, rate, now), Ok(()));
        }
        assert_eq!(limiter.failure(ONE, rate, now).unwrap_err().as_secs(), 10);
        assert_eq!(limiter.failure(OTHER, rate, now), Ok(()));
        let later = now + Duration::from_secs(10);
        assert_eq!(limiter.failure(ONE, rate, later), Ok(()));
        assert!(limiter.failure(ONE, rate, later).is_err());
    }

    #[test]
    fn addresses_of_one_ipv6_network_count_as_one() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_lapse_follows_its_deadline_both_ways() {
        let start = tokio::time::Instant::now().into_std();
        let mut lapse = Lapse::default();
        let deadline = start + Duration::from_secs(10);
        let first = std::future::poll_fn(|cx| Poll::Ready(lapse.poll(cx, deadline))).await;
        assert!(first.is_pending());
        std::future::poll_fn(|cx| lapse.poll(cx, start + Duration::from_secs(2))).await;
        assert_eq!(start.elapsed_in_tests(), 2);
        std::future::poll_fn(|cx| lapse.poll(cx, start + Duration::from_secs(20))).await;
        assert_eq!(start.elapsed_in_tests(), 20);
    }

    trait ElapsedInTests {
        fn elapsed_in_tests(self) -> u64;
    }

    impl ElapsedInTests for Instant {
        fn elapsed_in_tests(self) -> u64 {
            tokio::time::Instant::now()
                .into_std()
                .duration_since(self)
                .as_secs()
        }
    }
}
