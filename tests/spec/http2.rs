//! HTTP/2 from clients, HTTP/1.1 to the backend (RFC 9113 §8): the same gate, one well-formed
//! request or none.

use crate::support::{Backend, Claims, Feed, Script, Setup, Sidecar, eventually};

/// The error code for a peer that costs too much (RFC 9113 §7).
const ENHANCE_YOUR_CALM: u32 = 11;

async fn sidecar(backend: &Backend) -> Sidecar {
    Setup::before(backend).key("alice").issuer().start().await
}

#[tokio::test]
async fn a_request_is_answered() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let request =
        sidecar.request("POST", "/a?b=c").key("alice").header("X-Own", "kept").body("hello");
    let answer = request.send_over_http2().await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "ok"));
    let seen = backend.only();
    assert_eq!((seen.head.start(), &seen.body[..]), ("POST /a?b=c HTTP/1.1", &b"hello"[..]));
    assert_eq!((seen.folded("user_id"), seen.head.field("x-own")), (vec!["alice"], Some("kept")));
    assert_eq!(seen.folded("x_forwarded_proto"), ["https"]);
}

#[tokio::test]
async fn a_bad_credential_is_refused() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    assert_eq!(sidecar.get("/").send_over_http2().await.status, 401);
    assert_eq!(sidecar.get("/").bearer("nonsense").send_over_http2().await.status, 401);
    let token = Claims::of("alice").sign();
    assert_eq!(sidecar.get("/").bearer(&token).send_over_http2().await.status, 200);
    assert_eq!(backend.seen().len(), 1);
}

#[tokio::test]
async fn the_host_is_the_authority() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    assert_eq!(sidecar.get("https://localhost/").key("alice").send_over_http2().await.status, 200);
    assert_eq!(backend.only().head.field("x-forwarded-host"), Some("localhost"));
    assert_eq!(
        sidecar.get("https://evil.example/").key("alice").send_over_http2().await.status,
        421
    );
    assert_eq!(
        sidecar.get("https://user@chat.example/").key("alice").send_over_http2().await.status,
        400
    );
    assert_eq!(backend.seen().len(), 1);
}

#[tokio::test]
async fn another_scheme_is_refused() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    for scheme in ["ftp", "ws", "httpss"] {
        let request = sidecar.get(&format!("{scheme}://chat.example/")).key("alice");
        assert_eq!(request.send_over_http2().await.status, 400, "{scheme}");
    }
    assert!(backend.seen().is_empty());
}

#[tokio::test]
async fn a_host_that_contradicts_the_authority_is_refused() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let contradicted = sidecar.get("/").key("alice").header("host", "evil.example");
    assert_eq!(contradicted.send_over_http2().await.status, 400);
    let twice =
        sidecar.get("/").key("alice").header("host", "chat.example").header("host", "evil.example");
    assert_eq!(twice.send_over_http2().await.status, 400);
    let agreed = sidecar.get("/").key("alice").header("host", "chat.example");
    assert_eq!(agreed.send_over_http2().await.status, 200);
}

#[tokio::test]
async fn cookies_in_pieces_become_one() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let request = sidecar.get("/").key("alice").header("cookie", "a=1").header("cookie", "b=2");
    assert_eq!(request.header("cookie", "c=3").send_over_http2().await.status, 200);
    assert_eq!(backend.only().head.all("cookie"), ["a=1; b=2; c=3"]);
}

#[tokio::test]
async fn a_value_with_blanks_around_it_is_refused() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    for value in [" x", "x ", "\tx", " "] {
        let request = sidecar.get("/").key("alice").header("x-own", value);
        assert_eq!(request.send_over_http2().await.status, 400, "{value:?}");
    }
    assert!(backend.seen().is_empty());
}

#[tokio::test]
async fn path_tricks_are_refused() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    for target in ["/a//b", "/a/../b", "/a%2fb", "/%2e%2e/a", "/a%00", "/a;b", "/a%zz"] {
        let request = sidecar.get(target).key("alice");
        assert_eq!(request.send_over_http2().await.status, 400, "{target}");
    }
    assert_eq!(sidecar.request("TRACE", "/").key("alice").send_over_http2().await.status, 405);
    assert!(backend.seen().is_empty());
}

#[tokio::test]
async fn a_websocket_asked_for_over_http2_is_a_plain_request_or_none() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let request = sidecar.request("CONNECT", "/ws").key("alice");
    let status = request.send_over_http2().await.status;
    assert!([0, 400, 405].contains(&status), "{status}");
    assert!(backend.seen().is_empty());
}

#[tokio::test]
async fn many_requests_share_a_connection() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let client = sidecar.http2().await;
    let statuses = client.get_many("/", "alice", 200).await;
    assert!(statuses.iter().all(|&status| status == 200), "{statuses:?}");
    assert_eq!(sidecar.metric("doorward_connections_total").await, Some(1.0));
}

#[tokio::test]
async fn a_stream_that_is_reset_cancels_the_backends_work() {
    let backend = Backend::always(Script::events(&Feed::new())).await;
    let sidecar = sidecar(&backend).await;
    let mut client = sidecar.http2().await;
    client.get_and_reset("/", "alice").await;
    backend.until_gone().await;
}

#[tokio::test]
async fn a_client_that_only_resets_is_sent_away() {
    let backend = Backend::always(Script::Silence).await;
    let sidecar = sidecar(&backend).await;
    let mut client = sidecar.http2().await;
    let sent_away = async || client.reset_in_bulk("/", "alice", 100).await;
    eventually("it is sent away", sent_away).await;
    assert!(sidecar.telemetry("/healthz").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_client_that_makes_us_reset_is_sent_away() {
    let backend = Backend::always(Script::Silence).await;
    let sidecar = sidecar(&backend).await;
    let mut client = sidecar.http2_frames().await;
    for stream in (1..128).step_by(2) {
        client.get(stream, "/", "alice").await;
        client.widen_too_far(stream).await;
    }
    client.go_on(512).await;
    assert_eq!(client.sent_away().await, Some(ENHANCE_YOUR_CALM));
}
