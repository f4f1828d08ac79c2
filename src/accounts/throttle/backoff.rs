//! [`Backoff`]: a delay that doubles with each failure.

use std::time::{Duration, Instant};

/// A few failures for nothing, then a delay that doubles up to a longest one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Failures that delay nothing.
    pub free: u32,
    /// The delay after one more.
    pub first: Duration,
    /// No delay is longer.
    pub longest: Duration,
    /// Failures count no more when none has come for so long.
    pub forgotten: Duration,
}

/// How often somebody has failed, and when last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Failures {
    pub(super) count: u32,
    last: Option<Instant>,
}

impl Failures {
    /// How long the next try has to wait: zero when it may come.
    pub(super) fn wait(self, backoff: Backoff, now: Instant) -> Duration {
        let Some(last) = self.last.filter(|_| self.count >= backoff.free) else {
            return Duration::ZERO;
        };
        let since = now.saturating_duration_since(last);
        if since >= backoff.forgotten {
            return Duration::ZERO;
        }
        let doubled = 1_u32.checked_shl(self.count - backoff.free);
        let delay = backoff.first.saturating_mul(doubled.unwrap_or(u32::MAX));
        delay.min(backoff.longest).saturating_sub(since)
    }

    /// One more.
    pub(super) fn and_one(self, backoff: Backoff, now: Instant) -> Self {
        let is_fresh = |last: Instant| now.saturating_duration_since(last) < backoff.forgotten;
        let count = if self.last.is_some_and(is_fresh) {
            self.count
        } else {
            0
        };
        Self {
            count: count.saturating_add(1),
            last: Some(now),
        }
    }

    /// Without the one that was counted at this time; `before` it they were these.
    pub(super) fn without_one(self, before: Self, at: Instant) -> Self {
        if self.last == Some(at) && self.count <= before.count.saturating_add(1) {
            before
        } else {
            Self {
                count: self.count.saturating_sub(1),
                ..self
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff {
        free: 2,
        first: Duration::from_secs(1),
        longest: Duration::from_secs(5),
        forgotten: Duration::from_mins(1),
    };

    fn after(failures: u32, now: Instant) -> Failures {
        (0..failures).fold(Failures::default(), |it, _| it.and_one(BACKOFF, now))
    }

    #[test]
    fn the_delay_doubles_up_to_the_longest() {
        let now = Instant::now();
        let seconds = |failures| after(failures, now).wait(BACKOFF, now).as_secs();
        let delays: Vec<u64> = (0..7).map(seconds).collect();
        assert_eq!(delays, [0, 0, 1, 2, 4, 5, 5]);
        assert_eq!(after(100, now).wait(BACKOFF, now).as_secs(), 5);
    }

    #[test]
    fn time_that_has_passed_is_waited_for_no_more() {
        let now = Instant::now();
        let wait = |millis| after(3, now).wait(BACKOFF, now + Duration::from_millis(millis));
        assert_eq!(wait(500), Duration::from_millis(1500));
        assert_eq!(wait(2000), Duration::ZERO);
    }

    #[test]
    fn failures_are_forgotten() {
        let now = Instant::now();
        let later = now + BACKOFF.forgotten;
        assert_eq!(after(50, now).and_one(BACKOFF, later).count, 1);
        let almost = later.checked_sub(Duration::from_secs(1)).unwrap();
        assert_eq!(after(50, now).and_one(BACKOFF, almost).count, 51);
    }

    #[test]
    fn a_failure_taken_back_is_none() {
        let now = Instant::now();
        let (before, later) = (after(2, now), now + Duration::from_secs(1));
        let counted = before.and_one(BACKOFF, later);
        assert_eq!(counted.without_one(before, later), before);
        let and_another = counted.and_one(BACKOFF, later);
        assert_eq!(and_another.without_one(before, later).count, 3);
        assert_eq!(Failures::default().without_one(before, later).count, 0);
    }
}
