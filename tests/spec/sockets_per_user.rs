//! So many sockets of one user and no more, over all workers, and what becomes of one more.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::support::{
    Backend, Feed, Frames, Handshake, Raw, Script, Seen, Setup, Sidecar, eventually, within,
};

const CLOSE: u8 = 0x88;

/// The longest that the backend may take to end a socket that was replaced.
const PARTING: Duration = Duration::from_secs(2);

/// With several workers, and clients whose addresses are those that they say.
fn limited(backend: &Backend, over_limit: &str, most: u32) -> Setup {
    Setup::before(backend)
        .key("alice")
        .key("bob")
        .set("listen", "workers = 4")
        .set("listen", "trusted_proxies = [\"127.0.0.1\"]")
        .set("websocket", &format!("max_per_user = {most}"))
        .set("websocket", &format!("over_limit = {over_limit:?}"))
}

fn from<'s>(sidecar: &'s Sidecar, address: &str, key: &str) -> Handshake<'s> {
    sidecar.websocket("/ws").key(key).header("X-Forwarded-For", address)
}

/// The seconds to wait that a refusal names.
async fn retry_after(handshake: Handshake<'_>) -> u64 {
    let (answer, _) = handshake.answer().await;
    assert_eq!(answer.status, 429, "{answer:?}");
    answer.header("retry-after").unwrap().parse().unwrap()
}

fn is_told_to_close(seen: &Seen) -> bool {
    seen.after.first() == Some(&CLOSE)
}

/// Whose first socket is under the test's control, user by user; the others echo.
struct Firsts(HashMap<String, Feed>);

impl Firsts {
    async fn of(users: &[&str]) -> (Backend, Self) {
        let feeds = users.iter().map(|user| ((*user).to_owned(), Feed::new()));
        let feeds: HashMap<_, _> = feeds.collect();
        let unused = Mutex::new(feeds.clone());
        let backend = Backend::playing(move |seen| {
            let user = seen.folded("user_id")[0].to_owned();
            let feed = unused.lock().unwrap().remove(&user);
            feed.map_or(Script::Usual, |feed| Script::tunnel(&feed))
        });
        (backend.await, Self(feeds))
    }
}

#[tokio::test]
async fn the_oldest_is_replaced_and_told_so() {
    let backend = Backend::start().await;
    let sidecar = limited(&backend, "replace", 2).start().await;
    let mut bob = from(&sidecar, "192.0.2.1", "bob").open().await;
    let mut oldest = from(&sidecar, "192.0.2.1", "alice").frames().await;
    let mut older = from(&sidecar, "192.0.2.2", "alice").open().await;
    let mut newest = from(&sidecar, "192.0.2.3", "alice").open().await;
    let reason = "replaced by a newer connection";
    let payload = [&4429_u16.to_be_bytes()[..], reason.as_bytes()].concat();
    oldest.expect(CLOSE, &payload).await;
    oldest.send(CLOSE, &payload[..2]).await;
    assert_eq!(oldest.raw.until_closed().await, b"");
    assert!(older.is_alive().await && newest.is_alive().await && bob.is_alive().await);
    let is_it = |record: &serde_json::Value| record["reason"] == reason;
    assert_eq!(sidecar.record("the end of the oldest", is_it).await["user"], "alice");
    let closed = "doorward_websockets_closed_total{code=\"4429\"}";
    assert_eq!(sidecar.metric(closed).await, Some(1.0));
}

