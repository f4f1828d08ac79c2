//! Whom the backend is told about (interface §2 "Identity namespaces", §3, §4).

use crate::support::{Backend, Claims, Setup, key_of};

#[tokio::test]
async fn an_acting_key_names_its_user() {
    let backend = Backend::start().await;
    let sidecar =
        Setup::before(&backend).key_with("site", "acts_as = [\"visitor-*\"]").start().await;
    let named = sidecar.get("/").key("site").header("user_id", "visitor-7");
    assert_eq!(named.status().await, 200);
    assert_eq!(backend.only().folded("user_id"), ["visitor-7"]);
}

#[tokio::test]
async fn an_acting_key_may_not_act_as_others() {
    let backend = Backend::start().await;
    let sidecar =
        Setup::before(&backend).key_with("site", "acts_as = [\"visitor-*\"]").start().await;
    for other in ["alice", "admin", "visitor", "Visitor-7", "xvisitor-7"] {
        let request = sidecar.get("/").key("site").header("user_id", other);
        assert_eq!(request.status().await, 403, "{other}");
    }
    assert_eq!(backend.connections(), 0);
}

#[tokio::test]
async fn an_acting_key_that_names_nobody_is_a_bad_request() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend).key_with("site", "acts_as = [\"*\"]").start().await;
    assert_eq!(sidecar.get("/").key("site").status().await, 400);
    assert_eq!(sidecar.websocket("/ws").key("site").refused().await, 400);
    assert_eq!(backend.connections(), 0);
}

#[tokio::test]
async fn an_id_that_is_no_id_is_a_bad_request() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend).key_with("site", "acts_as = [\"*\"]").start().await;
    let long = "x".repeat(129);
    for id in
        ["", ".", "..", "a b", "a/b", "a%2fb", "a?b", "a#b", "a;b", "a,b", "b\u{e9}", "a\tb", &long]
    {
        let request = sidecar.get("/").key("site").header("user_id", id);
        assert_eq!(request.status().await, 400, "{id:?}");
    }
    let twice = sidecar.get("/").key("site").header("user_id", "bob").header("user_id", "bob");
    assert_eq!(twice.status().await, 400);
    assert_eq!(backend.connections(), 0);
}

#[tokio::test]
async fn a_bound_key_speaks_for_its_user_whatever_the_client_names() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend).key("alice").start().await;
    assert_eq!(sidecar.get("/").key("alice").header("user_id", "bob").status().await, 200);
    sidecar.websocket("/ws").key("alice").header("user_id", "bob").open().await.close().await;
    for seen in backend.seen() {
        assert_eq!(seen.folded("user_id"), ["alice"]);
    }
}

#[tokio::test]
async fn a_tokens_user_is_its_issuers_template() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend).issuer_with("user = \"kc-{sub}\"").start().await;
    assert_eq!(sidecar.get("/").bearer(&Claims::of("alice").sign()).status().await, 200);
    assert_eq!(backend.only().folded("user_id"), ["kc-alice"]);
}

#[tokio::test]
async fn a_token_for_something_that_is_no_id_is_refused() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend).issuer().start().await;
    let long = "x".repeat(129);
    for sub in
        ["", ".", "..", "a\r\nuser_id: bob", "a\0", "a/b", "a?b", "a#b", "a%2fb", "a;b", "é", &long]
    {
        let token = Claims::of(sub).sign();
        assert_eq!(sidecar.get("/").bearer(&token).status().await, 401, "{sub:?}");
        assert_eq!(sidecar.websocket("/ws").token(&token).refused().await, 401, "{sub:?}");
    }
    assert_eq!(backend.connections(), 0);
}

#[tokio::test]
async fn a_token_never_bears_an_id_that_visitors_have() {
    let backend = Backend::start().await;
    let setup = Setup::before(&backend).issuer().key_with("site", "acts_as = [\"visitor-*\"]");
    let sidecar = setup.start().await;
    for sub in ["visitor-1", "VISITOR-1", "anon-1", "Anon-x"] {
        let token = Claims::of(sub).sign();
        assert_eq!(sidecar.get("/").bearer(&token).status().await, 401, "{sub}");
    }
    assert_eq!(backend.connections(), 0);
}

#[tokio::test]
async fn an_anonymous_visitor_gets_an_id_of_ours() {
    let backend = Backend::start().await;
    let setup = Setup::before(&backend).route("/visit", "access = \"anonymous\"");
    let sidecar = setup.key("alice").start().await;
    assert_eq!(sidecar.get("/visit").header("user_id", "alice").status().await, 200);
    let seen = backend.only();
    let [id] = seen.folded("user_id")[..] else { panic!("{seen:?}") };
    assert!(id.starts_with("anon-") && id.len() > 12, "{id}");
}

#[tokio::test]
async fn the_cats_default_id_is_for_keys_that_may_act_as_it() {
    let backend = Backend::start().await;
    let setup = Setup::cat(&backend).key_with("all", "acts_as = [\"*\"]");
    let sidecar = setup.key_with("site", "acts_as = [\"visitor-*\"]").start().await;
    assert_eq!(sidecar.get("/").key("all").status().await, 200);
    assert_eq!(backend.only().folded("user_id"), ["user"]);
    assert!([400, 403].contains(&sidecar.get("/").key("site").status().await));
    assert_eq!(backend.seen().len(), 1);
}

#[tokio::test]
async fn alices_credential_on_bobs_path_opens_alices_socket() {
    let backend = Backend::start().await;
    let setup = Setup::cat(&backend).key("alice").issuer();
    let sidecar = setup.set("websocket", "max_per_user = \"off\"").start().await;
    let token = Claims::of("alice").chatting().sign();
    for path in ["/ws/bob", "/ws/b%6fb", "/%77s/bob", "/ws"] {
        for credential in [&token, &key_of("alice")] {
            let handshake = sidecar.websocket(path).token(credential);
            assert_eq!(handshake.answer().await.0.status, 101, "{path}");
        }
    }
    for seen in backend.seen() {
        assert_eq!(seen.target().replace("%77", "w").split('?').next(), Some("/ws/alice"));
    }
}

#[tokio::test]
async fn a_path_that_hides_a_user_opens_nothing() {
    let backend = Backend::start().await;
    let sidecar = Setup::cat(&backend).key("alice").start().await;
    for path in [
        "/ws%2Fbob", "/ws/%2e%2e", "/ws/..", "/ws/a%2fbob", "//ws/bob", "/ws/bob;x",
        "/x/../ws/bob", "/ws/a/bob",
    ] {
        let status = sidecar.websocket(path).key("alice").refused().await;
        assert!([400, 403].contains(&status), "{path}: {status}");
    }
    assert_eq!(backend.connections(), 0);
}

#[tokio::test]
async fn an_acting_key_names_its_user_in_the_cats_path() {
    let backend = Backend::start().await;
    let sidecar = Setup::cat(&backend).key_with("site", "acts_as = [\"visitor-*\"]").start().await;
    assert_eq!(sidecar.websocket("/ws/visitor%2D7").key("site").answer().await.0.status, 101);
    assert_eq!(backend.only().target().split('?').next(), Some("/ws/visitor-7"));
    assert_eq!(sidecar.websocket("/ws/alice").key("site").refused().await, 403);
}

#[tokio::test]
async fn nothing_of_the_identity_is_told_on_open_routes() {
    let backend = Backend::start().await;
    let sidecar =
        Setup::before(&backend).key("alice").route("/open", "access = \"open\"").start().await;
    assert_eq!(sidecar.get("/open").key("alice").header("user_id", "bob").status().await, 200);
    assert!(backend.only().folded("user_id").is_empty());
}
