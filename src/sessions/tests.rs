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
