//! What is open: every tunnel and long response of one worker, with the proof it was admitted by.
//!
//! A session lives as long as its credential. [`Sessions`] ends the ones whose time has come
//! ([`Sessions::expire`]), judges all of them again when a new generation is in force
//! ([`Sessions::review`]), and ends everything when the process drains. It does no I/O: it leaves a
//! word in the [`Session`], whose owner closes its own socket.
//!
//! Each worker has its own registry and no lock. Only the sockets that each user has open are known
//! to all workers: [`Places`].

mod places;
mod registry;
mod session;

pub use places::{Newcomer, NoPlace, Notice, PARTING, Place, Places, REST, Waiting};
pub use session::{EndReason, Session};

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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::{Context, Poll, Waker};

    use super::registry::BATCH;
    use super::*;

    const NOON: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn after(millis: u64) -> Timestamp {
        NOON.after(Duration::from_millis(millis))
    }

    fn ended<P>(session: &Session<P>) -> Option<EndReason> {
        match session.poll_ended(&Context::from_waker(Waker::noop())) {
            Poll::Ready(reason) => Some(reason),
            Poll::Pending => None,
        }
    }

    fn revoke_all(_: &&str, _: Timestamp) -> Result<Option<Timestamp>, Ending> {
        Err(Ending::Revoked)
    }

    fn keep_bob(user: &&str, _: Timestamp) -> Result<Option<Timestamp>, Ending> {
        match *user {
            "bob" => Ok(None),
            _ => Err(Ending::Revoked),
        }
    }

    #[test]
    fn a_session_ends_at_its_deadline_and_the_others_stay() {
        let sessions = Sessions::new();
        let alice = sessions.register("alice", Some(after(1000)), 1, NOON);
        let carol = sessions.register("carol", Some(after(1001)), 1, NOON);
        let bob = sessions.register("bob", None, 1, NOON);
        sessions.expire(after(999));
        assert_eq!(ended(&alice), None);
        sessions.expire(after(1000));
        assert_eq!(ended(&alice), Some(EndReason::Expired));
        assert_eq!((ended(&carol), ended(&bob)), (None, None));
    }

    #[test]
    fn a_deadline_that_a_clock_jump_has_passed_is_kept_at_the_next_tick() {
        let sessions = Sessions::new();
        let alice = sessions.register("alice", Some(after(3_600_000)), 1, NOON);
        sessions.expire(after(7_200_000));
        assert_eq!(ended(&alice), Some(EndReason::Expired));
    }

    #[tokio::test]
    async fn an_end_wakes_the_owner() {
        let sessions = Sessions::new();
        let alice = sessions.register("alice", Some(NOON), 1, NOON);
        let owner = poll_fn(|cx| alice.poll_ended(cx));
        let end = async { sessions.expire(NOON) };
        assert_eq!(tokio::join!(owner, end).0, EndReason::Expired);
    }

    #[test]
    fn a_dropped_session_is_forgotten() {
        let sessions = Sessions::new();
        drop(sessions.register("alice", Some(NOON), 1, NOON));
        assert!(sessions.is_empty());
        assert!(sessions.0.deadlines.borrow().is_empty());
        sessions.expire(NOON);
    }

    #[tokio::test]
    async fn a_review_ends_those_whose_proof_no_longer_holds() {
        let sessions = Sessions::new();
        let users = ["alice", "bob"].iter().cycle().take(1000);
        let open: Vec<_> = users
            .map(|user| sessions.register(*user, None, 1, NOON))
            .collect();
        sessions.review(2, keep_bob, NOON).await;
        for session in open {
            let expected = (session.entry.proof == "alice").then_some(EndReason::Revoked);
            assert_eq!(ended(&session), expected);
        }
    }

    #[tokio::test]
    async fn other_tasks_run_while_many_are_judged() {
        let sessions = Sessions::new();
        let _open: Vec<_> = (0..9000)
            .map(|_| sessions.register("bob", None, 1, NOON))
            .collect();
        let turns = Cell::new(0);
        tokio::select! {
            biased;
            () = sessions.review(2, keep_bob, NOON) => {}
            () = async { loop { turns.set(turns.get() + 1); tokio::task::yield_now().await; } } => {}
        }
        assert!(turns.get() >= 9000 / BATCH, "{}", turns.get());
    }

    #[tokio::test]
    async fn what_was_admitted_before_a_review_but_registers_after_it_is_judged_too() {
        let sessions = Sessions::new();
        sessions.review(2, keep_bob, NOON).await;
        let late = sessions.register("alice", None, 1, NOON);
        assert_eq!(ended(&late), Some(EndReason::Revoked));
        let admitted_since = sessions.register("alice", None, 2, NOON);
        assert_eq!(ended(&admitted_since), None);
    }

    #[tokio::test]
    async fn an_older_review_does_not_overrule_a_newer_one() {
        let sessions = Sessions::new();
        let open: Vec<_> = (0..BATCH * 3)
            .map(|_| sessions.register("alice", None, 1, NOON))
            .collect();
        let mut older = Box::pin(sessions.review(2, revoke_all, NOON));
        // Its first batch is judged; then a newer generation takes alice back.
        let first = older.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(first.is_pending());
        let keep = |_: &&str, _| Ok(None);
        sessions.review(3, keep, NOON).await;
        older.await;
        sessions.review(2, revoke_all, NOON).await;
        let gone = open
            .iter()
            .filter(|session| ended(session).is_some())
            .count();
        assert_eq!(gone, BATCH);
    }

    #[tokio::test]
    async fn a_review_may_move_the_deadline() {
        let sessions = Sessions::new();
        let alice = sessions.register("alice", Some(after(1000)), 1, NOON);
        let bob = sessions.register("bob", None, 1, NOON);
        let later = |_: &&str, _| Ok(Some(after(2000)));
        sessions.review(2, later, NOON).await;
        sessions.expire(after(1999));
        assert_eq!((ended(&alice), ended(&bob)), (None, None));
        sessions.expire(after(2000));
        assert_eq!(ended(&alice), Some(EndReason::Expired));
        assert_eq!(ended(&bob), Some(EndReason::Expired));
    }

    #[test]
    fn a_drain_ends_what_is_open_and_what_comes_later() {
        let sessions = Sessions::new();
        let open = sessions.register("alice", None, 1, NOON);
        sessions.drain();
        let late = sessions.register("alice", None, 1, NOON);
        assert_eq!(ended(&open), Some(EndReason::Draining));
        assert_eq!(ended(&late), Some(EndReason::Draining));
    }

    #[test]
    fn the_first_reason_to_end_stays() {
        let sessions = Sessions::new();
        let alice = sessions.register("alice", Some(NOON), 1, NOON);
        sessions.expire(NOON);
        sessions.drain();
        assert_eq!(ended(&alice), Some(EndReason::Expired));
    }

    #[test]
    fn a_sweep_ends_the_idle_and_the_stalled_but_not_the_busy() {
        let sessions = Sessions::new();
        let [idle, stalled, busy] = ["a", "b", "c"].map(|u| sessions.register(u, None, 1, NOON));
        let patience = Patience {
            idle: Some(Duration::from_mins(1)),
            stalled: Some(Duration::from_secs(20)),
        };
        stalled.blocked();
        for seconds in 1..20 {
            busy.moved();
            busy.blocked();
            sessions.sweep(after(seconds * 1000), patience);
        }
        assert_eq!([&idle, &stalled, &busy].map(ended), [None; 3]);
        sessions.sweep(after(20_000), patience);
        assert_eq!(ended(&stalled), Some(EndReason::Stalled));
        sessions.sweep(after(60_000), patience);
        assert_eq!(ended(&idle), Some(EndReason::Idle));
    }

    #[test]
    fn without_a_limit_a_session_may_be_idle_for_ever() {
        let sessions = Sessions::new();
        let idle = sessions.register("alice", None, 1, NOON);
        sessions.sweep(after(u64::from(u32::MAX)), Patience::default());
        assert_eq!(ended(&idle), None);
    }
}
