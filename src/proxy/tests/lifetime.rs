use super::*;

#[tokio::test]
async fn a_head_that_never_ends_is_cut_and_a_served_connection_may_rest() {
    let sidecar = Sidecar::with(|snapshot| {
        snapshot.limits.header_timeout = Duration::from_millis(200);
        snapshot.limits.keep_alive = Duration::from_mins(1);
    })
    .await;
    let mut silent = sidecar.connect().await;
    let mut slow = sidecar.connect().await;
    slow.send("GET / HTTP/1.1\r\nHost: loc").await;
    let mut served = sidecar.connect().await;
    served
        .send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    served.until("refused").await;
    assert_eq!(silent.rest().await, "");
    assert_eq!(slow.rest().await, "");
    served
        .send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    served.until("refused").await;
    served.send("GET / HT").await;
    assert_eq!(served.rest().await, "");
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_the_keep_alive_time() {
    let sidecar = Sidecar::with(|snapshot| {
        snapshot.limits.keep_alive = Duration::from_millis(200);
    })
    .await;
    let mut client = sidecar.connect().await;
    client
        .send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    client.until("refused").await;
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn a_reader_that_stops_is_cut_and_releases_the_backend() {
    let sidecar = Sidecar::with(|snapshot| {
        snapshot.limits.write_stall = Duration::from_millis(300);
    })
    .await;
    let mut client = sidecar.connect().await;
    client.ask("GET /", &[]).await;
    let mut backend = sidecar.accept().await;
    backend.head().await;
    backend
        .send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        .await;
    let block = vec![0; 1 << 20];
    let flooding = async { while backend.stream.write_all(&block).await.is_ok() {} };
    timeout(LONG, flooding)
        .await
        .expect("the backend is let go");
}

#[tokio::test]
async fn connections_beyond_the_limit_are_let_go() {
    let sidecar = Sidecar::with(|snapshot| snapshot.limits.connections = 1).await;
    let mut first = sidecar.connect().await;
    first
        .send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    first.until("refused").await;
    assert_eq!(sidecar.connect().await.rest().await, "");
    drop(first);
    loop {
        let mut next = sidecar.connect().await;
        next.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        if next.more().await {
            break;
        }
    }
}

#[tokio::test]
async fn a_reload_is_seen_by_open_connections() {
    let mut sidecar = Sidecar::start().await;
    let mut client = sidecar.connect().await;
    client.ask("GET /", &[]).await;
    let mut backend = sidecar.accept().await;
    backend.head().await;
    backend.answer("200 OK", &[], "ok").await;
    client.until("ok").await;
    sidecar.publish(&[]);
    client.ask("GET /", &[]).await;
    assert!(client.head().await.starts_with("HTTP/1.1 401 "));
}

/// A client whose answer of this type has begun.
pub(super) async fn streaming(sidecar: &Sidecar, kind: &str) -> (Peer<TcpStream>, Peer<TcpStream>) {
    let mut client = sidecar.connect().await;
    client.ask("GET /stream", &[]).await;
    let mut backend = sidecar.accept().await;
    backend.head().await;
    backend
        .send(format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n"))
        .await;
    client.head().await;
    client.until("a\r\n").await;
    (client, backend)
}

#[tokio::test]
async fn revocation_ends_a_stream_of_events_and_cuts_other_answers() {
    let mut sidecar = Sidecar::start().await;
    let (mut events, _one) = streaming(&sidecar, "text/event-stream; charset=utf-8").await;
    let (mut download, _two) = streaming(&sidecar, "application/octet-stream").await;
    sidecar.publish(&[]);
    let ended = timeout(Duration::from_secs(1), events.until("0\r\n\r\n")).await;
    assert_eq!(ended.expect("within a second"), "0\r\n\r\n");
    let cut = timeout(Duration::from_secs(1), download.rest()).await;
    assert_eq!(cut.expect("within a second"), "");
    sidecar.logged("credential revoked").await;
}

#[tokio::test]
async fn a_reload_that_changes_nothing_cuts_nothing() {
    let mut sidecar = Sidecar::start().await;
    let (mut client, mut backend) = streaming(&sidecar, "application/octet-stream").await;
    sidecar.publish(&[KEY, "another-key"]);
    tokio::time::sleep(Duration::from_millis(300)).await;
    backend.send("1\r\nb\r\n0\r\n\r\n").await;
    client.until("0\r\n\r\n").await;
}

#[tokio::test]
async fn a_drain_lets_requests_finish_closes_the_rest_and_ends() {
    let sidecar = Sidecar::start().await;
    let mut idle = sidecar.connect().await;
    idle.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    idle.until("refused").await;
    let (mut busy, mut backend) = streaming(&sidecar, "application/json").await;
    let (mut events, _backend) = streaming(&sidecar, "text/event-stream").await;
    sidecar.drain.start();
    assert_eq!(idle.rest().await, "");
    assert_eq!(events.until("0\r\n\r\n").await, "0\r\n\r\n");
    backend.send("1\r\nb\r\n0\r\n\r\n").await;
    busy.until("0\r\n\r\n").await;
    assert_eq!(busy.rest().await, "");
    timeout(LONG, sidecar.drain.drained()).await.unwrap();
    let address = sidecar.address;
    tokio::task::spawn_blocking(move || sidecar.plane.join())
        .await
        .unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn who_has_just_connected_when_the_drain_starts_is_still_answered() {
    let sidecar = Sidecar::start().await;
    let mut fresh = sidecar.connect().await;
    let mut silent = sidecar.connect().await;
    let mut served = sidecar.connect().await;
    served
        .send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    served.until("refused").await;
    sidecar.drain.start();
    assert_eq!(served.rest().await, "");
    fresh
        .send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    assert!(fresh.rest().await.ends_with("refused"));
    assert_eq!(silent.rest().await, "");
    timeout(LONG, sidecar.drain.drained()).await.unwrap();
}

#[tokio::test]
async fn a_panic_costs_one_request_and_not_its_connection() {
    let sidecar = Sidecar::start().await;
    let mut client = sidecar.connect().await;
    client.ask("GET /", &[PANIC]).await;
    let answer = client.head().await;
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    client.until("internal_error").await;
    client.ask("GET /", &[]).await;
    sidecar.accept().await.head().await;
}
