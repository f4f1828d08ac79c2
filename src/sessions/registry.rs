//! The registry of one worker.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use super::session::{EndReason, Entry, Session};
use crate::clock::Timestamp;

/// How many sessions are judged before other tasks get their turn.
const BATCH: usize = 128;

/// What a look at a proof says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Still good, and until then.
    Keep {
        /// When the credential expires now; it may have been moved.
        until: Option<Timestamp>,
    },
    /// No longer good.
    End(EndReason),
}

/// How long a session may do nothing; `None` is for ever.
#[derive(Clone, Copy, Debug, Default)]
pub struct Patience {
    /// With nothing to say on either side.
    pub idle: Option<Duration>,
    /// With bytes waiting for a peer that does not read.
    pub stalled: Option<Duration>,
}

type Judge<P> = Rc<dyn Fn(&P, Timestamp) -> Judgement>;

/// The open tunnels and streams of one worker, each with a proof `P` of its admission.
///
/// A handle: clones name the same registry.
pub struct Sessions<P>(Rc<Registry<P>>);

impl<P> Clone for Sessions<P> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<P> Default for Sessions<P> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P> Sessions<P> {
    /// Nothing is open, and no generation has been reviewed.
    #[must_use]
    pub fn new() -> Self {
        Self(Rc::new(Registry {
            entries: RefCell::default(),
            deadlines: RefCell::default(),
            next: Cell::new(0),
            current: RefCell::new(None),
            draining: Cell::new(false),
        }))
    }

    /// Registers what was admitted under generation `judged`.
    ///
    /// When a newer generation is under review already, or was, the proof is judged by it at once,
    /// so nothing slips in between admission and registration. The session may have ended when it
    /// is returned; its owner learns it from [`Session::poll_ended`] like any other end.
    pub fn register(
        &self,
        proof: P,
        deadline: Option<Timestamp>,
        judged: u64,
        now: Timestamp,
    ) -> Session<P> {
        let id = self.0.next.replace(self.0.next.get() + 1);
        let entry = Rc::new(Entry::new(proof, deadline, judged, now));
        self.0.entries.borrow_mut().insert(id, Rc::clone(&entry));
        if let Some(deadline) = deadline {
            self.0.deadlines.borrow_mut().insert((deadline, id));
        }
        if let Some((generation, judge)) = self.0.current.borrow().clone() {
            self.0.judge(id, &entry, generation, &judge, now);
        }
        if self.0.draining.get() {
            entry.end(EndReason::Draining);
        }
        Session {
            id,
            entry,
            registry: Rc::clone(&self.0),
        }
    }

    /// Ends every session whose deadline is not after `now`.
    ///
    /// To be called at least every 250 ms: deadlines are wall-clock times, and so hold when the
    /// clock is set.
    pub fn expire(&self, now: Timestamp) {
        let due = {
            let mut deadlines = self.0.deadlines.borrow_mut();
            let later = deadlines.split_off(&(now.after(Duration::from_millis(1)), 0));
            std::mem::replace(&mut *deadlines, later)
        };
        for (_, id) in due {
            if let Some(entry) = self.0.entry(id) {
                entry.deadline.set(None);
                entry.end(EndReason::Expired);
            }
        }
    }

    /// Ends the sessions that `patience` has run out for.
    ///
    /// Looks at every session: to be called a few times within the shortest patience. How exactly
    /// it is kept depends on how often.
    pub fn sweep(&self, now: Timestamp, patience: Patience) {
        for entry in self.0.entries.borrow().values() {
            if entry.moved.replace(false) {
                entry.moved_at.set(now);
                continue;
            }
            let (limit, reason) = if entry.blocked.get() {
                (patience.stalled, EndReason::Stalled)
            } else {
                (patience.idle, EndReason::Idle)
            };
            if limit.is_some_and(|limit| entry.moved_at.get().until(now) >= limit) {
                entry.end(reason);
            }
        }
    }

    /// Judges every session again by a new generation.
    ///
    /// From the call on, what registers under an older generation is judged by `judge` too. Works
    /// in batches and lets other tasks run in between; returns early when a newer generation comes.
    pub async fn review(
        &self,
        generation: u64,
        judge: impl Fn(&P, Timestamp) -> Judgement + 'static,
        now: Timestamp,
    ) {
        let judge: Judge<P> = Rc::new(judge);
        if self.0.is_current_newer_than(generation) {
            return;
        }
        *self.0.current.borrow_mut() = Some((generation, Rc::clone(&judge)));
        let mut next = 0;
        while !self.0.is_current_newer_than(generation) {
            let batch = self.0.batch(next);
            let Some((last, _)) = batch.last() else {
                return;
            };
            next = last + 1;
            for (id, entry) in &batch {
                self.0.judge(*id, entry, generation, &judge, now);
            }
            drop(batch);
            tokio::task::yield_now().await;
        }
    }

    /// Ends all sessions, and every one that registers from now on.
    pub fn drain(&self) {
        self.0.draining.set(true);
        for entry in self.0.entries.borrow().values() {
            entry.end(EndReason::Draining);
        }
    }

    /// How many sessions are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.entries.borrow().len()
    }

    /// Whether none is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.entries.borrow().is_empty()
    }
}

/// What [`Sessions`] and every [`Session`] of it share.
///
/// Wakers run no task at once, so no borrow is ever held while foreign code runs, `judge` apart.
pub(super) struct Registry<P> {
    /// In the order of registration, so that a review meets newcomers last.
    entries: RefCell<BTreeMap<u64, Rc<Entry<P>>>>,
    /// The one structure of time: when, and who.
    deadlines: RefCell<BTreeSet<(Timestamp, u64)>>,
    next: Cell<u64>,
    /// The generation of the latest review, and its judge.
    current: RefCell<Option<(u64, Judge<P>)>>,
    draining: Cell<bool>,
}

impl<P> Registry<P> {
    pub(super) fn remove(&self, id: u64) {
        let removed = self.entries.borrow_mut().remove(&id);
        if let Some(deadline) = removed.and_then(|entry| entry.deadline.get()) {
            self.deadlines.borrow_mut().remove(&(deadline, id));
        }
    }

    fn entry(&self, id: u64) -> Option<Rc<Entry<P>>> {
        self.entries.borrow().get(&id).cloned()
    }

    fn batch(&self, from: u64) -> Vec<(u64, Rc<Entry<P>>)> {
        let entries = self.entries.borrow();
        entries
            .range(from..)
            .take(BATCH)
            .map(|(id, entry)| (*id, Rc::clone(entry)))
            .collect()
    }

    fn is_current_newer_than(&self, generation: u64) -> bool {
        self.current
            .borrow()
            .as_ref()
            .is_some_and(|(current, _)| *current > generation)
    }

    /// Judges one session, unless this generation or a newer one has done so already.
    fn judge(&self, id: u64, entry: &Entry<P>, generation: u64, judge: &Judge<P>, now: Timestamp) {
        if entry.judged.get() >= generation || entry.is_ended() {
            return;
        }
        entry.judged.set(generation);
        match judge(&entry.proof, now) {
            Judgement::Keep { until } => self.reschedule(id, entry, until),
            Judgement::End(reason) => entry.end(reason),
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
