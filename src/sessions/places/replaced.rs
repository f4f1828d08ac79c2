//! [`Replaced`]: who was replaced a moment ago.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The most that are remembered; beyond it the oldest are forgotten early.
const MOST: usize = 512;

/// The longest rest.
const LONGEST: Duration = Duration::from_secs(80);

/// Who was replaced lately, and when; the oldest first.
#[derive(Debug, Default)]
pub(super) struct Replaced(VecDeque<Entry>);

#[derive(Debug)]
struct Entry {
    origin: u64,
    at: Instant,
    /// How long it may not replace others.
    rest: Duration,
}

impl Replaced {
    /// How long an entry counts: its rest, and as long again, in which a replacement is a quarrel.
    pub(super) const MEMORY: Duration = LONGEST.saturating_mul(2);

    /// Notes a replacement. Two that replace each other in turn, with one origin as tabs of one
    /// browser have, do so less and less often: each time the rest is twice as long.
    pub(super) fn note(&mut self, origin: u64, rest: Duration, now: Instant) {
        let rest = match self.latest(origin) {
            Some(earlier) if now.saturating_duration_since(earlier.at) < earlier.rest * 2 => {
                (earlier.rest * 2).min(LONGEST)
            }
            _ => rest,
        };
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        let at = now;
        self.0.push_back(Entry { origin, at, rest });
    }

    /// How long it has still to rest, if it has.
    pub(super) fn rest_of(&self, origin: u64, now: Instant) -> Option<Duration> {
        let entry = self.latest(origin)?;
        let rest = (entry.at + entry.rest).saturating_duration_since(now);
        (!rest.is_zero()).then_some(rest)
    }

    fn latest(&self, origin: u64) -> Option<&Entry> {
        self.0.iter().rev().find(|entry| entry.origin == origin)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn forget_older_than(&mut self, age: Duration, now: Instant) {
        let is_old = |entry: &mut Entry| now.saturating_duration_since(entry.at) >= age;
        while self.0.pop_front_if(|entry| is_old(entry)).is_some() {}
        if self.0.is_empty() {
            self.0 = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: Duration = Duration::from_secs(5);

    #[test]
    fn what_is_old_is_forgotten_and_takes_no_memory() {
        let (mut replaced, start) = (Replaced::default(), Instant::now());
        replaced.note(1, REST, start);
        let soon = start + Duration::from_secs(4);
        assert_eq!(replaced.rest_of(1, soon), Some(Duration::from_secs(1)));
        assert_eq!(replaced.rest_of(2, soon), None);
        assert_eq!(replaced.rest_of(1, start + REST), None);
        replaced.forget_older_than(Replaced::MEMORY, soon);
        assert_eq!(replaced.0.len(), 1);
        replaced.forget_older_than(Replaced::MEMORY, start + Replaced::MEMORY);
        assert_eq!((replaced.0.len(), replaced.0.capacity()), (0, 0));
    }

    #[test]
    fn who_is_replaced_again_and_again_rests_longer_and_longer() {
        let (mut replaced, mut now) = (Replaced::default(), Instant::now());
        for rest in [5, 10, 20, 40, 80, 80] {
            replaced.note(1, REST, now);
            let rest = Duration::from_secs(rest);
            assert_eq!(replaced.rest_of(1, now), Some(rest));
            now += rest;
        }
        now += Replaced::MEMORY;
        replaced.note(1, REST, now);
        assert_eq!(replaced.rest_of(1, now), Some(REST));
    }

    #[test]
    fn many_are_not_more_than_there_is_room_for() {
        let (mut replaced, start) = (Replaced::default(), Instant::now());
        for origin in 0..10 * MOST as u64 {
            replaced.note(origin, REST, start);
        }
        assert_eq!(replaced.0.len(), MOST);
        assert!(replaced.rest_of(10 * MOST as u64 - 1, start).is_some());
        assert!(replaced.rest_of(0, start).is_none());
    }
}
