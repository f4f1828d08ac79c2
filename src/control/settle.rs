//! When a file that changed may be believed: the rule that a half-written file never passes for a
//! smaller one, as a machine without input, output or clock.

use std::time::{Duration, Instant};

use super::content::Digest;

/// Between the two reads of a file that its writer has finished with. It also lets changes of
/// several files that belong together come as one.
pub(super) const COALESCE: Duration = Duration::from_millis(50);

/// Between the two equal reads of a file of which no one said that it is finished.
pub(super) const CALM: Duration = Duration::from_millis(100);

/// How long a writer may pause with the file open before two equal reads count after all.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// What the system says happened to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Touch {
    /// Closed after writing, or renamed into its place: whoever wrote it is done.
    Complete,
    /// Written to, or created, and not closed since.
    Partial,
    /// Removed, or renamed away.
    Gone,
    /// Anything else, or no more than a suspicion.
    Unknown,
}

/// One file on its way from one believed content to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Settling(Phase);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
enum Phase {
    /// Nothing happened since the last believed read.
    #[default]
    Idle,
    /// Somebody has it open for writing; looked at when patience ends.
    Open { until: Instant },
    /// To be read at `due`, and believed when it then equals `seen`.
    Reading {
        due: Instant,
        gap: Duration,
        seen: Option<Digest>,
    },
}

/// What a read says about the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It can be believed.
    Settled,
    /// It must be read again, at [`Settling::due`].
    Unsettled,
}

impl Settling {
    /// Takes note of what happened to the file.
    pub(super) fn touch(&mut self, touch: Touch, now: Instant) {
        let reading = |gap| Phase::Reading {
            due: now,
            gap,
            seen: None,
        };
        self.0 = match (touch, self.0) {
            (Touch::Complete, _) => reading(COALESCE),
            (Touch::Partial, _) => Phase::Open {
                until: now + PATIENCE,
            },
            // A `chmod` says nothing about a write that is still going on.
            (Touch::Unknown, open @ Phase::Open { .. }) => open,
            // What an open writer still does to a removed file no longer concerns this name.
            (Touch::Gone | Touch::Unknown, _) => reading(CALM),
        };
    }

    /// When the file is to be read next, if at all.
    pub(super) const fn due(&self) -> Option<Instant> {
        match self.0 {
            Phase::Idle => None,
            Phase::Open { until } => Some(until),
            Phase::Reading { due, .. } => Some(due),
        }
    }

    /// Whether nothing is going on.
    pub(super) fn is_idle(&self) -> bool {
        self.0 == Phase::Idle
    }

    /// Whether it will be read again before `deadline` for a reason other than impatience.
    pub(super) fn settles_before(&self, deadline: Instant) -> bool {
        matches!(self.0, Phase::Reading { due, .. } if due <= deadline)
    }

    /// Takes what was read when it was due.
    pub(super) fn read(&mut self, found: Digest, now: Instant) -> Verdict {
        let again = |gap| Phase::Reading {
            due: now + gap,
            gap,
            seen: Some(found),
        };
        self.0 = match self.0 {
            Phase::Reading {
                seen: Some(seen), ..
            } if seen == found => Phase::Idle,
            Phase::Reading {
                seen: None, gap, ..
            } => again(gap),
            // It changed although its writer was done, or patience has ended.
            Phase::Reading { seen: Some(_), .. } | Phase::Open { .. } | Phase::Idle => again(CALM),
        };
        if self.is_idle() {
            Verdict::Settled
        } else {
            Verdict::Unsettled
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::control::content::Content;

    fn digest(text: &str) -> Digest {
        Content::bytes(text).digest()
    }

    /// Reads whenever it is due, `text` at that moment, and says when it was believed.
    fn settle(mut file: Settling, text: &str) -> Instant {
        loop {
            let due = file.due().unwrap();
            if file.read(digest(text), due) == Verdict::Settled {
                return due;
            }
        }
    }

    #[test]
    fn a_closed_file_is_believed_after_the_coalescing_time() {
        let now = Instant::now();
        let mut file = Settling::default();
        file.touch(Touch::Complete, now);
        assert_eq!(settle(file, "new"), now + COALESCE);
    }

    #[test]
    fn anything_else_needs_two_equal_reads() {
        for touch in [Touch::Gone, Touch::Unknown] {
            let now = Instant::now();
            let mut file = Settling::default();
            file.touch(touch, now);
            assert_eq!(settle(file, "new"), now + CALM);
        }
    }

    #[test]
    fn an_open_file_is_not_looked_at_until_it_is_closed_or_patience_ends() {
        let now = Instant::now();
        let mut file = Settling::default();
        file.touch(Touch::Partial, now);
        file.touch(Touch::Unknown, now);
        assert_eq!(settle(file, "half"), now + PATIENCE + CALM);
        file.touch(Touch::Complete, now);
        assert_eq!(settle(file, "whole"), now + COALESCE);
    }

    #[test]
    fn a_write_that_begins_between_the_two_reads_is_waited_for() {
        let now = Instant::now();
        let mut file = Settling::default();
        file.touch(Touch::Complete, now);
        assert_eq!(file.read(digest("whole"), now), Verdict::Unsettled);
        file.touch(Touch::Partial, now);
        assert_eq!(file.due(), Some(now + PATIENCE));
    }

    #[test]
    fn a_file_that_keeps_changing_is_not_believed() {
        let mut file = Settling::default();
        file.touch(Touch::Unknown, Instant::now());
        for n in 0..50 {
            let due = file.due().unwrap();
            assert_eq!(file.read(digest(&n.to_string()), due), Verdict::Unsettled);
        }
    }

    proptest! {
        /// Whatever the system reports in whatever order: a content is believed only after two
        /// equal reads, with no report in between.
        #[test]
        fn nothing_is_believed_at_first_sight(steps in proptest::collection::vec(0..6_u8, 1..60)) {
            let mut now = Instant::now();
            let mut file = Settling::default();
            let mut last = None;
            for step in steps {
                let touch = match step {
                    0 => Touch::Complete,
                    1 => Touch::Partial,
                    2 => Touch::Gone,
                    3 => Touch::Unknown,
                    text => {
                        let Some(due) = file.due() else { continue };
                        now = now.max(due);
                        let found = digest(&text.to_string());
                        if file.read(found, now) == Verdict::Settled {
                            prop_assert_eq!(last, Some(found));
                            last = None;
                        } else {
                            last = Some(found);
                        }
                        continue;
                    }
                };
                let before = file;
                file.touch(touch, now);
                if file != before {
                    last = None;
                }
            }
        }
    }
}
