use super::*;

#[tokio::test]
async fn a_body_of_known_length_keeps_its_length() {
    let sidecar = Sidecar::start().await;
    let mut client = sidecar.connect().await;
    client.ask("POST /", &["Content-Length: 5"]).await;
    client.send("hello").await;
    let mut backend = sidecar.accept().await;
    let head = backend.head().await;
    assert_eq!(values(&head, "content-length"), ["5"]);
    assert!(values(&head, "transfer-encoding").is_empty());
    assert_eq!(backend.exactly(5).await, b"hello");
    backend.answer("201 Created", &[], "").await;
    assert!(client.head().await.starts_with("HTTP/1.1 201 "));
    let line = sidecar.logged(r#""status":201"#).await;
    assert!(line.contains(r#""bytes_received":5"#), "{line}");
}

#[tokio::test]
async fn an_empty_post_says_so() {
    let sidecar = Sidecar::start().await;
    for lines in [&["Content-Length: 0"][..], &[]] {
        let mut client = sidecar.connect().await;
        client.ask("POST /", lines).await;
        let mut backend = sidecar.accept().await;
        assert_eq!(values(&backend.head().await, "content-length"), ["0"]);
    }
}

#[tokio::test]
async fn a_chunked_body_streams_and_loses_its_trailers() {
    let sidecar = Sidecar::start().await;
    for method in ["POST", "GET"] {
        let mut client = sidecar.connect().await;
        let line = format!("{method} /");
        client
            .ask(&line, &["Transfer-Encoding: chunked", "Trailer: user_id"])
            .await;
        client.send("3\r\nabc\r\n").await;
        let mut backend = sidecar.accept().await;
        let head = backend.head().await;
        assert_eq!(values(&head, "transfer-encoding"), ["chunked"], "{head}");
        assert_eq!(backend.until("abc\r\n").await, "3\r\nabc\r\n");
        client.send("2\r\nde\r\n0\r\nuser_id: evil\r\n\r\n").await;
        assert_eq!(backend.until("0\r\n\r\n").await, "2\r\nde\r\n0\r\n\r\n");
    }
}

#[tokio::test]
async fn a_continue_comes_only_after_admission_and_is_ours() {
    let sidecar = Sidecar::start().await;
    let mut client = sidecar.connect().await;
    client
        .ask("POST /", &["Content-Length: 2", "Expect: 100-continue"])
        .await;
    let mut backend = sidecar.accept().await;
    assert!(values(&backend.head().await, "expect").is_empty());
    assert_eq!(client.head().await, "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("ok").await;
    backend.exactly(2).await;
    backend.answer("200 OK", &[], "").await;
    assert!(client.head().await.starts_with("HTTP/1.1 200 "));

    let mut stranger = sidecar.connect().await;
    stranger
        .send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        .await;
    assert!(stranger.head().await.starts_with("HTTP/1.1 401 "));
}

#[tokio::test]
async fn a_malformed_chunk_is_the_clients_fault_and_aborts_the_request() {
    let sidecar = Sidecar::start().await;
    for chunk in ["0x3\r\nabc\r\n", "zz\r\n", "3\r\nabcdef\r\n"] {
        let mut client = sidecar.connect().await;
        client.ask("POST /", &["Transfer-Encoding: chunked"]).await;
        client.send("1\r\na\r\n").await;
        let mut backend = sidecar.accept().await;
        backend.until("a\r\n").await;
        client.send(chunk).await;
        let answer = client.head().await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{chunk:?}: {answer}");
        assert!(!backend.rest().await.ends_with("0\r\n\r\n"));
    }
}

#[tokio::test]
async fn events_arrive_one_by_one() {
    let sidecar = Sidecar::start().await;
    let mut client = sidecar.connect().await;
    client.ask("GET /events", &[]).await;
    let mut backend = sidecar.accept().await;
    backend.head().await;
    backend
        .send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await;
    client.head().await;
    for number in 0..3 {
        let event = format!("data: {number}\n\n");
        backend
            .send(format!("{:x}\r\n{event}\r\n", event.len()))
            .await;
        client.until(&event).await;
    }
    backend.send("0\r\n\r\n").await;
    client.until("0\r\n\r\n").await;
}

#[tokio::test]
async fn a_truncated_answer_looks_truncated() {
    let sidecar = Sidecar::start().await;
    let cases = [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ];
    for answer in cases {
        let mut client = sidecar.connect().await;
        client.ask("GET /", &[]).await;
        let mut backend = sidecar.accept().await;
        backend.head().await;
        backend.send(answer).await;
        client.until("abc").await;
        drop(backend);
        let rest = client.rest().await;
        assert!(!rest.contains("0\r\n"), "{rest:?}");
    }
    assert!(
        sidecar
            .logged("backend broke off")
            .await
            .contains(r#""status":200"#)
    );
}

#[tokio::test]
async fn answers_without_a_body_are_over_with_their_head() {
    let sidecar = Sidecar::start().await;
    let mut client = sidecar.connect().await;
    let mut backend = None;
    for (line, answer, length) in [
        (
            "HEAD /",
            "HTTP/1.1 200 OK\r\nContent-Length: 42\r\n\r\n",
            Some("42"),
        ),
        ("GET /", "HTTP/1.1 204 No Content\r\n\r\n", None),
        (
            "GET /",
            "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n",
            None,
        ),
        (
            "HEAD /",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            None,
        ),
        (
            "GET /",
            "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            Some("0"),
        ),
    ] {
        client.ask(line, &[]).await;
        if backend.is_none() {
            backend = Some(sidecar.accept().await);
        }
        let backend = backend.as_mut().unwrap();
        backend.head().await;
        backend.send(answer).await;
        let head = client.head().await;
        let status = answer
            .split("\r\n")
            .filter(|line| line.starts_with("HTTP/1.1 "))
            .last();
        assert!(head.starts_with(status.unwrap()), "{head}");
        assert_eq!(
            values(&head, "content-length"),
            length.as_slice(),
            "{line}: {head}"
        );
    }
}

#[tokio::test]
async fn trailers_of_an_answer_pass() {
    let sidecar = Sidecar::start().await;
    let mut client = sidecar.connect().await;
    client.ask("GET /", &["TE: trailers"]).await;
    let mut backend = sidecar.accept().await;
    backend.head().await;
    backend
        .send("HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 7\r\n\r\n")
        .await;
    client.until("\r\n0\r\n").await;
    assert_eq!(
        client.until("\r\n\r\n").await.to_lowercase(),
        "x-sum: 7\r\n\r\n"
    );
}

#[tokio::test]
async fn an_answer_before_the_end_of_the_upload_passes_and_spoils_the_connection() {
    let sidecar = Sidecar::start().await;
    let mut client = sidecar.connect().await;
    client.ask("POST /", &["Content-Length: 100"]).await;
    client.send("begun").await;
    let mut backend = sidecar.accept().await;
    backend.head().await;
    backend.exactly(5).await;
    backend.answer("413 Payload Too Large", &[], "no").await;
    assert!(client.head().await.starts_with("HTTP/1.1 413 "));
    client.until("no").await;
    let mut next = sidecar.connect().await;
    next.ask("GET /next", &[]).await;
    assert!(
        sidecar
            .accept()
            .await
            .head()
            .await
            .starts_with("GET /next ")
    );
}
