//! A body that nobody wants costs its client neither the answer nor, if it is small, the
//! connection (RFC 9112 §9.3, §9.6).

use serde_json::Value;

use crate::support::{Backend, Raw, Script, Setup, Sidecar, eventually};

const MEGABYTE: usize = 1 << 20;

async fn sidecar(backend: &Backend) -> Sidecar {
    Setup::before(backend).key("alice").start().await
}

async fn limited(backend: &Backend, limit: &str) -> Sidecar {
    Setup::before(backend).key("alice").set("limits", limit).start().await
}

/// The next request on the same connection is answered as any other.
async fn is_kept(raw: &mut Raw, sidecar: &Sidecar) -> bool {
    raw.write(sidecar.get("/next").key("alice").bytes()).await;
    raw.answer_or_close().await.is_some_and(|answer| answer.status == 200)
}

#[tokio::test]
async fn a_small_body_that_comes_after_its_refusal_is_skipped() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let hidden = sidecar.get("/hidden").key("alice").bytes();
    for body in [b"x".to_vec(), hidden, vec![b'x'; 64 * 1024]] {
        let mut raw = sidecar.raw().await;
        let length = body.len().to_string();
        raw.write(sidecar.request("POST", "/").header("Content-Length", &length).bytes()).await;
        let answer = raw.answer().await;
        assert_eq!((answer.status, answer.header("connection")), (401, None));
        raw.write(body).await;
        assert!(is_kept(&mut raw, &sidecar).await, "{length}");
    }
    assert!(backend.seen().iter().all(|seen| seen.target() == "/next"));
}

#[tokio::test]
async fn a_skipped_body_is_no_head_that_never_ends() {
    let backend = Backend::start().await;
    let sidecar = limited(&backend, "header_timeout = \"1s\"").await;
    let mut raw = sidecar.raw().await;
    raw.write(sidecar.request("POST", "/").header("Content-Length", "1").bytes()).await;
    assert_eq!(raw.answer().await.status, 401);
    raw.write("x").await;
    let mut clock = sidecar.raw().await;
    clock.write("GET").await;
    assert!(clock.answer_or_close().await.is_none_or(|answer| answer.status == 408));
    assert!(is_kept(&mut raw, &sidecar).await);
}

#[tokio::test]
async fn a_connection_that_is_the_clients_last_waits_for_no_body() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    for (version, more) in [("1.1", "Connection: x, Close\r\n"), ("1.0", "")] {
        let mut raw = sidecar.raw().await;
        let head = format!("POST / HTTP/{version}\r\nHost: chat.example\r\n{more}");
        raw.write(format!("{head}Content-Length: 5\r\n\r\n")).await;
        assert_eq!(raw.answer().await.status, 401);
        assert!(raw.until_closed().await.is_empty(), "{version}");
    }
}

#[tokio::test]
async fn a_malformed_request_is_not_waited_for() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let mut raw = sidecar.raw().await;
    let lines = "Host: chat.example\r\nHost: chat.example\r\nContent-Length: 5\r\n";
    raw.write(format!("POST / HTTP/1.1\r\n{lines}\r\n")).await;
    let answer = raw.answer().await;
    assert_eq!((answer.status, answer.header("connection")), (400, Some("close")));
    assert!(raw.until_closed().await.is_empty());
}

#[tokio::test]
async fn who_fell_silent_is_not_waited_for_again() {
    let backend = Backend::start().await;
    let sidecar = limited(&backend, "body_gap = \"1s\"").await;
    let mut raw = sidecar.raw().await;
    let post = sidecar.request("POST", "/").key("alice").header("Content-Length", "5");
    raw.write([&post.bytes(), &b"x"[..]].concat()).await;
    let answer = raw.answer().await;
    assert_eq!((answer.status, answer.header("connection")), (408, Some("close")));
    assert!(raw.until_closed().await.is_empty());
}

#[tokio::test]
async fn an_early_error_of_the_backend_ends_a_long_upload_only() {
    let early = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n";
    let backend = Backend::playing(move |seen| match seen.target() {
        "/early" => Script::Early(early.into()),
        _ => Script::Usual,
    })
    .await;
    let sidecar = sidecar(&backend).await;
    for (name, value, connection) in [
        ("Content-Length", "1", None),
        ("Content-Length", "500000", Some("close")),
        ("Transfer-Encoding", "chunked", Some("close")),
    ] {
        let mut raw = sidecar.raw().await;
        let post = sidecar.request("POST", "/early").key("alice").header(name, value);
        raw.write(post.bytes()).await;
        let answer = raw.answer().await;
        assert_eq!((answer.status, answer.header("connection")), (413, connection), "{value}");
        if connection.is_none() {
            raw.write("x").await;
            assert!(is_kept(&mut raw, &sidecar).await);
        }
    }
}

#[tokio::test]
async fn who_trickles_on_after_an_unreadable_head_is_recorded() {
    let backend = Backend::start().await;
    let sidecar = limited(&backend, "header_timeout = \"1s\"").await;
    let mut raw = sidecar.raw().await;
    raw.write("GET / HTTP/1.1\r\nHost : x\r\n\r\n").await;
    assert_eq!(raw.answer().await.status, 400);
    let trickle = async {
        loop {
            raw.write("x").await;
            sidecar.telemetry("/healthz").await;
        }
    };
    let is_it = |record: &Value| record["reason"] == "unreadable head";
    tokio::select! {
        () = trickle => {}
        _ = sidecar.record("the refusal", is_it) => {}
    }
}

