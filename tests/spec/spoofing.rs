//! Whatever a client claims about who it is, the backend hears it from us alone (promise 2).

use crate::support::{Backend, Claims, Seen, Setup, Sidecar, key_of};

const SPELLINGS: [&str; 9] = [
    "user_id", "User_Id", "USER_ID", "user-id", "User-Id", "USER-ID", "uSeR-iD", "X-User-Id",
    "Remote-User",
];

/// A sidecar with a route for everybody, one for anybody with a name of ours, and one for alice.
async fn sidecar(backend: &Backend) -> Sidecar {
    Setup::before(backend)
        .key("alice")
        .issuer()
        .route("/open", "access = \"open\"")
        .route("/visit", "access = \"anonymous\"")
        .start()
        .await
}

fn claims_of(seen: &Seen) -> Vec<&str> {
    let names = ["user_id", "x_user_id", "remote_user", "x_user", "x_remote_user"];
    names.iter().flat_map(|name| seen.folded(name)).collect()
}

#[tokio::test]
async fn a_claimed_identity_is_replaced_in_every_spelling() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    for name in SPELLINGS {
        let request = sidecar.get("/").bearer(&Claims::of("alice").sign()).header(name, "evil");
        assert_eq!(request.status().await, 200, "{name}");
    }
    for seen in backend.seen() {
        assert_eq!(claims_of(&seen), ["alice"], "{seen:?}");
    }
}

#[tokio::test]
async fn a_claimed_identity_is_replaced_in_all_spellings_at_once() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let mut request = sidecar.get("/").key("alice");
    for name in SPELLINGS {
        request = request.header(name, "evil").header(name, "worse");
    }
    assert_eq!(request.status().await, 200);
    assert_eq!(claims_of(&backend.only()), ["alice"]);
}

#[tokio::test]
async fn a_claimed_identity_is_replaced_over_http2() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    for name in SPELLINGS {
        let request = sidecar.get("/").key("alice").header(name, "evil").header(name, "worse");
        assert_eq!(request.send_over_http2().await.status, 200, "{name}");
    }
    for seen in backend.seen() {
        assert_eq!(claims_of(&seen), ["alice"], "{seen:?}");
    }
}

#[tokio::test]
async fn a_claimed_identity_is_dropped_on_open_routes() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    for name in SPELLINGS {
        assert_eq!(sidecar.get("/open").header(name, "evil").status().await, 200);
        assert_eq!(sidecar.get("/open").header(name, "evil").send_over_http2().await.status, 200);
    }
    for seen in backend.seen() {
        assert!(claims_of(&seen).is_empty(), "{seen:?}");
    }
}

#[tokio::test]
async fn a_claimed_identity_is_not_a_visitors() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    for name in SPELLINGS {
        assert_eq!(sidecar.get("/visit").header(name, "evil").status().await, 200);
    }
    for seen in backend.seen() {
        let [only] = claims_of(&seen)[..] else { panic!("{seen:?}") };
        assert!(only.starts_with("anon-"), "{only}");
    }
}

#[tokio::test]
async fn a_claimed_identity_is_replaced_on_a_handshake() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    for name in SPELLINGS {
        let handshake = sidecar.websocket("/ws").key("alice").header(name, "evil");
        assert_eq!(handshake.answer().await.0.status, 101, "{name}");
    }
    for seen in backend.seen() {
        assert_eq!(claims_of(&seen), ["alice"], "{seen:?}");
    }
}

#[tokio::test]
async fn the_verified_identity_cannot_be_nominated_away() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    for nomination in
        ["close, user_id", "user_id", "keep-alive, User-Id, x-request-id, x-forwarded-for"]
    {
        let request = sidecar.get("/").key("alice").header("Connection", nomination);
        assert_eq!(request.header("user_id", "evil").status().await, 200, "{nomination}");
    }
    for seen in backend.seen() {
        assert_eq!(claims_of(&seen), ["alice"], "{seen:?}");
        assert!(
            seen.head.all("connection").iter().all(|value| !value.to_lowercase().contains("user"))
        );
        assert_eq!(seen.head.all("x-forwarded-for"), ["127.0.0.1"]);
    }
}

#[tokio::test]
async fn the_verified_identity_cannot_be_nominated_away_on_a_handshake() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let handshake = sidecar.websocket("/ws").key("alice").header("Connection", "Upgrade, user_id");
    assert_eq!(handshake.header("user_id", "evil").answer().await.0.status, 101);
    let seen = backend.only();
    assert_eq!(claims_of(&seen), ["alice"]);
    assert_eq!(seen.head.field("connection").map(str::to_lowercase).as_deref(), Some("upgrade"));
}

#[tokio::test]
async fn nominated_headers_go_no_further() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let request = sidecar.get("/").key("alice").header("Connection", "keep-alive, X-Secret");
    let request =
        request.header("Connection", "x-other").header("X-Secret", "1").header("X-Other", "2");
    let request =
        request.header("Keep-Alive", "5").header("Proxy-Connection", "x").header("TE", "trailers");
    assert_eq!(request.header("X-Kept", "3").status().await, 200);
    let seen = backend.only();
    for name in ["x_secret", "x_other", "keep_alive", "proxy_connection", "te"] {
        assert!(seen.folded(name).is_empty(), "{name}: {seen:?}");
    }
    assert_eq!(seen.head.field("x-kept"), Some("3"));
}

