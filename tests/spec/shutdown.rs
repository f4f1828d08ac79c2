//! The orderly stop: nothing new is taken, what runs may finish, within a limit.

use std::time::Duration;

use tokio::net::TcpStream;

use crate::support::{Backend, End, Feed, Script, Setup, Sidecar, eventually, key_of, within};

/// Tells it to stop, and waits until it takes nothing new.
async fn drain(sidecar: &Sidecar) {
    sidecar.signal("TERM").await;
    let refused = async || TcpStream::connect(sidecar.address()).await.is_err();
    eventually("nothing new is taken", refused).await;
}

/// An answer without an end, and no stream of events, which a drain would end.
fn unfinished() -> Script {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n";
    Script::Feed(head.into(), Feed::new())
}

#[tokio::test]
async fn it_stops_at_once_when_nothing_runs() {
    for signal in ["TERM", "INT"] {
        let backend = Backend::start().await;
        let mut sidecar = Setup::before(&backend).key("alice").start().await;
        assert_eq!(sidecar.get("/").key("alice").status().await, 200);
        let _idle = sidecar.raw().await;
        sidecar.signal(signal).await;
        assert_eq!(within(Duration::from_secs(3), "it stops", sidecar.ended()).await, 0);
    }
}

#[tokio::test]
async fn a_request_in_flight_is_finished() {
    let feed = Feed::new();
    let backend = Backend::always(Script::events(&feed)).await;
    let mut sidecar = Setup::before(&backend).key("alice").start().await;
    let mut raw = sidecar.raw().await;
    raw.write(sidecar.get("/").key("alice").bytes()).await;
    raw.head().await;
    drain(&sidecar).await;
    feed.chunk("data: late\n\n");
    feed.last_chunk();
    assert_eq!(raw.rest_of_chunks().await, ("data: late\n\n".to_owned(), End::Complete));
    assert_eq!(within(Duration::from_secs(3), "it stops", sidecar.ended()).await, 0);
}

#[tokio::test]
async fn a_request_that_still_arrives_is_answered() {
    let backend = Backend::start().await;
    let mut sidecar = Setup::before(&backend).key("alice").start().await;
    let mut raw = sidecar.raw().await;
    raw.write("POST / HTTP/1.1\r\nHost: chat.example\r\nContent-Length: 4\r\n").await;
    raw.write(format!("X-API-Key: {}\r\n\r\nha", key_of("alice"))).await;
    backend
        .until("half of it is there", |seen| seen.first().is_some_and(|seen| seen.body == b"ha"))
        .await;
    let mut idle = sidecar.raw().await;
    sidecar.signal("TERM").await;
    idle.until_closed().await;
    raw.write("lf").await;
    let answer = raw.answer().await;
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    assert_eq!(sidecar.ended().await, 0);
}

#[tokio::test]
async fn open_sockets_are_told_to_reconnect() {
    let backend = Backend::start().await;
    let mut sidecar = Setup::before(&backend).key("alice").start().await;
    let mut chats = Vec::new();
    for _ in 0..20 {
        chats.push(sidecar.websocket("/ws").key("alice").open().await);
    }
    sidecar.signal("TERM").await;
    for chat in &mut chats {
        assert_eq!(chat.closed().await, 1012);
    }
    assert_eq!(within(Duration::from_secs(5), "it stops", sidecar.ended()).await, 0);
}

#[tokio::test]
async fn it_waits_no_longer_than_the_limit() {
    let backend = Backend::always(unfinished()).await;
    let setup = Setup::before(&backend).key("alice").set("limits", "drain = \"1s\"");
    let mut sidecar = setup.start().await;
    let mut raw = sidecar.raw().await;
    raw.write(sidecar.get("/").key("alice").bytes()).await;
    raw.head().await;
    sidecar.signal("TERM").await;
    assert_eq!(within(Duration::from_secs(4), "it stops", sidecar.ended()).await, 0);
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let backend = Backend::always(unfinished()).await;
    let mut sidecar = Setup::before(&backend).key("alice").start().await;
    let mut raw = sidecar.raw().await;
    raw.write(sidecar.get("/").key("alice").bytes()).await;
    raw.head().await;
    drain(&sidecar).await;
    sidecar.signal("TERM").await;
    within(Duration::from_secs(2), "it ends", sidecar.ended()).await;
}

#[tokio::test]
async fn while_it_drains_it_is_alive_but_not_ready() {
    let backend = Backend::always(Script::events(&Feed::new())).await;
    let sidecar = Setup::before(&backend).key("alice").start().await;
    let mut raw = sidecar.raw().await;
    raw.write(sidecar.get("/").key("alice").bytes()).await;
    raw.head().await;
    sidecar.signal("TERM").await;
    eventually("it is not ready", async || {
        sidecar.telemetry("/readyz").await.starts_with("HTTP/1.1 503")
    })
    .await;
    assert!(sidecar.telemetry("/healthz").await.starts_with("HTTP/1.1 200"));
}
