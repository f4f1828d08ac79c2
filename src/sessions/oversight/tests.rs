use std::cell::Cell;
use std::net::IpAddr;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use tokio::task::LocalSet;

use super::*;
use crate::auth::{Proof, Transport, UserId};
use crate::clock::Timestamp;
use crate::sessions::registry::BATCH;
use crate::sessions::session::Entry;
use crate::sessions::{Caller, EndReason, Session, Sessions, Traffic};

const NOON: Timestamp = Timestamp::from_secs(1_800_000_000);

/// Workers that do nothing but answer.
struct Office {
    local: LocalSet,
    oversight: Oversight,
    workers: Vec<Registries>,
}

/// What a worker has open.
struct Registries {
    tunnels: Sessions<Caller>,
    streams: Sessions<Caller>,
}

impl Office {
    fn of(workers: usize) -> Self {
        let (oversight, desks) = Oversight::over(workers.try_into().unwrap());
        let local = LocalSet::new();
        let attend = |desk: Desk| {
            let tunnels = Sessions::new();
            let streams = tunnels.beside();
            local.spawn_local(desk.attend([
                (SessionKind::WebSocket, tunnels.clone()),
                (SessionKind::Stream, streams.clone()),
            ]));
            Registries { tunnels, streams }
        };
        Self {
            workers: desks.into_iter().map(attend).collect(),
            local,
            oversight,
        }
    }

    async fn list(&self, filter: Filter) -> Vec<OpenSession> {
        self.local.run_until(self.oversight.list(filter)).await
    }

    async fn close(&self, filter: Filter) -> usize {
        self.local.run_until(self.oversight.close(filter)).await
    }
}

/// A session of this user, opened so many seconds after noon.
fn open(sessions: &Sessions<Caller>, user: &str, issuer: &str, seconds: i64) -> Session<Caller> {
    let caller = Caller {
        proof: Proof::unverified(user, issuer, "/ws/a&token=hidden"),
        client: IpAddr::from([192, 0, 2, 7]),
        since: Timestamp::from_secs(NOON.as_secs() + seconds),
    };
    sessions.register(caller, None, 1, NOON)
}

fn ended(session: &Session<Caller>) -> Option<EndReason> {
    match session.poll_ended(&Context::from_waker(Waker::noop())) {
        Poll::Ready(reason) => Some(reason),
        Poll::Pending => None,
    }
}

fn user(name: &str) -> Filter {
    Filter::User(UserId::parse(name).unwrap())
}

#[tokio::test]
async fn what_is_open_in_all_workers_is_listed_the_oldest_first() {
    let office = Office::of(2);
    let [first, second] = &office.workers[..] else {
        panic!("two workers");
    };
    let _late = open(&first.tunnels, "alice", "panel", 3);
    let stream = open(&first.streams, "Bob", "panel", 1);
    let _early = open(&second.streams, "carol", "panel", 0);
    let traffic = Traffic {
        sent: 5,
        received: 7,
    };
    stream.carried(traffic);
    let listed = office.list(Filter::All).await;
    let ids: Vec<_> = listed
        .iter()
        .map(|session| session.id.to_string())
        .collect();
    assert_eq!(ids, ["1-0", "0-1", "0-0"]);
    let bobs = OpenSession {
        id: "0-1".parse().unwrap(),
        kind: SessionKind::Stream,
        user: UserId::parse("Bob").ok(),
        credential: Some("panel".to_owned()),
        path: "/ws/a".to_owned(),
        transport: Transport::WebSocket,
        client: IpAddr::from([192, 0, 2, 7]),
        opened_at: Timestamp::from_secs(NOON.as_secs() + 1),
        traffic,
    };
    assert_eq!(listed[1], bobs);
    assert_eq!(listed[2].kind, SessionKind::WebSocket);
}