#[tokio::test]
async fn the_backend_has_finished_with_the_old_socket_before_it_sees_the_new_one() {
    let users = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let (backend, Firsts(feeds)) = Firsts::of(&users).await;
    let setup = users.iter().fold(limited(&backend, "replace", 1), |setup, user| setup.key(user));
    let sidecar = setup.start().await;
    let mut old = Vec::new();
    for user in users {
        old.push(from(&sidecar, "192.0.2.1", user).frames().await);
    }
    let open = |user| Box::pin(from(&sidecar, "192.0.2.2", user).open());
    let newcomers = users.iter().map(|user| open(*user));
    let newcomers = futures_util::future::join_all(newcomers);
    let ends = async {
        backend.until("all are told", |seen| seen.iter().all(is_told_to_close)).await;
        let told = Instant::now();
        for old in &mut old {
            assert_eq!(old.close_code().await, 4429);
            old.send(CLOSE, &4429_u16.to_be_bytes()).await;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(backend.seen().len(), users.len(), "a newcomer did not wait");
        feeds.values().for_each(Feed::half_close);
        told
    };
    let (newcomers, told) = tokio::join!(newcomers, ends);
    assert!(told.elapsed() < PARTING, "the end of the old ones was not noticed");
    for mut newcomer in newcomers {
        assert!(newcomer.is_alive().await);
    }
}

#[tokio::test]
async fn an_old_client_that_does_not_answer_holds_nobody_up() {
    let backend = Backend::start().await;
    let sidecar = limited(&backend, "replace", 1).start().await;
    let mut silent = from(&sidecar, "192.0.2.1", "alice").frames().await;
    let newcomer = from(&sidecar, "192.0.2.2", "alice").open();
    let mut newcomer = within(Duration::from_millis(800), "it is let in", newcomer).await;
    assert!(newcomer.is_alive().await);
    assert_eq!(silent.close_code().await, 4429);
}

#[tokio::test]
async fn a_backend_that_does_not_end_the_old_socket_is_cut_off() {
    let (backend, _feeds) = Firsts::of(&["alice"]).await;
    let sidecar = limited(&backend, "replace", 1).start().await;
    let mut old = from(&sidecar, "192.0.2.1", "alice").open().await;
    let asked = Instant::now();
    let mut newcomer = from(&sidecar, "192.0.2.2", "alice").open().await;
    let waited = asked.elapsed();
    assert!((PARTING..PARTING * 3 / 2).contains(&waited), "{waited:?}");
    backend.until_gone().await;
    assert!(newcomer.is_alive().await);
    assert_eq!(old.closed().await, 4429);
}

#[tokio::test]
async fn whoever_was_replaced_does_not_replace_in_turn_for_five_seconds() {
    let backend = Backend::start().await;
    let sidecar = limited(&backend, "replace", 1).start().await;
    let first = || from(&sidecar, "2001:db8::1", "alice");
    let mut replaced = first().open().await;
    let mut newcomer = from(&sidecar, "2001:db8:0:1::1", "alice").open().await;
    let began = Instant::now();
    assert_eq!(replaced.closed().await, 4429);
    assert!((1..=5).contains(&retry_after(first()).await));
    let neighbour = from(&sidecar, "2001:db8::2", "alice");
    assert!((1..=5).contains(&retry_after(neighbour).await), "of one network");
    let throttled = "doorward_requests_throttled_total{limit=\"max_per_user\"}";
    assert_eq!(sidecar.metric(throttled).await, Some(2.0));
    assert!(newcomer.is_alive().await);
    eventually("it is let in again", async || first().answer().await.0.status == 101).await;
    let rested = began.elapsed();
    assert!(rested > Duration::from_millis(4500), "let in after {rested:?}");
    assert_eq!(newcomer.closed().await, 4429);
}

#[tokio::test]
async fn who_comes_back_after_its_connection_was_lost_has_replaced_nobody() {
    let (backend, _feeds) = Firsts::of(&["alice"]).await;
    let sidecar = limited(&backend, "replace", 1).start().await;
    drop(from(&sidecar, "192.0.2.1", "alice").open().await);
    sidecar.record("the lost socket's end", |line| line["protocol"] == "ws").await;
    let mut again = from(&sidecar, "192.0.2.1", "alice").open().await;
    let mut newer = from(&sidecar, "192.0.2.1", "alice").open().await;
    assert!(newer.is_alive().await);
    assert_eq!(again.closed().await, 4429);
}

#[tokio::test]
async fn a_place_that_is_being_handed_over_is_nobody_elses() {
    let (backend, Firsts(feeds)) = Firsts::of(&["alice"]).await;
    let sidecar = limited(&backend, "replace", 1).start().await;
    let _old = from(&sidecar, "192.0.2.1", "alice").frames().await;
    let newcomer = from(&sidecar, "192.0.2.2", "alice").open();
    let others = async {
        backend.until("the old one is told", |seen| is_told_to_close(&seen[0])).await;
        for number in 3..9 {
            let address = format!("192.0.2.{number}");
            assert!((1..=2).contains(&retry_after(from(&sidecar, &address, "alice")).await));
        }
        feeds["alice"].half_close();
    };
    let (mut newcomer, ()) = tokio::join!(newcomer, others);
    assert!(newcomer.is_alive().await);
    assert_eq!(backend.seen().len(), 2);
}

#[tokio::test]
async fn a_newcomer_that_leaves_meanwhile_leaves_the_place_free() {
    let (backend, Firsts(feeds)) = Firsts::of(&["alice"]).await;
    let sidecar = limited(&backend, "replace", 1).start().await;
    let mut old = from(&sidecar, "192.0.2.1", "alice").frames().await;
    let mut newcomer = sidecar.raw().await;
    newcomer.write(from(&sidecar, "192.0.2.2", "alice").bytes()).await;
    backend.until("the old one is told", |seen| is_told_to_close(&seen[0])).await;
    newcomer.reset();
    let has_left = |record: &serde_json::Value| record["status"] == 499;
    sidecar.record("the newcomer has left", has_left).await;
    feeds["alice"].half_close();
    assert_eq!(old.close_code().await, 4429);
    let mut third = from(&sidecar, "192.0.2.3", "alice").open().await;
    assert!(third.is_alive().await);
    assert_eq!(backend.seen().len(), 2, "the newcomer's went out");
}

#[tokio::test]
async fn a_socket_that_is_still_opening_is_replaced_too() {
    let first = Mutex::new(Some(Script::Silence));
    let play = move |_: &Seen| first.lock().unwrap().take().unwrap_or(Script::Usual);
    let backend = Backend::playing(play).await;
    let sidecar = limited(&backend, "replace", 1).start().await;
    let opening = async { retry_after(from(&sidecar, "192.0.2.1", "alice")).await };
    let newcomer = async {
        backend.until("the first has come", |seen| seen.len() == 1).await;
        from(&sidecar, "192.0.2.2", "alice").open().await
    };
    let (wait, mut newcomer) = tokio::join!(opening, newcomer);
    assert_eq!(wait, 5);
    assert!(newcomer.is_alive().await);
    assert!(backend.seen()[0].gone);
}

#[tokio::test]
async fn where_one_more_is_refused_the_sockets_of_all_workers_count() {
    let backend = Backend::start().await;
    let sidecar = limited(&backend, "refuse", 3).start().await;
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(from(&sidecar, "192.0.2.1", "alice").open().await);
    }
    for number in 0..16 {
        let address = format!("192.0.2.{number}");
        assert_eq!(retry_after(from(&sidecar, &address, "alice")).await, 60);
    }
    for chat in &mut open {
        assert!(chat.is_alive().await);
    }
    assert_eq!(backend.seen().len(), 3);
}

