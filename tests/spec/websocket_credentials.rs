//! What counts as a credential on a WebSocket handshake (interface §3), and how one is refused.

use crate::support::{Backend, Setup, encode, key_of};

#[tokio::test]
async fn a_bad_credential_is_refused_before_the_upgrade_and_the_backend_sees_nothing() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend).key("alice").start().await;
    assert_eq!(sidecar.websocket("/ws").refused().await, 401);
    assert_eq!(sidecar.websocket("/ws").token("nonsense").refused().await, 401);
    assert_eq!(sidecar.websocket("/ws").token("").refused().await, 401);
    assert_eq!(backend.connections(), 0);
}

#[tokio::test]
async fn the_token_parameter_opens_a_socket_and_never_reaches_the_backend() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend).key("alice").start().await;
    let mut chat = sidecar.websocket("/ws?x=1").key("alice").open().await;
    assert!(chat.is_alive().await);
    let seen = backend.only();
    assert_eq!(seen.target(), "/ws?x=1");
    assert_eq!(seen.folded("user_id"), ["alice"]);
    assert!(!seen.everything().contains(&key_of("alice")));
}

#[tokio::test]
async fn headers_open_a_socket_as_well() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend).key("alice").start().await;
    let key = key_of("alice");
    let bearer = sidecar.websocket("/ws").header("Authorization", &format!("Bearer {key}"));
    assert!(bearer.open().await.is_alive().await);
    assert!(sidecar.websocket("/ws").header("X-API-Key", &key).open().await.is_alive().await);
    assert!(backend.seen().iter().all(|seen| !seen.everything().contains(&key)));
}

#[tokio::test]
async fn a_subprotocol_may_carry_the_credential_and_is_never_chosen_nor_forwarded() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend).key("alice").start().await;
    let (key, encoded) = (key_of("alice"), encode(key_of("alice")));
    for offer in
        [format!("bearer, {key}, chat"), format!("chat, base64url.bearer.authorization.{encoded}")]
    {
        let handshake = sidecar.websocket("/ws").header("Sec-WebSocket-Protocol", &offer);
        let (answer, _) = handshake.answer().await;
        assert_eq!(answer.status, 101, "{offer}");
        assert_eq!(answer.header("sec-websocket-protocol"), None);
    }
    for seen in backend.seen() {
        assert_eq!(seen.head.all("sec-websocket-protocol"), ["chat"]);
    }
}

#[tokio::test]
async fn two_different_tokens_are_ambiguous() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend).key("alice").key("bob").start().await;
    let twice = sidecar.websocket("/ws").key("alice").key("bob");
    assert_eq!(twice.refused().await, 400);
    let bearer = format!("Bearer {}", key_of("bob"));
    let mixed = sidecar.websocket("/ws").key("alice").header("Authorization", &bearer);
    assert_eq!(mixed.refused().await, 400);
    assert_eq!(backend.connections(), 0);
}

#[tokio::test]
async fn the_parameter_is_named_after_decoding_and_in_one_case() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend).key("alice").start().await;
    let key = key_of("alice");
    for name in ["Token", "TOKEN", "token[]", "access_token", "xtoken", "token%00"] {
        let target = format!("/ws?{name}={key}");
        assert!([400, 401].contains(&sidecar.websocket(&target).refused().await), "{name}");
    }
    let target = format!("/ws?a=1&%74ok%65n={key}&b=2");
    assert_eq!(sidecar.websocket(&target).answer().await.0.status, 101);
    assert_eq!(backend.only().target(), "/ws?a=1&b=2");
}

#[tokio::test]
async fn a_semicolon_ends_a_parameter_too() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend).key("alice").key("bob").start().await;
    let (alice, bob) = (key_of("alice"), key_of("bob"));
    let twice = format!("/ws?a=1;token={alice}&token={bob}");
    assert_eq!(sidecar.websocket(&twice).refused().await, 400);
    assert_eq!(backend.connections(), 0);
    let once = format!("/ws?a=1;token={alice};b=2");
    assert_eq!(sidecar.websocket(&once).answer().await.0.status, 101);
    assert_eq!(backend.only().target(), "/ws?a=1;b=2");
}

