//! What a worker's sessions are kept in.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::rc::Rc;

use super::session::Entry;
use crate::auth::Ending;
use crate::clock::Timestamp;

/// How many sessions are looked at before other tasks get their turn.
pub(super) const BATCH: usize = 128;

pub(super) type Judge<P> = Rc<dyn Fn(&P, Timestamp) -> Result<Option<Timestamp>, Ending>>;

/// What [`Sessions`](super::Sessions) and every [`Session`](super::Session) of it share.
///
/// Wakers run no task at once, so no borrow is ever held while foreign code runs, `judge` apart.
pub(super) struct Registry<P> {
    /// In the order of registration, so that a review meets newcomers last.
    pub(super) entries: RefCell<BTreeMap<u64, Rc<Entry<P>>>>,
    /// The one structure of time: when, and who.
    pub(super) deadlines: RefCell<BTreeSet<(Timestamp, u64)>>,
    /// The number that comes next, here or in a registry beside this one.
    pub(super) next: Rc<Cell<u64>>,
    /// The generation of the latest review, and its judge.
    pub(super) current: RefCell<Option<(u64, Judge<P>)>>,
    pub(super) draining: Cell<bool>,
}

impl<P> Registry<P> {
    pub(super) fn remove(&self, id: u64) {
        let removed = self.entries.borrow_mut().remove(&id);
        if let Some(deadline) = removed.and_then(|entry| entry.deadline.get()) {
            self.deadlines.borrow_mut().remove(&(deadline, id));
        }
    }

    pub(super) fn entry(&self, id: u64) -> Option<Rc<Entry<P>>> {
        self.entries.borrow().get(&id).cloned()
    }

    /// The first of those with these numbers.
    pub(super) fn batch(&self, numbers: Range<u64>) -> Vec<(u64, Rc<Entry<P>>)> {
        let entries = self.entries.borrow();
        entries
            .range(numbers)
            .take(BATCH)
            .map(|(id, entry)| (*id, Rc::clone(entry)))
            .collect()
    }

    pub(super) fn is_current_newer_than(&self, generation: u64) -> bool {
        self.current
            .borrow()
            .as_ref()
            .is_some_and(|(current, _)| *current > generation)
    }

    /// Judges one session, unless this generation or a newer one has done so already.
    pub(super) fn judge(
        &self,
        id: u64,
        entry: &Entry<P>,
        generation: u64,
        judge: &Judge<P>,
        now: Timestamp,
    ) {
        if entry.judged.get() >= generation || entry.is_ended() {
            return;
        }
        entry.judged.set(generation);
        match judge(&entry.proof, now) {
            Ok(until) => self.reschedule(id, entry, until),
            Err(ending) => entry.end(ending.into()),
        }
    }

    fn reschedule(&self, id: u64, entry: &Entry<P>, until: Option<Timestamp>) {
        let before = entry.deadline.replace(until);
        if before == until {
            return;
        }
        let mut deadlines = self.deadlines.borrow_mut();
        if let Some(before) = before {
            deadlines.remove(&(before, id));
        }
        if let Some(until) = until {
            deadlines.insert((until, id));
        }
    }
}