#[tokio::test]
async fn where_one_more_is_allowed_there_is_no_limit() {
    let backend = Backend::start().await;
    let sidecar = limited(&backend, "allow", 1).start().await;
    let mut open = Vec::new();
    for _ in 0..16 {
        open.push(from(&sidecar, "192.0.2.1", "alice").open().await);
    }
    for chat in &mut open {
        assert!(chat.is_alive().await);
    }
}

#[tokio::test]
async fn a_reload_counts_for_new_sockets() {
    let backend = Backend::start().await;
    let setup = limited(&backend, "allow", 1);
    let sidecar = setup.clone().start().await;
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(from(&sidecar, "192.0.2.1", "alice").open().await);
    }
    sidecar.reconfigure(&setup.clone().set("websocket", "over_limit = \"refuse\"")).await;
    assert_eq!(retry_after(from(&sidecar, "192.0.2.2", "alice")).await, 60);
    for chat in &mut open {
        assert!(chat.is_alive().await);
    }
    let replacing = setup.set("websocket", "over_limit = \"replace\"");
    sidecar.reconfigure(&replacing.set("websocket", "max_per_user = 2")).await;
    let mut newcomer = from(&sidecar, "192.0.2.3", "alice").open().await;
    for gone in &mut open[..2] {
        assert_eq!(gone.closed().await, 4429);
    }
    assert!(open[2].is_alive().await && newcomer.is_alive().await);
}