#[tokio::test]
async fn a_body_that_comes_after_the_backend_failed_is_skipped() {
    let backend = Backend::playing(|seen| match seen.target() {
        "/early" => Script::Early(b"garbage\r\n\r\n".to_vec()),
        _ => Script::Usual,
    })
    .await;
    let sidecar = sidecar(&backend).await;
    let mut raw = sidecar.raw().await;
    let early = sidecar.request("POST", "/early").key("alice").header("Content-Length", "1");
    raw.write(early.bytes()).await;
    let answer = raw.answer().await;
    assert_eq!((answer.status, answer.header("connection")), (502, None));
    raw.write("x").await;
    assert!(is_kept(&mut raw, &sidecar).await);
}

#[tokio::test]
async fn a_client_is_told_when_its_body_ends_the_connection() {
    let backend = Backend::always(Script::Early(b"garbage\r\n\r\n".to_vec())).await;
    let sidecar = sidecar(&backend).await;
    for (name, value) in [("Content-Length", "65537"), ("Transfer-Encoding", "chunked")] {
        for (key, status) in [("mallory", 401), ("alice", 502)] {
            let mut raw = sidecar.raw().await;
            let post = sidecar.request("POST", "/").key(key).header(name, value);
            raw.write(post.bytes()).await;
            let answer = raw.answer().await;
            let told = (answer.status, answer.header("connection"));
            assert_eq!(told, (status, Some("close")), "{value}");
            assert!(raw.answer_or_close().await.is_none());
        }
    }
}

#[tokio::test]
async fn a_client_that_waits_to_be_told_to_send_is_told_that_it_is_over() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let mut raw = sidecar.raw().await;
    let post = sidecar.request("POST", "/").header("Expect", "100-continue");
    raw.write(post.header("Content-Length", "1").bytes()).await;
    let head = raw.head().await;
    assert!(head.start().starts_with("HTTP/1.1 401"), "{head:?}");
    assert_eq!(head.field("connection"), Some("close"));
}

#[tokio::test]
async fn who_has_sent_a_large_body_still_reads_why_it_is_refused() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    for protocol in ["Content-Length", "Transfer-Encoding"] {
        let body = vec![b'x'; 8 * MEGABYTE];
        let mut bytes = match protocol {
            "Content-Length" => sidecar.request("POST", "/").body(&body).bytes(),
            _ => sidecar.request("POST", "/").header(protocol, "chunked").bytes(),
        };
        if protocol == "Transfer-Encoding" {
            bytes.extend(format!("{:x}\r\n", body.len()).bytes().chain(body));
            bytes.extend(b"\r\n0\r\n\r\n");
        }
        let mut raw = sidecar.raw().await;
        raw.write_all(bytes).await;
        assert_eq!(raw.answer_or_close().await.map(|answer| answer.status), Some(401));
    }
    assert!(backend.seen().is_empty());
}

#[tokio::test]
async fn who_sends_on_after_an_unreadable_head_still_reads_why() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    for (head, status) in [
        ("GET / HTTP/1.1\r\nHost : x\r\n\r\n".to_owned(), 400),
        (format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(MEGABYTE)), 431),
    ] {
        let mut raw = sidecar.raw().await;
        raw.write_all([head.as_bytes(), &vec![b'x'; 8 * MEGABYTE]].concat()).await;
        assert_eq!(raw.answer_or_close().await.map(|answer| answer.status), Some(status));
    }
}

#[tokio::test]
async fn a_connection_that_was_ended_is_not_kept_for_a_client_that_says_nothing() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let mut raw = sidecar.raw().await;
    raw.write(sidecar.request("POST", "/").header("Content-Length", "65537").bytes()).await;
    assert_eq!(raw.answer().await.status, 401);
    assert!(raw.until_closed().await.is_empty());
    let open = async || {
        let page = sidecar.telemetry("/metrics").await;
        let open = page.lines().filter(|line| line.starts_with("doorward_connections_open{"));
        open.clone().count() > 0 && open.into_iter().all(|line| line.ends_with(" 0"))
    };
    eventually("the connection is let go", open).await;
    drop(raw);
}

#[tokio::test]
async fn no_reset_follows_an_answer_over_http2_while_a_short_body_is_on_its_way() {
    let backend = Backend::start().await;
    let setup = Setup::before(&backend).key("alice").route("/closed", "access = \"deny\"");
    let sidecar = setup.start().await;
    let mut client = sidecar.http2_frames().await;
    for stream in [1, 3, 5] {
        client.get(stream, "/closed", "alice").await;
        client.answered(stream).await;
        assert!(!client.is_reset(stream).await);
        client.finish(stream).await;
        assert!(!client.is_reset(stream).await);
    }
    assert_eq!(client.sent_away().await, None);
}

#[tokio::test]
async fn a_body_over_http2_that_does_not_end_is_not_awaited_for_ever() {
    const NO_ERROR: u32 = 0;
    let backend = Backend::start().await;
    let setup = Setup::before(&backend).key("alice").route("/closed", "access = \"deny\"");
    let sidecar = setup.start().await;
    let mut client = sidecar.http2_frames().await;
    client.get(1, "/closed", "alice").await;
    client.answered(1).await;
    assert_eq!(client.reset(1).await, NO_ERROR);
}