#[tokio::test]
async fn an_identity_in_the_trailers_is_dropped() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let mut raw = sidecar.raw().await;
    let head =
        format!("POST / HTTP/1.1\r\nHost: chat.example\r\nX-API-Key: {}\r\n", key_of("alice"));
    raw.write(format!("{head}Trailer: user_id\r\nTransfer-Encoding: chunked\r\n\r\n")).await;
    raw.write("2\r\nhi\r\n0\r\nuser_id: evil\r\nuser-id: evil\r\n\r\n").await;
    assert_eq!(raw.answer().await.status, 200);
    let seen = backend.only();
    assert_eq!((claims_of(&seen), &seen.body[..]), (vec!["alice"], &b"hi"[..]));
    assert_eq!((seen.trailers.as_str(), seen.folded("trailer")), ("", vec![]));
}

#[tokio::test]
async fn where_a_request_came_from_is_told_by_us() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let mut request = sidecar.get("/").key("alice").header("X-Request-Id", "mine");
    for name in ["For", "Host", "Proto", "Uri", "User", "Prefix", "Port", "Server"] {
        request = request.header(&format!("X-Forwarded-{name}"), "evil");
        request = request.header(&format!("X_Forwarded_{name}"), "evil");
    }
    for name in
        ["Forwarded", "X-Real-IP", "X-Original-URL", "X-Rewrite-URL", "X-HTTP-Method-Override"]
    {
        request = request.header(name, "evil");
    }
    assert_eq!(request.status().await, 200);
    let seen = backend.only();
    assert!(!seen.head.text.contains("evil"), "{seen:?}");
    assert_eq!(seen.folded("x_forwarded_for"), ["127.0.0.1"]);
    assert_eq!(seen.folded("x_forwarded_proto"), ["https"]);
    assert_eq!(seen.folded("x_forwarded_host"), ["chat.example"]);
    assert_ne!(seen.head.field("x-request-id"), Some("mine"));
}

#[tokio::test]
async fn a_strangers_word_on_the_client_does_not_count() {
    let backend = Backend::start().await;
    let setup =
        Setup::before(&backend).key("alice").set("listen", "trusted_proxies = [\"192.0.2.0/24\"]");
    let sidecar = setup.start().await;
    let request = sidecar.get("/").key("alice").header("X-Forwarded-For", "192.0.2.1");
    assert_eq!(request.header("X-Forwarded-Proto", "http").status().await, 200);
    let seen = backend.only();
    assert_eq!(seen.folded("x_forwarded_for"), ["127.0.0.1"]);
    assert_eq!(seen.folded("x_forwarded_proto"), ["https"]);
}

#[tokio::test]
async fn a_trusted_proxys_word_on_the_client_counts() {
    let backend = Backend::start().await;
    let setup =
        Setup::before(&backend).key("alice").set("listen", "trusted_proxies = [\"127.0.0.0/8\"]");
    let sidecar = setup.start().await;
    let request = sidecar.get("/").key("alice").header("X-Forwarded-For", "1.2.3.4, 203.0.113.7");
    assert_eq!(request.status().await, 200);
    let seen = backend.only();
    assert_eq!(seen.folded("x_forwarded_for"), ["203.0.113.7, 127.0.0.1"]);
}

#[tokio::test]
async fn the_cats_own_login_cookie_goes_no_further() {
    let backend = Backend::start().await;
    let sidecar = Setup::cat(&backend).key("alice").start().await;
    let cookies = "a=1; ccat_user_token=bobs; b=2";
    assert_eq!(sidecar.get("/").key("alice").header("Cookie", cookies).status().await, 200);
    let seen = backend.only();
    assert_eq!(seen.head.field("cookie"), Some("a=1; b=2"));
    assert_eq!(seen.folded("user_id"), ["alice"]);
}

#[tokio::test]
async fn what_other_proxies_say_of_the_caller_is_dropped_from_a_client() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let names = [
        "Remote-User", "REMOTE_USER", "X-Remote-User", "X-Auth-Request-User",
        "X-Auth-Request-Email", "X-WEBAUTH-USER", "X-Authenticated-Userid",
        "X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override",
    ];
    let request = sidecar.get("/").key("alice").header("X-User-Agent-Hint", "kept");
    let request = names.iter().fold(request, |request, name| request.header(name, "mallory"));
    assert_eq!(request.status().await, 200);
    let seen = backend.only();
    for name in names {
        assert!(seen.folded(name).is_empty(), "{name}");
    }
    assert_eq!(seen.head.field("x-user-agent-hint"), Some("kept"));
}

#[tokio::test]
async fn framing_headers_in_disguise_are_dropped() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let request = sidecar.request("POST", "/").key("alice").header("Transfer_Encoding", "chunked");
    let request = request.header("Content_Length", "999").header("My_Own", "kept");
    assert_eq!(request.body("hello").status().await, 200);
    let seen = backend.only();
    assert!(seen.folded("transfer_encoding").is_empty());
    assert_eq!(seen.folded("content_length"), ["5"]);
    assert_eq!(seen.head.field("my_own"), Some("kept"));
}
