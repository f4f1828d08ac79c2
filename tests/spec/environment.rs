//! A sidecar that is told everything by its environment, as the systems before it were (interface
//! §2 "Environment alone").

use crate::support::{Backend, Claims, Setup, Signer, in_seconds};

const HTTP: &str = "http-key-0123456789";
const WS: &str = "ws-key-0123456789";
const SECRET: &str = "a-secret-of-more-than-thirty-two-bytes";

fn cat(backend: &Backend) -> Setup {
    Setup::from_environment(backend)
        .environment("DOORWARD_PROFILE", "cheshire-cat-1")
        .environment("CCAT_API_KEY", HTTP)
        .environment("CCAT_API_KEY_WS", WS)
        .environment("CCAT_JWT_SECRET", SECRET)
}

#[tokio::test]
async fn the_cats_keys_act_for_whom_they_name_each_on_its_transport() {
    let backend = Backend::start().await;
    let sidecar = cat(&backend).start().await;
    assert_eq!(sidecar.get("/").bearer(HTTP).header("user_id", "bob").status().await, 200);
    assert_eq!(backend.only().folded("user_id"), ["bob"]);
    assert_eq!(backend.only().head.field("authorization"), Some(format!("Bearer {HTTP}").as_str()));
    assert_eq!(sidecar.get("/").bearer(WS).status().await, 403);
    assert_eq!(sidecar.websocket("/ws/bob").token(HTTP).refused().await, 403);
    assert_eq!(sidecar.websocket("/ws/bob").token(WS).answer().await.0.status, 101);
    assert_eq!(backend.seen()[1].target(), format!("/ws/bob?token={WS}"));
}

#[tokio::test]
async fn the_cats_tokens_name_their_user() {
    let backend = Backend::start().await;
    let sidecar = cat(&backend).start().await;
    let claims =
        Claims::of("an-id").chatting().with("username", "alice").with("exp", in_seconds(60));
    let token =
        Signer::hs256(SECRET).sign(&serde_json::json!({"alg": "HS256", "typ": "JWT"}), &claims.0);
    assert_eq!(sidecar.websocket("/ws/bob").token(&token).answer().await.0.status, 101);
    assert_eq!(backend.only().target(), format!("/ws/alice?token={WS}"));
}

#[tokio::test]
async fn one_key_alone_opens_nothing_else() {
    let backend = Backend::start().await;
    let setup = Setup::from_environment(&backend).environment("DOORWARD_PROFILE", "cheshire-cat-1");
    let sidecar = setup.environment("CCAT_API_KEY", HTTP).start().await;
    assert_eq!(sidecar.websocket("/ws/bob").refused().await, 403);
    assert_eq!(sidecar.websocket("/ws/bob").token("").refused().await, 403);
    assert_eq!(sidecar.get("/").header("Authorization", "Bearer ").status().await, 403);
    assert_eq!(backend.connections(), 0);
}

#[tokio::test]
async fn one_key_for_both_transports_serves_both() {
    let backend = Backend::start().await;
    let sidecar = cat(&backend).environment("CCAT_API_KEY_WS", HTTP).start().await;
    assert_eq!(sidecar.get("/").bearer(HTTP).status().await, 200);
    assert_eq!(sidecar.websocket("/ws/bob").token(HTTP).answer().await.0.status, 101);
    assert_eq!(backend.seen()[1].target(), format!("/ws/bob?token={HTTP}"));
}

#[tokio::test]
async fn zeps_own_variables_are_enough() {
    let backend = Backend::start().await;
    let setup = Setup::from_environment(&backend)
        .environment("ZEP_AUTH_REQUIRED", "true")
        .environment("ZEP_AUTH_SECRET", SECRET);
    let sidecar = setup.start().await;
    let header = serde_json::json!({"alg": "HS256", "typ": "JWT"});
    let token = Signer::hs256(SECRET).sign(&header, &serde_json::json!({}));
    let asked = sidecar.get("/api/v1/user/anyone").bearer(&token);
    assert_eq!(asked.status().await, 200);
    let shown = backend.only().folded("authorization").concat();
    assert!(shown.starts_with("Bearer ey") && !shown.contains(&token), "{shown}");
    let stranger = sidecar.get("/api/v1/user/anyone").send().await;
    assert_eq!((stranger.status, stranger.text()), (401, "token is unauthorized\n".to_owned()));
    let other = Signer::hs256("another-secret-of-thirty-two-bytes-and-more");
    let forged = other.sign(&header, &serde_json::json!({}));
    assert_eq!(sidecar.get("/api/v1/user/anyone").bearer(&forged).status().await, 401);
    assert_eq!(sidecar.get("/healthz").status().await, 200);
}

#[tokio::test]
async fn published_defaults_are_refused() {
    let backend = Backend::start().await;
    for (name, value) in [
        ("CCAT_JWT_SECRET", "secret"),
        ("CCAT_API_KEY", "meow"),
        ("CCAT_JWT_SECRET", "meow_jwt"),
        ("CCAT_JWT_SECRET", "do-not-use-this-secret-in-production"),
        ("CCAT_JWT_SECRET", "short"),
        ("CCAT_API_KEY", " "),
    ] {
        let complaint = cat(&backend).environment(name, value).refused().await;
        assert!(complaint.contains(name), "{name}={value}: {complaint}");
        assert!(!complaint.contains(SECRET));
    }
}

#[tokio::test]
async fn an_empty_secret_is_refused() {
    let backend = Backend::start().await;
    for source in ["value = \"\"", "value_file = \"empty\"", "value_env = \"EMPTY\""] {
        let key = format!("[[key]]\nid = \"alice\"\nuser = \"alice\"\n{source}");
        let setup = Setup::before(&backend).block("alice", &key).file("empty", "\n");
        let complaint = setup.environment("EMPTY", "").refused().await;
        assert!(complaint.contains("empty") || complaint.contains("not set"), "{complaint}");
    }
}

#[tokio::test]
async fn two_families_at_once_are_an_error() {
    let backend = Backend::start().await;
    let complaint = cat(&backend).environment("ZEP_AUTH_SECRET", SECRET).refused().await;
    assert!(complaint.contains("ZEP_AUTH_SECRET"), "{complaint}");
}

#[tokio::test]
async fn nothing_configured_is_never_an_open_door() {
    let backend = Backend::start().await;
    let silent = Setup::before_url("").key("alice").refused().await;
    assert!(silent.contains("not a backend URL"), "{silent}");
    let nobody = Setup::before(&backend).set("limits", "connections = 10");
    let sidecar = nobody.route("/other", "access = \"open\"").start().await;
    assert_eq!(sidecar.get("/").status().await, 401);
    assert_eq!(sidecar.get("/").header("Authorization", "Bearer ").status().await, 401);
    assert_eq!(sidecar.websocket("/ws").token("").refused().await, 401);
    assert_eq!(backend.connections(), 0);
}

#[tokio::test]
async fn a_variable_overrides_the_file() {
    let backend = Backend::start().await;
    let setup =
        Setup::before(&backend).key("alice").environment("DOORWARD_LIMITS_TARGET_SIZE", "100B");
    let sidecar = setup.environment("CCAT_API_KEY", HTTP).start().await;
    assert_eq!(sidecar.get(&format!("/{}", "x".repeat(200))).key("alice").status().await, 414);
    assert_eq!(
        sidecar.get("/").bearer(HTTP).status().await,
        401,
        "a seed's variable beside a file"
    );
}
