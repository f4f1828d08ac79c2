//! Bodies and streams pass as they come: nothing is held back, nothing is buffered whole.

use std::time::Duration;

use crate::support::{
    Backend, Claims, End, Feed, Script, Setup, Sidecar, in_seconds, key_of, within,
};

async fn sidecar(backend: &Backend) -> Sidecar {
    Setup::before(backend).key("alice").issuer().start().await
}

fn request(method: &str, lines: &str) -> String {
    format!(
        "{method} / HTTP/1.1\r\nHost: chat.example\r\nX-API-Key: {}\r\n{lines}\r\n",
        key_of("alice")
    )
}

#[tokio::test]
async fn events_arrive_one_by_one() {
    let feed = Feed::new();
    let backend = Backend::always(Script::events(&feed)).await;
    let sidecar = sidecar(&backend).await;
    let mut raw = sidecar.raw().await;
    raw.write(request("GET", "")).await;
    assert!(raw.head().await.start().starts_with("HTTP/1.1 200"));
    for event in ["data: one\n\n", "data: two\n\n", "data: three\n\n"] {
        feed.chunk(event);
        assert_eq!(within(Duration::from_secs(1), "the event", raw.chunk()).await, event);
    }
    feed.last_chunk();
    assert_eq!(raw.rest_of_chunks().await, (String::new(), End::Complete));
}

#[tokio::test]
async fn an_upload_is_not_held_back() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let mut raw = sidecar.raw().await;
    raw.write(request("POST", "Transfer-Encoding: chunked\r\n")).await;
    raw.write("3\r\none\r\n").await;
    backend
        .until("the first chunk is there", |seen| {
            seen.first().is_some_and(|seen| seen.body == b"one")
        })
        .await;
    raw.write("3\r\ntwo\r\n0\r\n\r\n").await;
    assert_eq!(raw.answer().await.status, 200);
    assert_eq!(backend.only().body, b"onetwo");
}

#[tokio::test]
async fn a_large_body_passes_both_ways_unchanged() {
    let body: Vec<u8> = (0..8_u32 << 20).map(|at| at.to_le_bytes()[0]).collect();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    let backend = Backend::always(Script::Answer([head.as_bytes(), &body].concat())).await;
    let sidecar = sidecar(&backend).await;
    let answer = sidecar.request("POST", "/").key("alice").body(&body).send().await;
    assert!(answer.body == body && answer.end == End::Complete);
    assert!(backend.only().body == body);
    let answer = sidecar.request("POST", "/").key("alice").body(&body).send_over_http2().await;
    assert!(answer.body == body && answer.end == End::Complete);
}

#[tokio::test]
async fn a_reader_that_stops_stops_the_backend() {
    let feed = Feed::new();
    let backend = Backend::always(Script::events(&feed)).await;
    let sidecar = sidecar(&backend).await;
    let mut raw = sidecar.raw().await;
    raw.write(request("GET", "")).await;
    raw.head().await;
    let before = sidecar.resident_memory();
    for _ in 0..64 {
        feed.chunk(&"x".repeat(1 << 20));
    }
    assert_eq!(raw.chunk().await.chars().next(), Some('x'));
    assert!(sidecar.telemetry("/healthz").await.contains("200"));
    assert!(sidecar.resident_memory() < before + (16 << 20), "buffered");
}

#[tokio::test]
async fn a_client_that_leaves_cancels_the_backends_work() {
    let feed = Feed::new();
    let backend = Backend::always(Script::events(&feed)).await;
    let sidecar = sidecar(&backend).await;
    let mut raw = sidecar.raw().await;
    raw.write(request("GET", "")).await;
    raw.head().await;
    raw.reset();
    within(Duration::from_secs(2), "the backend is told", backend.until_gone()).await;
}

#[tokio::test]
async fn a_client_that_leaves_before_the_answer_cancels_the_backends_work() {
    let backend = Backend::always(Script::Silence).await;
    let sidecar = sidecar(&backend).await;
    let mut raw = sidecar.raw().await;
    raw.write(request("GET", "")).await;
    backend.until("the request is there", |seen| !seen.is_empty()).await;
    raw.reset();
    within(Duration::from_secs(2), "the backend is told", backend.until_gone()).await;
}

#[tokio::test]
async fn an_event_stream_ends_in_order_when_its_token_expires() {
    let feed = Feed::new();
    let backend = Backend::always(Script::events(&feed)).await;
    let sidecar = sidecar(&backend).await;
    let token = Claims::of("alice").with("exp", in_seconds(1)).sign();
    let mut raw = sidecar.raw().await;
    raw.write(sidecar.get("/").bearer(&token).bytes()).await;
    raw.head().await;
    feed.chunk("data: one\n\n");
    let (events, end) = within(Duration::from_secs(4), "the end", raw.rest_of_chunks()).await;
    assert_eq!((events.as_str(), end), ("data: one\n\n", End::Complete));
    backend.until_gone().await;
}

#[tokio::test]
async fn any_other_answer_is_cut_when_its_token_expires() {
    let feed = Feed::new();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n";
    let backend = Backend::always(Script::Feed(head.into(), feed.clone())).await;
    let sidecar = sidecar(&backend).await;
    let token = Claims::of("alice").with("exp", in_seconds(1)).sign();
    let mut raw = sidecar.raw().await;
    raw.write(sidecar.get("/").bearer(&token).bytes()).await;
    raw.head().await;
    feed.chunk("half of it");
    let (text, end) = within(Duration::from_secs(4), "the end", raw.rest_of_chunks()).await;
    assert_eq!((text.as_str(), end), ("half of it", End::Truncated));
}

