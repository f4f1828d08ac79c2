//! [`Replaced`]: who was replaced a moment ago.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The most that are remembered; beyond it the oldest are forgotten early.
const MOST: usize = 512;

/// Who was replaced lately, and when; the oldest first.
#[derive(Debug, Default)]
pub(super) struct Replaced(VecDeque<(u64, Instant)>);

impl Replaced {
    pub(super) fn note(&mut self, origin: u64, now: Instant) {
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back((origin, now));
    }

    /// How long ago it was replaced the last time, if it is remembered.
    pub(super) fn since(&self, origin: u64, now: Instant) -> Option<Duration> {
        let mut latest = self.0.iter().rev();
        let (_, at) = latest.find(|(other, _)| *other == origin)?;
        Some(now.saturating_duration_since(*at))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn forget_older_than(&mut self, age: Duration, now: Instant) {
        let is_old = |(_, at): &(u64, Instant)| now.saturating_duration_since(*at) >= age;
        while self.0.pop_front_if(|entry| is_old(entry)).is_some() {}
        if self.0.is_empty() {
            self.0 = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGE: Duration = Duration::from_secs(5);

    #[test]
    fn what_is_old_is_forgotten_and_takes_no_memory() {
        let (mut replaced, start) = (Replaced::default(), Instant::now());
        replaced.note(1, start);
        let soon = start + Duration::from_secs(4);
        replaced.forget_older_than(AGE, soon);
        assert_eq!(replaced.since(1, soon), Some(Duration::from_secs(4)));
        assert_eq!(replaced.since(2, soon), None);
        replaced.forget_older_than(AGE, start + AGE);
        assert_eq!((replaced.since(1, soon), replaced.0.capacity()), (None, 0));
    }

    #[test]
    fn many_are_not_more_than_there_is_room_for() {
        let (mut replaced, start) = (Replaced::default(), Instant::now());
        for origin in 0..10 * MOST as u64 {
            replaced.note(origin, start);
        }
        assert_eq!(replaced.0.len(), MOST);
        assert!(replaced.since(10 * MOST as u64 - 1, start).is_some());
        assert!(replaced.since(0, start).is_none());
    }
}