#[tokio::test]
async fn a_filter_means_one_session_a_user_however_spelled_or_a_credential() {
    let office = Office::of(2);
    let open: Vec<_> = office
        .workers
        .iter()
        .flat_map(|worker| {
            [("Alice", "panel"), ("alice", "phone"), ("bob", "phone")]
                .map(|(user, issuer)| open(&worker.tunnels, user, issuer, 0))
        })
        .collect();
    let ids = async |filter| -> Vec<_> {
        let listed = office.list(filter).await;
        listed
            .iter()
            .map(|session| session.id.to_string())
            .collect()
    };
    assert_eq!(ids(user("aLICE")).await, ["0-0", "0-1", "1-0", "1-1"]);
    let phone = ids(Filter::Credential("phone".into())).await;
    assert_eq!(phone, ["0-1", "0-2", "1-1", "1-2"]);
    let session = |text: &str| Filter::Session(text.parse().unwrap());
    assert_eq!(ids(session("1-2")).await, ["1-2"]);
    for nobody in [
        user("ali"),
        Filter::Credential("Phone".into()),
        session("0-3"),
        session("2-0"),
        session("0-18446744073709551615"),
    ] {
        assert!(ids(nobody.clone()).await.is_empty(), "{nobody:?}");
    }
    assert_eq!(ids(Filter::All).await.len(), 6);
    drop(open);
    assert!(ids(Filter::All).await.is_empty());
}

#[tokio::test]
async fn closing_ends_those_who_are_meant_and_counts_each_once() {
    let office = Office::of(2);
    let [first, second] = &office.workers[..] else {
        panic!("two workers");
    };
    let alices = [
        open(&first.tunnels, "alice", "panel", 0),
        open(&first.streams, "ALICE", "panel", 0),
        open(&second.tunnels, "alice", "panel", 0),
    ];
    let bob = open(&second.tunnels, "bob", "panel", 0);
    assert_eq!(office.close(user("alice")).await, 3);
    assert_eq!(alices.each_ref().map(ended), [Some(EndReason::Closed); 3]);
    assert_eq!(ended(&bob), None);
    assert_eq!(office.close(Filter::All).await, 1);
    assert_eq!(office.close(Filter::All).await, 0);
}

#[tokio::test]
async fn other_tasks_run_while_many_are_looked_at() {
    let office = Office::of(1);
    let tunnels = &office.workers[0].tunnels;
    let many: Vec<_> = (0..BATCH * 20)
        .map(|_| open(tunnels, "alice", "panel", 0))
        .collect();
    let turns = Rc::new(Cell::new(0));
    let counted = Rc::clone(&turns);
    office.local.spawn_local(async move {
        loop {
            counted.set(counted.get() + 1);
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(office.list(Filter::All).await.len(), many.len());
    let turns_of_listing = turns.replace(0);
    assert!(turns_of_listing >= 20, "{turns_of_listing}");
    assert_eq!(office.close(user("alice")).await, many.len());
    assert!(turns.get() >= 20, "{}", turns.get());
}

#[tokio::test]
async fn an_answer_does_not_wait_for_those_who_keep_coming() {
    let (oversight, mut desks) = Oversight::over(1.try_into().unwrap());
    let tunnels = Sessions::new();
    let attend = desks.remove(0).attend([
        (SessionKind::WebSocket, tunnels.clone()),
        (SessionKind::Stream, tunnels.beside()),
    ]);
    let mut open_now = vec![open(&tunnels, "alice", "panel", 0)];
    let coming = async {
        while open_now.len() < 10_000 {
            open_now.push(open(&tunnels, "bob", "panel", 0));
            tokio::task::yield_now().await;
        }
    };
    // Within one task, so that they take turns strictly.
    let listed = tokio::select! {
        biased;
        listed = oversight.list(Filter::All) => listed.len(),
        () = attend => panic!("nobody asks"),
        () = coming => panic!("no answer before all have come"),
    };
    assert_eq!(listed, 1);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_has_ended_or_hangs_is_left_out() {
    let (oversight, desks) = Oversight::over(3.try_into().unwrap());
    let [ended, hangs, answers] = <[Desk; 3]>::try_from(desks).unwrap();
    drop(ended);
    let tunnels = Sessions::new();
    let registries = [
        (SessionKind::WebSocket, tunnels.clone()),
        (SessionKind::Stream, tunnels.beside()),
    ];
    let _alice = open(&tunnels, "alice", "panel", 0);
    let local = LocalSet::new();
    local.spawn_local(answers.attend(registries));
    let began = tokio::time::Instant::now();
    let ask = oversight.list(Filter::All);
    assert_eq!(local.run_until(ask).await.len(), 1);
    assert_eq!(began.elapsed().as_secs(), 2);
    drop(hangs);
    let ask = oversight.close(Filter::All);
    assert_eq!(local.run_until(ask).await, 1);
    assert_eq!(began.elapsed().as_secs(), 2);
}

#[test]
fn what_oversight_needs_of_a_socket_is_a_few_bytes() {
    let beyond_proof = size_of::<Entry<Caller>>() - size_of::<Entry<Proof>>();
    assert!(beyond_proof <= 32, "{beyond_proof}");
}