#[tokio::test]
async fn a_place_is_free_within_a_tenth_of_a_second() {
    let backend = Backend::start().await;
    let sidecar = limited(&backend, "refuse", 1).start().await;
    let mut next = sidecar.raw().await;
    for round in 0..10 {
        next.write(from(&sidecar, "192.0.2.1", "alice").bytes()).await;
        assert_eq!(next.answer().await.status, 101, "round {round}");
        let mut open = Frames { raw: std::mem::replace(&mut next, sidecar.raw().await) };
        if round % 2 == 0 {
            open.send(CLOSE, &1000_u16.to_be_bytes()).await;
            open.raw.until_closed().await;
            drop(open);
        } else {
            open.raw.reset();
        }
        backend.until("its side is closed", |seen| seen.iter().all(|seen| seen.gone)).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_stop_waits_for_no_backend_that_does_not_end() {
    let (backend, _feeds) = Firsts::of(&["alice"]).await;
    let setup = limited(&backend, "replace", 1).set("limits", "drain = \"300ms\"");
    let sidecar = setup.start().await;
    let _open = from(&sidecar, "192.0.2.1", "alice").frames().await;
    let (code, log) = within(PARTING, "the end", sidecar.stop()).await;
    assert!(!log.contains("panic"), "{log}");
    assert_eq!(code, 0);
}

/// The most sockets that the backend had open at once.
fn highest(seen: &[Seen]) -> usize {
    let mut changes: Vec<(Instant, i32)> = Vec::new();
    for socket in seen {
        changes.push((socket.began.unwrap(), 1));
        changes.extend(socket.ended.map(|ended| (ended, -1)));
    }
    changes.sort();
    let mut open = 0;
    let counts = changes.into_iter().map(|(_, change)| {
        open += change;
        open
    });
    counts.max().unwrap_or_default().try_into().unwrap()
}

/// Comes from here and there; leaves before it is answered, or when it is in, or stays and listens,
/// or stays and does not.
async fn visit(sidecar: Arc<Sidecar>, visitor: u32) -> Vec<Raw> {
    let mut staying = Vec::new();
    for visit in 0..24 {
        let address = format!("198.51.{visitor}.{visit}");
        let mut raw = sidecar.raw().await;
        raw.write(from(&sidecar, &address, "alice").bytes()).await;
        let conduct = (visitor + visit) % 4;
        if conduct == 0 {
            raw.reset();
            continue;
        }
        let status = raw.answer().await.status;
        assert!([101, 429].contains(&status), "{status}");
        if status == 101 && conduct == 2 {
            let listening = raw.until_closed();
            let _ = tokio::time::timeout(Duration::from_millis(50), listening).await;
        }
        if status == 101 && conduct == 3 {
            staying.push(raw);
        }
    }
    staying
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_backend_never_has_more_than_so_many_however_many_come() {
    const MOST: u32 = 3;
    let backend = Backend::start().await;
    let sidecar = Arc::new(limited(&backend, "replace", MOST).start().await);
    let visits = (0..12).map(|visitor| visit(Arc::clone(&sidecar), visitor));
    let _staying = visits.collect::<JoinSet<_>>().join_all().await;
    let seen = backend.seen();
    assert!(seen.len() > 50, "{}", seen.len());
    assert_eq!(highest(&seen), MOST as usize);
}

#[tokio::test]
async fn the_cat_has_one_socket_of_each_identity_unless_the_file_says_otherwise() {
    let backend = Backend::start().await;
    let setup = Setup::cat(&backend).key("alice").key("bob");
    let sidecar = setup.clone().start().await;
    let mut bob = sidecar.websocket("/ws/x").key("bob").open().await;
    let mut old = sidecar.websocket("/ws/x").key("alice").open().await;
    let mut new = sidecar.websocket("/ws/x").key("alice").open().await;
    assert_eq!(old.closed().await, 4429);
    assert!(new.is_alive().await && bob.is_alive().await);
    sidecar.reconfigure(&setup.set("websocket", "max_per_user = \"off\"")).await;
    let mut another = sidecar.websocket("/ws/x").key("alice").open().await;
    assert!(new.is_alive().await && another.is_alive().await);
}
