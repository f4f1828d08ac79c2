//! One request in, at most one request out, re-serialised by us (RFC 9112): what could be read in
//! two ways is refused, and nothing of it reaches the backend.

use crate::support::{Backend, End, Seen, Setup, Sidecar, key_of};

async fn sidecar(backend: &Backend) -> Sidecar {
    Setup::before(backend).key("alice").start().await
}

/// Sends a POST with these header lines and whatever follows, and reads the first answer.
async fn post(sidecar: &Sidecar, lines: &str, rest: &str) -> Option<u16> {
    send(sidecar, "POST / HTTP/1.1", &format!("Host: chat.example\r\n{lines}"), rest).await
}

/// The status of the first answer to these bytes, if there is one before the connection closes.
async fn send(sidecar: &Sidecar, start: &str, lines: &str, rest: &str) -> Option<u16> {
    let mut raw = sidecar.raw().await;
    let key = key_of("alice");
    raw.write(format!("{start}\r\nX-API-Key: {key}\r\n{lines}\r\n{rest}")).await;
    raw.answer_or_close().await.map(|answer| answer.status)
}

#[tokio::test]
async fn a_transfer_coding_other_than_chunked_is_refused() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    for coding in [
        "gzip, chunked", "chunked, chunked", ",chunked", "chunked,", "identity", "xchunked",
        "chunked\x0b", "\x0cchunked", "chunked, identity", "\"chunked\"", "chunked;q=1",
        "chunked\r\nTransfer-Encoding: chunked",
    ] {
        let line = format!("Transfer-Encoding: {coding}\r\n");
        let status = post(&sidecar, &line, "2\r\nhi\r\n0\r\n\r\n").await;
        assert_eq!(status, Some(400), "{coding:?}");
    }
    assert!(backend.seen().is_empty());
}

#[tokio::test]
async fn what_is_malformed_is_the_last_of_its_connection() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    for (lines, body) in [
        ("Transfer-Encoding: ,chunked\r\n", "0\r\n\r\n"),
        ("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"),
        ("Host: other.example\r\n", ""),
    ] {
        let mut raw = sidecar.raw().await;
        let start =
            format!("POST / HTTP/1.1\r\nHost: chat.example\r\nX-API-Key: {}\r\n", key_of("alice"));
        raw.write(format!("{start}{lines}\r\n{body}")).await;
        let answer = raw.answer().await;
        assert_eq!((answer.status, answer.header("connection")), (400, Some("close")));
        assert!(raw.answer_or_close().await.is_none());
    }
    assert!(backend.seen().is_empty());
}

#[tokio::test]
async fn chunks_are_unknown_to_http_1_0() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let lines = "Host: chat.example\r\nTransfer-Encoding: chunked\r\n";
    assert_eq!(send(&sidecar, "POST / HTTP/1.0", lines, "0\r\n\r\n").await, Some(400));
    assert!(backend.seen().is_empty());
}

#[tokio::test]
async fn a_length_that_is_none_is_refused() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    for length in
        ["+3", "0x3", "3_", "", "-1", "18446744073709551616", "3, 4", "3 3", "3;", "three"]
    {
        let status = post(&sidecar, &format!("Content-Length: {length}\r\n"), "abc").await;
        assert_eq!(status, Some(400), "{length:?}");
    }
    assert_eq!(
        post(&sidecar, "Content-Length: 3\r\nContent-Length: 4\r\n", "abc").await,
        Some(400)
    );
    assert!(backend.seen().is_empty());
}

#[tokio::test]
async fn a_length_in_another_spelling_is_refused_or_made_canonical() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    for lines in ["Content-Length: 003\r\n", "Content-Length: 3\r\nContent-Length: 3\r\n"] {
        if post(&sidecar, lines, "abc").await != Some(400) {
            let seen = backend.seen().pop().unwrap();
            assert_eq!(seen.head.all("content-length"), ["3"]);
            assert_eq!(seen.body, b"abc");
        }
    }
}

