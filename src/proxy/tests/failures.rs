use super::*;

#[tokio::test]
async fn a_backend_that_is_not_there_is_a_502() {
    let mut sidecar = Sidecar::start().await;
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = std::mem::replace(&mut sidecar.backend, elsewhere);
    drop(closed);
    let mut client = sidecar.connect().await;
    client.ask("GET /", &[]).await;
    let answer = client.head().await;
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    client.until(r#""error":"bad_gateway""#).await;
}

#[tokio::test]
async fn a_backend_that_talks_nonsense_is_a_502() {
    let sidecar = Sidecar::start().await;
    for answer in [
        "",
        "nonsense\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    ] {
        let mut client = sidecar.connect().await;
        client.ask("GET /", &[]).await;
        let mut backend = sidecar.accept().await;
        backend.head().await;
        backend.send(answer).await;
        drop(backend);
        let head = client.head().await;
        assert!(head.starts_with("HTTP/1.1 502 "), "{answer:?}: {head}");
    }
}

#[tokio::test]
async fn a_head_without_end_is_a_502() {
    let sidecar = Sidecar::start().await;
    let mut client = sidecar.connect().await;
    client.ask("GET /", &[]).await;
    let mut backend = sidecar.accept().await;
    backend.head().await;
    let long = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(128 * 1024));
    let _ = backend.stream.write_all(long.as_bytes()).await;
    assert!(client.head().await.starts_with("HTTP/1.1 502 "));
}

#[tokio::test]
async fn a_silent_backend_is_a_504_in_time() {
    let sidecar = Sidecar::with(|snapshot| {
        snapshot.limits.first_byte = Duration::from_millis(100);
    })
    .await;
    let mut client = sidecar.connect().await;
    client.ask("GET /", &[]).await;
    let mut backend = sidecar.accept().await;
    backend.head().await;
    assert!(client.head().await.starts_with("HTTP/1.1 504 "));
    assert_eq!(backend.rest().await, "", "the request is cancelled");
}

/// A client, and a backend connection that has answered it once.
async fn warm(sidecar: &Sidecar) -> (Peer<TcpStream>, Peer<TcpStream>) {
    let mut client = sidecar.connect().await;
    client.ask("GET /", &[]).await;
    let mut backend = sidecar.accept().await;
    backend.head().await;
    backend.answer("200 OK", &[], "ok").await;
    client.until("ok").await;
    (client, backend)
}

#[tokio::test]
async fn a_get_over_a_connection_that_died_idle_is_sent_again() {
    let sidecar = Sidecar::start().await;
    let (mut client, mut backend) = warm(&sidecar).await;
    client.ask("GET /again", &[]).await;
    backend.head().await;
    drop(backend);
    let mut fresh = sidecar.accept().await;
    assert!(fresh.head().await.starts_with("GET /again "));
    fresh.answer("200 OK", &[], "fine").await;
    client.until("fine").await;
}

#[tokio::test]
async fn a_get_that_ends_backends_is_sent_again_only_once() {
    let sidecar = Sidecar::start().await;
    let mut client = sidecar.connect().await;
    client.ask("GET /", &[]).await;
    let mut spared = sidecar.accept().await;
    spared.head().await;
    let (_other, mut backend) = warm(&sidecar).await;
    spared.answer("200 OK", &[], "ok").await;
    client.until("ok").await;
    client.ask("GET /long", &[]).await;
    spared.head().await;
    let mut killer = sidecar.connect().await;
    killer.ask("GET /kill", &[]).await;
    assert!(backend.head().await.starts_with("GET /kill "));
    spared.answer("200 OK", &[], "ok").await;
    client.until("ok").await;
    drop(backend);
    let mut fresh = sidecar.accept().await;
    assert!(fresh.head().await.starts_with("GET /kill "));
    drop(fresh);
    assert!(killer.head().await.starts_with("HTTP/1.1 502 "));
    client.ask("GET /next", &[]).await;
    assert!(spared.head().await.starts_with("GET /next "));
}

