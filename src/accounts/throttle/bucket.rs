//! [`Bucket`]: failures in a period, by the generic cell rate algorithm (ITU-T I.371).

use std::time::{Duration, Instant};

/// So many at once, and as many in each period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// How many.
    pub count: u32,
    /// In how long.
    pub period: Duration,
}

/// A bucket that each failure fills a little, and that runs empty in a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bucket {
    empty_at: Instant,
}

impl Pace {
    /// What one of them takes of the period.
    fn each(self) -> Duration {
        self.period / self.count.max(1)
    }
}

impl Bucket {
    pub(super) const fn empty(now: Instant) -> Self {
        Self { empty_at: now }
    }

    /// How many are in it, a part of one as one.
    pub(super) fn level(self, pace: Pace, now: Instant) -> u32 {
        let left = self.empty_at.saturating_duration_since(now).as_nanos();
        let each = pace.each().as_nanos().max(1);
        u32::try_from(left.div_ceil(each)).unwrap_or(u32::MAX)
    }

    /// How long until one more fits: zero when it does.
    pub(super) fn wait(self, pace: Pace, now: Instant) -> Duration {
        let room = pace.period.saturating_sub(pace.each());
        let left = self.empty_at.saturating_duration_since(now);
        left.saturating_sub(room)
    }

    /// One more; what does not fit flows over.
    pub(super) fn add(&mut self, pace: Pace, now: Instant) {
        let next = self.empty_at.max(now) + pace.each();
        self.empty_at = next.min(now + pace.period);
    }

    /// One less.
    pub(super) fn take(&mut self, pace: Pace) {
        if let Some(earlier) = self.empty_at.checked_sub(pace.each()) {
            self.empty_at = earlier;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_more_fit_than_the_pace_says(
            count in 1_u32..50,
            period in 1_u64..1_000_000,
            gaps in prop::collection::vec(0_u64..100_000, 1..200),
        ) {
            let pace = Pace { count, period: Duration::from_millis(period) };
            let start = Instant::now();
            let (mut now, mut bucket, mut fitted) = (start, Bucket::empty(start), 0_u32);
            for gap in gaps {
                now += Duration::from_millis(gap);
                let wait = bucket.wait(pace, now);
                prop_assert!(wait <= pace.each() + Duration::from_micros(1));
                if wait.is_zero() {
                    bucket.add(pace, now);
                    fitted += 1;
                }
                prop_assert!(bucket.level(pace, now) <= count + 1);
                let passed = (now - start).as_nanos() / pace.each().as_nanos();
                prop_assert!(u128::from(fitted) <= u128::from(count) + passed + 1);
            }
        }

        #[test]
        fn what_is_taken_back_was_never_there(adds in 0_u32..20, millis in 0_u64..10_000) {
            let pace = Pace { count: 20, period: Duration::from_secs(10) };
            let now = Instant::now();
            let mut bucket = Bucket::empty(now);
            for _ in 0..adds {
                bucket.add(pace, now);
            }
            let later = now + Duration::from_millis(millis);
            let before = bucket.level(pace, later);
            bucket.add(pace, later);
            bucket.take(pace);
            prop_assert_eq!(bucket.level(pace, later), before);
        }
    }

    #[test]
    fn a_full_bucket_waits_for_one_share_of_the_period() {
        let pace = Pace {
            count: 4,
            period: Duration::from_secs(20),
        };
        let now = Instant::now();
        let mut bucket = Bucket::empty(now);
        for count in 0..4 {
            assert_eq!(
                (bucket.level(pace, now), bucket.wait(pace, now)),
                (count, Duration::ZERO)
            );
            bucket.add(pace, now);
        }
        assert_eq!(bucket.wait(pace, now), Duration::from_secs(5));
        bucket.add(pace, now);
        assert_eq!(
            bucket.wait(pace, now),
            Duration::from_secs(5),
            "nothing piles up"
        );
        assert_eq!(
            bucket.wait(pace, now + Duration::from_secs(5)),
            Duration::ZERO
        );
    }
}