#[tokio::test]
async fn a_length_beside_chunks_smuggles_nothing() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    for (one, other) in
        [("Content-Length", "Transfer-Encoding"), ("Transfer-Encoding", "Content-Length")]
    {
        let value = |name| if name == "Content-Length" { "4" } else { "chunked" };
        let doubtful = sidecar.request("POST", "/").key("alice").header(one, value(one));
        let hidden = sidecar.get("/hidden").key("alice").bytes();
        let mut raw = sidecar.raw().await;
        raw.write(doubtful.header(other, value(other)).bytes()).await;
        raw.write([b"0\r\n\r\n", &hidden[..]].concat()).await;
        let answers =
            String::from_utf8_lossy(&raw.until_closed().await).matches("HTTP/1.1 ").count();
        assert_eq!(answers, 1, "the connection is closed after the doubtful request");
    }
    assert!(backend.seen().iter().all(|seen| seen.target() == "/" && framings(seen) <= 1));
}

/// How often the length of the body is said.
fn framings(seen: &Seen) -> usize {
    seen.folded("content_length").len() + seen.folded("transfer_encoding").len()
}

#[tokio::test]
async fn a_body_on_any_method_is_framed_on() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let hidden = "GET /hidden HTTP/1.1\r\n\r\n";
    let (length, chunks) =
        (hidden.len().to_string(), format!("{:x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len()));
    for method in ["GET", "OPTIONS", "DELETE", "PUT"] {
        for (name, value, body) in
            [("Content-Length", length.as_str(), hidden), ("Transfer-Encoding", "chunked", &chunks)]
        {
            let mut raw = sidecar.raw().await;
            raw.write(sidecar.request(method, "/").key("alice").header(name, value).bytes()).await;
            raw.write(body).await;
            assert_eq!(raw.answer().await.status, 200, "{method} {name}");
        }
    }
    let all = backend.seen();
    assert!(
        all.len() == 8
            && all.iter().all(|seen| seen.target() == "/" && seen.body == hidden.as_bytes())
    );
}

#[tokio::test]
async fn a_malformed_chunk_is_the_clients_fault() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    for chunk in [
        "0x3\r\nabc\r\n", "+3\r\nabc\r\n", "3_\r\nabc\r\n", "\r\nabc\r\n",
        "11111111111111111\r\nabc", "3\nabc\n", "3;a\rb\r\nabc\r\n", "3\r\nabcd\r\n",
        "g\r\nabc\r\n", "-1\r\nabc\r\n", "3\r\nabc0\r\n\r\n",
    ] {
        let status =
            post(&sidecar, "Transfer-Encoding: chunked\r\n", &format!("{chunk}0\r\n\r\n")).await;
        assert_eq!(status, Some(400), "{chunk:?}");
    }
    let aborted = |seen: &[Seen]| seen.iter().all(|seen| seen.end == End::Truncated);
    backend.until("the upstream requests are aborted", aborted).await;
}

#[tokio::test]
async fn a_malformed_head_is_refused() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    for line in [
        "X-A : 1", ": 1", "X-A", "X-A: 1\r\n folded", "X-A: a\0b", "X-A: a\rb", "X(A): 1",
        " X-A: 1", "X-A\u{1}: 1",
    ] {
        let status = post(&sidecar, &format!("{line}\r\n"), "").await;
        assert_eq!(status, Some(400), "{line:?}");
    }
    assert!(backend.seen().is_empty());
}

#[tokio::test]
async fn bare_line_feeds_are_refused_or_made_proper() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let mut raw = sidecar.raw().await;
    raw.write(format!("GET /a HTTP/1.1\nHost: chat.example\nX-API-Key: {}\n\n", key_of("alice")))
        .await;
    if raw.answer().await.status != 400 {
        let seen = backend.only();
        assert!(!seen.head.text.replace("\r\n", "").contains('\n'));
        assert_eq!(seen.target(), "/a");
    }
}