#[tokio::test]
async fn a_get_is_not_sent_again_once_the_answer_has_begun() {
    let sidecar = Sidecar::start().await;
    let (mut client, mut backend) = warm(&sidecar).await;
    client.ask("GET /again", &[]).await;
    backend.head().await;
    backend.send("HTTP/1.1 2").await;
    drop(backend);
    assert!(client.head().await.starts_with("HTTP/1.1 502 "));
    assert!(sidecar.backend_is_untouched().await);
}

#[tokio::test]
async fn a_post_is_never_sent_twice() {
    let sidecar = Sidecar::start().await;
    let (mut client, mut backend) = warm(&sidecar).await;
    client.ask("POST /again", &["Content-Length: 2"]).await;
    client.send("ab").await;
    backend.head().await;
    drop(backend);
    assert!(client.head().await.starts_with("HTTP/1.1 502 "));
    assert!(sidecar.backend_is_untouched().await);
}

#[tokio::test]
async fn a_connection_that_the_backend_has_closed_is_not_used() {
    let sidecar = Sidecar::start().await;
    // Sometimes the sweep of the worker's tick finds it closed, sometimes the request itself.
    for pause in [5, 10, 20, 30, 50, 150] {
        let (mut client, backend) = warm(&sidecar).await;
        drop(backend);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        client.ask("POST /", &["Content-Length: 2"]).await;
        client.send("ab").await;
        let mut fresh = sidecar.accept().await;
        fresh.head().await;
        assert_eq!(fresh.exactly(2).await, b"ab");
    }
}

#[tokio::test]
async fn bytes_after_an_answer_end_the_connection() {
    let sidecar = Sidecar::start().await;
    let mut client = sidecar.connect().await;
    client.ask("GET /", &[]).await;
    let mut backend = sidecar.accept().await;
    backend.head().await;
    let evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    backend
        .send(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok{evil}"
        ))
        .await;
    client.until("ok").await;
    client.ask("GET /next", &[]).await;
    let mut fresh = sidecar.accept().await;
    fresh.head().await;
    fresh.answer("200 OK", &[], "good").await;
    assert!(client.until("good").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_client_that_leaves_cancels_the_request() {
    let sidecar = Sidecar::start().await;
    let mut client = sidecar.connect().await;
    client.ask("GET /", &[]).await;
    let mut backend = sidecar.accept().await;
    backend.head().await;
    drop(client);
    let left = timeout(Duration::from_secs(1), backend.rest()).await;
    assert_eq!(left.expect("cancelled within a second"), "");
    sidecar.logged(r#""status":499"#).await;
}

#[tokio::test]
async fn an_upload_that_stops_is_a_408() {
    let sidecar = Sidecar::with(|snapshot| {
        snapshot.limits.body_gap = Duration::from_millis(100);
        // It is the client that is waited for, not the backend.
        snapshot.limits.first_byte = Duration::from_millis(20);
    })
    .await;
    let mut client = sidecar.connect().await;
    client.ask("POST /", &["Content-Length: 10"]).await;
    client.send("abc").await;
    let mut backend = sidecar.accept().await;
    backend.head().await;
    assert!(client.head().await.starts_with("HTTP/1.1 408 "));
    backend.rest().await;
}

#[tokio::test]
async fn too_many_bad_credentials_of_one_address_are_a_429_and_good_ones_pass() {
    let sidecar = Sidecar::start().await;
    let mut client = sidecar.connect().await;
    let bad = "GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer wrong\r\n\r\n";
    for attempt in 1..=22 {
        client.send(bad).await;
        let answer = client.head().await;
        let status = if attempt <= 20 { "401" } else { "429" };
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{attempt}: {answer}"
        );
        let length = values(&answer, "content-length")[0].parse().unwrap();
        client.exactly(length).await;
    }
    client.ask("GET /", &[]).await;
    sidecar.accept().await.head().await;
}
