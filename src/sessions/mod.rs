//! What is open: every tunnel and long response of one worker, with the proof it was admitted by.
//!
//! A session lives as long as its credential. [`Sessions`] ends the ones whose time has come
//! ([`Sessions::expire`]), judges all of them again when a new generation is in force
//! ([`Sessions::review`]), and ends everything when the process drains. It does no I/O: it leaves a
//! word in the [`Session`], whose owner closes its own socket.
//!
//! Each worker has its own registry and no lock. Only the sockets that each user has open are known
//! to all workers: [`Places`]. Who wants to know more, or to end something, asks each worker:
//! [`Oversight`].

mod caller;
pub mod oversight;
mod places;
mod registry;
mod session;
#[cfg(test)]
mod tests;

pub use caller::Caller;
pub use oversight::Oversight;
pub use places::{Newcomer, NoPlace, Notice, PARTING, Place, Places, REST, Waiting};
pub use session::{EndReason, Session, Traffic};

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use self::registry::{Judge, Registry};
use self::session::Entry;
use crate::auth::Ending;
use crate::clock::Timestamp;

/// How long a session may do nothing; `None` is for ever.
#[derive(Clone, Copy, Debug, Default)]
pub struct Patience {
    /// With nothing to say on either side.
    pub idle: Option<Duration>,
    /// With bytes waiting for a peer that does not read.
    pub stalled: Option<Duration>,
}

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
        Self::numbered(Rc::default())
    }

    /// One more registry, where nothing has a number that something has in this one.
    #[must_use]
    pub fn beside(&self) -> Self {
        Self::numbered(Rc::clone(&self.0.next))
    }

    fn numbered(next: Rc<Cell<u64>>) -> Self {
        Self(Rc::new(Registry {
            entries: RefCell::default(),
            deadlines: RefCell::default(),
            next,
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
            notice: None,
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

    /// Judges every session again by a new generation: when it ends by now, or why at once.
    ///
    /// From its start on, what registers under an older generation is judged by `judge` too. Works
    /// in batches and lets other tasks run in between; returns early when a newer generation comes.
    pub async fn review(
        &self,
        generation: u64,
        judge: impl Fn(&P, Timestamp) -> Result<Option<Timestamp>, Ending> + 'static,
        now: Timestamp,
    ) {
        let judge: Judge<P> = Rc::new(judge);
        if self.0.is_current_newer_than(generation) {
            return;
        }
        *self.0.current.borrow_mut() = Some((generation, Rc::clone(&judge)));
        let mut next = 0;
        while !self.0.is_current_newer_than(generation) {
            let batch = self.0.batch(next..u64::MAX);
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