#[tokio::test]
async fn a_request_names_one_host() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    for hosts in [
        "", "Host: chat.example\r\nHost: chat.example\r\n", "Host: chat.example\r\nHost: evil\r\n",
        "Host: chat.example, evil\r\n", "Host: user@chat.example\r\n",
        "Host: chat.example@evil\r\n", "Host: chat.example/x\r\n", "Host: \r\n",
        "Host: chat.example:x\r\n",
    ] {
        let status = send(&sidecar, "GET / HTTP/1.1", hosts, "").await;
        assert_eq!(status, Some(400), "{hosts:?}");
    }
    assert!(backend.seen().is_empty());
}

#[tokio::test]
async fn a_target_in_absolute_form_agrees_with_its_host() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let of = async |target: &str, host: &str| {
        send(&sidecar, &format!("GET {target} HTTP/1.1"), &format!("Host: {host}\r\n"), "").await
    };
    let status = of("http://evil.example/a", "chat.example").await;
    assert!([Some(400), Some(421)].contains(&status), "{status:?}");
    assert!(backend.seen().is_empty());
    assert_eq!(of("https://chat.example?b", "chat.example").await, Some(400), "no path");
    assert!(backend.seen().is_empty());
    assert_eq!(of("https://chat.example/a?b", "chat.example").await, Some(200));
    assert_eq!(backend.only().target(), "/a?b");
}

#[tokio::test]
async fn a_target_that_is_no_path_is_refused() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    for target in
        ["a", "?x", "/\u{e9}", "/?\u{e9}", "/a b", "*", "chat.example", "//", "/a\tb", "/a\"<>"]
    {
        let status =
            send(&sidecar, &format!("GET {target} HTTP/1.1"), "Host: chat.example\r\n", "").await;
        assert_eq!(status, Some(400), "{target:?}");
    }
    assert!(backend.seen().is_empty());
}

#[tokio::test]
async fn a_fragment_goes_no_further() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    // hyper cuts it before anyone sees it.
    if send(&sidecar, "GET /a#f HTTP/1.1", "Host: chat.example\r\n", "").await != Some(400) {
        assert_eq!(backend.only().target(), "/a");
    }
}

#[tokio::test]
async fn only_the_usual_expectation_is_met() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    for expectation in ["y", "y, 100-continue", "100-continue, y", "200-ok"] {
        let status =
            post(&sidecar, &format!("Expect: {expectation}\r\nContent-Length: 2\r\n"), "hi").await;
        assert_eq!(status, Some(417), "{expectation}");
    }
    assert!(backend.seen().is_empty());
}

#[tokio::test]
async fn a_client_is_told_to_go_on_only_when_it_may() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let mut raw = sidecar.raw().await;
    let head =
        "POST / HTTP/1.1\r\nHost: chat.example\r\nExpect: 100-continue\r\nContent-Length: 2\r\n";
    raw.write(format!("{head}\r\n")).await;
    assert!(raw.head().await.start().starts_with("HTTP/1.1 401"));
    let mut raw = sidecar.raw().await;
    raw.write(format!("{head}X-API-Key: {}\r\n\r\n", key_of("alice"))).await;
    assert!(raw.head().await.start().starts_with("HTTP/1.1 100"));
    raw.write("hi").await;
    assert_eq!(raw.answer().await.status, 200);
    assert_eq!(backend.only().body, b"hi");
}

#[tokio::test]
async fn a_refused_body_is_not_the_next_request() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let hidden = sidecar.get("/hidden").key("alice").bytes();
    let mut raw = sidecar.raw().await;
    raw.write(sidecar.request("POST", "/").body(hidden).bytes()).await;
    assert_eq!(raw.answer().await.status, 401);
    raw.write(sidecar.get("/next").bytes()).await;
    if let Some(answer) = raw.answer_or_close().await {
        assert_eq!(answer.status, 401);
    }
    assert_eq!(backend.connections(), 0);
}

#[tokio::test]
async fn http2_in_clear_is_not_spoken_on_a_connection_for_http1() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let mut raw = sidecar.raw().await;
    raw.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await;
    let answer = raw.until_closed().await;
    assert!(
        answer.is_empty()
            || answer.starts_with(b"HTTP/1.1 4")
            || answer.starts_with(b"HTTP/1.1 505")
    );
    assert!(backend.seen().is_empty());
}
