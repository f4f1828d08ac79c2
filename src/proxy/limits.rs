//! Budgets: time that lapses, connections that are open, events in a period.
//!
//! [`Lapse`] belongs to one task. [`Limiter`] is shared by all workers and made of atomics only:
//! fixed tables, so that no client can make it grow.

mod counts;
mod rates;

use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::Sleep;

use crate::snapshot::Rate;
use counts::CountTable;
use rates::RateTable;

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
    /// Open connections of each address.
    by_address: CountTable,
    failures: RateTable,
    requests: RateTable,
    visitors: RateTable,
    hasher: RandomState,
}

/// Slots of each table, of eight bytes each.
const SLOTS: usize = 1 << 14;

/// Slots in which a key may live.
const WAYS: usize = 4;

/// Where a key may live, by its hash.
fn places(hash: u64) -> impl Iterator<Item = usize> {
    let first = usize::try_from(hash % SLOTS as u64).unwrap_or(0);
    (first..first + WAYS).map(|place| place % SLOTS)
}

impl Limiter {
    /// With nothing counted.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            connections: AtomicUsize::new(0),
            by_address: CountTable::new(),
            failures: RateTable::new(),
            requests: RateTable::new(),
            visitors: RateTable::new(),
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
        let (slot, of_one) = self
            .by_address
            .add(self.hasher.hash_one(network(peer)))
            .map_or((None, 0), |(slot, count)| (Some(slot), count));
        let total = self.connections.fetch_add(1, Ordering::Relaxed);
        let place = ConnectionPlace {
            limiter: Arc::clone(self),
            slot,
        };
        let fits = total < most && most_of_one.is_none_or(|most| of_one < most);
        // A place that does not fit is dropped here, and so counted back.
        fits.then_some(place)
    }

    /// Counts a refused credential; the time to wait when there were too many.
    pub(super) fn failure(&self, peer: IpAddr, rate: Rate, now: Instant) -> Result<(), Duration> {
        self.failures
            .count(self.hasher.hash_one(network(peer)), rate, now)
    }

    /// Counts a visitor who is new; the time to wait when there were too many.
    pub(super) fn visitor(&self, peer: IpAddr, rate: Rate, now: Instant) -> Result<(), Duration> {
        self.visitors
            .count(self.hasher.hash_one(network(peer)), rate, now)
    }

    /// Counts a user's request; the time to wait when there were too many.
    pub(super) fn request(&self, user: &str, rate: Rate, now: Instant) -> Result<(), Duration> {
        self.requests.count(self.hasher.hash_one(user), rate, now)
    }
}

/// An IPv6 client has a /64 of addresses: they count as one.
pub(super) fn network(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits() & !u128::from(u64::MAX),
    }
}

/// An open connection's place in the counts, given back when dropped.
#[derive(Debug)]
pub(super) struct ConnectionPlace {
    limiter: Arc<Limiter>,
    slot: Option<usize>,
}

impl Drop for ConnectionPlace {
    fn drop(&mut self) {
        self.limiter.connections.fetch_sub(1, Ordering::Relaxed);
        if let Some(slot) = self.slot {
            self.limiter.by_address.take(slot);
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
    fn no_address_is_refused_for_another() {
        let limiter = Limiter::new();
        let address = |n: u32| IpAddr::V4(std::net::Ipv4Addr::from_bits(0x7f00_0000 + n));
        let places: Vec<_> = (0..20_000)
            .filter_map(|n| limiter.connect(address(n), usize::MAX, Some(1)))
            .collect();
        assert_eq!(places.len(), 20_000);
        assert!(limiter.connect(address(0), usize::MAX, Some(1)).is_none());
        drop(places);
        assert!(limiter.connect(address(0), usize::MAX, Some(1)).is_some());
    }

    #[test]
    fn a_fast_rate_is_a_limit_too() {
        for (count, millis) in [(30, 10), (600, 1000), (2000, 1000), (1_000_000, 1)] {
            let (limiter, now) = (Limiter::new(), Instant::now());
            let period = Duration::from_millis(millis);
            let rate = Rate { count, period };
            let spent = (0..2 * count).filter(|_| limiter.request("alice", rate, now).is_ok());
            assert_eq!(spent.count(), count as usize, "{rate:?}");
            let wait = limiter.request("alice", rate, now).unwrap_err();
            assert!(limiter.request("alice", rate, now + wait).is_ok());
        }
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