#[tokio::test]
async fn response_trailers_pass() {
    let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n";
    let backend = Backend::always(Script::answer(answer)).await;
    let sidecar = sidecar(&backend).await;
    let request = sidecar.get("/").key("alice").header("TE", "trailers").header("Connection", "TE");
    assert_eq!(request.send().await.trailers.to_lowercase(), "x-sum: 7\n");
    let answer = sidecar.get("/").key("alice").send_over_http2().await;
    assert_eq!(answer.trailers, "x-sum: 7\n");
}

#[tokio::test]
async fn answers_without_a_body_have_none() {
    for (method, answer) in [
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 5\r\n\r\n"),
    ] {
        let backend = Backend::always(Script::answer(answer)).await;
        let sidecar = sidecar(&backend).await;
        let mut raw = sidecar.raw().await;
        raw.write(request(method, "")).await;
        let first = raw.answer_to(method).await;
        assert_eq!(first.status.to_string(), answer[9..12]);
        raw.write(request(method, "")).await;
        assert_eq!(raw.answer_to(method).await.lasting(), first.lasting(), "out of step");
        let over_http2 = sidecar.request(method, "/").key("alice").send_over_http2().await;
        assert_eq!((over_http2.status, over_http2.end), (first.status, End::Complete));
        assert_eq!(backend.connections(), 1, "it waits for a body");
    }
}

#[tokio::test]
async fn the_length_of_a_head_request_is_the_backends() {
    let backend =
        Backend::always(Script::answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")).await;
    let sidecar = sidecar(&backend).await;
    let answer = sidecar.request("HEAD", "/").key("alice").send().await;
    assert_eq!(answer.header("content-length"), Some("5"));
}

#[tokio::test]
async fn interim_answers_are_dropped() {
    let answer = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let backend = Backend::always(Script::answer(answer)).await;
    let sidecar = sidecar(&backend).await;
    let mut raw = sidecar.raw().await;
    raw.write(request("GET", "")).await;
    assert!(raw.head().await.start().starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn hop_by_hop_headers_of_an_answer_go_no_further() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\nUpgrade: h2c\r\nX-Kept: 2\r\n\r\nok";
    let backend = Backend::always(Script::answer(answer)).await;
    let sidecar = sidecar(&backend).await;
    let answer = sidecar.get("/").key("alice").send().await;
    for name in ["x-hop", "keep-alive", "proxy-connection", "upgrade"] {
        assert_eq!(answer.header(name), None, "{name}");
    }
    assert_eq!(answer.header("x-kept"), Some("2"));
    assert_eq!(sidecar.get("/").key("alice").send_over_http2().await.status, 200);
}

#[tokio::test]
async fn an_answer_may_have_256_headers() {
    for (cookies, status) in [(255, 200), (256, 502)] {
        let lines: String =
            (0..cookies).map(|number| format!("Set-Cookie: c{number}=1\r\n")).collect();
        let answer = format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: 2\r\n\r\nok");
        let backend = Backend::always(Script::answer(answer)).await;
        let sidecar = sidecar(&backend).await;
        let answer = sidecar.get("/").key("alice").send().await;
        assert_eq!(answer.status, status);
        let passed = if status == 200 { cookies } else { 0 };
        assert_eq!(answer.head.all("set-cookie").len(), passed);
    }
}

#[tokio::test]
async fn a_redirect_to_the_backend_comes_back_as_the_public_origin() {
    let play = |seen: &crate::support::Seen| {
        let host = seen.head.field("host").unwrap().to_owned();
        let to = if seen.target() == "/users" {
            format!("http://{host}/users/")
        } else {
            "https://other.example/".to_owned()
        };
        Script::answer(format!(
            "HTTP/1.1 307 Temporary Redirect\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"
        ))
    };
    let backend = Backend::playing(play).await;
    let sidecar = sidecar(&backend).await;
    let answer = sidecar.get("/users").key("alice").send().await;
    assert_eq!(answer.header("location"), Some("https://chat.example/users/"));
    let answer = sidecar.get("/elsewhere").key("alice").send().await;
    assert_eq!(answer.header("location"), Some("https://other.example/"));
}

#[tokio::test]
async fn a_unix_socket_and_tls_lead_to_the_backend_too() {
    let dir = tempfile::tempdir().unwrap();
    let backend = Backend::on_unix(&dir.path().join("chat.sock"));
    let sidecar = Setup::before(&backend).key("alice").start().await;
    assert_eq!(sidecar.get("/").key("alice").status().await, 200);
    assert!(sidecar.websocket("/ws").key("alice").open().await.is_alive().await);
    let authority = crate::support::Authority::new();
    let backend = Backend::over_tls(&authority).await;
    let setup = Setup::before(&backend).key("alice").file("backend-ca.pem", &authority.pem());
    let sidecar = setup.set("backend", "ca_file = \"backend-ca.pem\"").start().await;
    assert_eq!(sidecar.get("/").key("alice").status().await, 200);
    assert!(sidecar.websocket("/ws").key("alice").open().await.is_alive().await);
}