#[tokio::test]
async fn the_rest_of_the_query_stays_byte_for_byte() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend).key("alice").start().await;
    let target = format!("/ws?y=%20+z&&x&token={}&=1&q=%C3%A9%2f", key_of("alice"));
    assert_eq!(sidecar.websocket(&target).answer().await.0.status, 101);
    assert_eq!(backend.only().target(), "/ws?y=%20+z&&x&=1&q=%C3%A9%2f");
}

#[tokio::test]
async fn a_broken_handshake_is_named_by_its_status() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend).key("alice").start().await;
    let handshake = || sidecar.websocket("/ws").key("alice");
    assert_eq!(handshake().header("Sec-WebSocket-Key", "short").refused().await, 400);
    assert_eq!(handshake().header("Sec-WebSocket-Key", "").refused().await, 400);
    let (answer, _) = handshake().header("Sec-WebSocket-Version", "8").answer().await;
    assert_eq!((answer.status, answer.header("sec-websocket-version")), (426, Some("13")));
    assert_eq!(handshake().header("Upgrade", "websocket, h2c").refused().await, 400);
    assert_eq!(handshake().header("Content-Length", "5").refused().await, 400);
    assert_eq!(handshake().header("Transfer-Encoding", "chunked").refused().await, 400);
    assert_eq!(backend.connections(), 0);
}

#[tokio::test]
async fn a_handshake_that_is_a_post_is_malformed() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend).key("alice").start().await;
    let request = sidecar.request("POST", "/ws").key("alice").header("Connection", "Upgrade");
    let request = request.header("Upgrade", "websocket").header("Sec-WebSocket-Version", "13");
    assert_eq!(request.header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==").status().await, 400);
    assert_eq!(backend.connections(), 0);
}

#[tokio::test]
async fn only_pages_of_ours_may_open_a_socket() {
    let backend = Backend::start().await;
    let setup = Setup::before(&backend).key("alice");
    let sidecar = setup.set("websocket", "origins = [\"https://app.example\"]").start().await;
    let of = |origin: &str| sidecar.websocket("/ws").key("alice").header("Origin", origin);
    for origin in [
        "https://evil.example", "null", "https://app.example.evil", "https://chat.example.evil",
        "file://",
    ] {
        assert_eq!(of(origin).refused().await, 403, "{origin}");
    }
    assert_eq!(backend.connections(), 0);
    for origin in ["https://app.example", "https://chat.example"] {
        assert!(of(origin).open().await.is_alive().await, "{origin}");
    }
}

#[tokio::test]
async fn other_upgrades_are_plain_requests() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend).key("alice").start().await;
    for upgrade in ["h2c", "foo", "TLS/1.0"] {
        let request = sidecar.get("/").key("alice").header("Upgrade", upgrade);
        let request = request
            .header("Connection", "Upgrade, HTTP2-Settings")
            .header("HTTP2-Settings", "AAMAAABk");
        assert_eq!(request.status().await, 200, "{upgrade}");
    }
    for seen in backend.seen() {
        assert!(seen.folded("upgrade").is_empty() && seen.folded("http2_settings").is_empty());
    }
}

#[tokio::test]
async fn the_cat_is_shown_its_own_key_and_the_user_in_the_path() {
    let backend = Backend::start().await;
    let sidecar = Setup::cat(&backend).key("alice").start().await;
    let mut chat = sidecar.websocket("/ws/alice?x=1").key("alice").open().await;
    assert!(chat.is_alive().await);
    assert_eq!(
        backend.only().target(),
        format!("/ws/alice?x=1&token={}", crate::support::CAT_WS_KEY)
    );
}

#[tokio::test]
async fn the_cats_refusal_of_a_handshake_is_a_403() {
    let backend = Backend::start().await;
    let sidecar = Setup::cat(&backend).key("alice").start().await;
    let (answer, _) = sidecar.websocket("/ws/alice").token("nonsense").answer().await;
    assert_eq!(answer.status, 403);
    assert_eq!(answer.json()["detail"]["error"], "Invalid Credentials");
    assert_eq!(backend.connections(), 0);
}
