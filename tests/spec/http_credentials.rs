//! What counts as a credential on HTTP, and what does not (interface §3).

use crate::support::{Backend, Setup, key_of};

#[tokio::test]
async fn a_request_without_a_credential_is_refused_and_never_reaches_the_backend() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend).key("alice").start().await;
    let answer = sidecar.get("/").send().await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"doorward\""));
    assert_eq!(answer.json()["error"], "unauthorized");
    assert!(answer.header("x-request-id").is_some());
    assert_eq!(backend.connections(), 0);
}

#[tokio::test]
async fn a_good_key_is_answered_by_the_backend() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend).key("alice").start().await;
    let answer = sidecar.get("/").key("alice").send().await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "ok"));
    assert_eq!(backend.only().folded("user_id"), ["alice"]);
}

#[tokio::test]
async fn the_bearer_scheme_is_read_in_any_case() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend).key("alice").start().await;
    let key = key_of("alice");
    for value in [format!("bearer {key}"), format!("BEARER {key}"), format!("Bearer  {key}")] {
        assert_eq!(sidecar.get("/").header("Authorization", &value).status().await, 200, "{value}");
    }
}

#[tokio::test]
async fn anything_else_in_authorization_is_no_credential() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend).key("alice").start().await;
    let key = key_of("alice");
    for value in [
        format!("Bearer\t{key}"),
        format!("Bearer {key} {key}"),
        format!("Basic {key}"),
        format!("Bearer{key}"),
        key.clone(),
        "Bearer".to_owned(),
        format!("Bearer {}", &key[..key.len() - 1]),
        format!("Bearer {}", key.to_uppercase()),
    ] {
        assert_eq!(sidecar.get("/").header("Authorization", &value).status().await, 401, "{value}");
    }
    assert_eq!(backend.connections(), 0);
}

#[tokio::test]
async fn an_empty_credential_is_nobodys() {
    let backend = Backend::start().await;
    let digest = crate::support::digest("");
    let nobody = format!("[[key]]\nid = \"nobody\"\nsha256 = {digest:?}\nuser = \"nobody\"");
    let sidecar = Setup::before(&backend).block("nobody", &nobody).start().await;
    for (name, value) in [("Authorization", ""), ("Authorization", "Bearer "), ("X-API-Key", "")] {
        assert_eq!(sidecar.get("/").header(name, value).status().await, 401, "{name}: {value}");
    }
    assert_eq!(sidecar.websocket("/ws").token("").refused().await, 401);
    assert_eq!(backend.connections(), 0);
}

#[tokio::test]
async fn a_header_of_a_similar_name_is_no_credential() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend).key("alice").start().await;
    let bearer = format!("Bearer {}", key_of("alice"));
    for name in
        ["Authentication", "Proxy-Authorization", "X-Authorization", "access_token", "access-token"]
    {
        assert_eq!(sidecar.get("/").header(name, &bearer).status().await, 401, "{name}");
    }
}

#[tokio::test]
async fn the_same_credential_in_two_carriers_is_fine() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend).key("alice").start().await;
    let request = sidecar.get("/").key("alice").header("X-API-Key", &key_of("alice"));
    assert_eq!(request.status().await, 200);
    assert!(backend.only().folded("x_api_key").is_empty());
}

#[tokio::test]
async fn two_different_credentials_are_ambiguous_even_if_both_are_good() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend).key("alice").key("bob").start().await;
    for (first, second) in [("alice", "bob"), ("alice", "nobody"), ("nobody", "alice")] {
        let (one, other) = (sidecar.get("/").key(first), sidecar.get("/").key(first));
        assert_eq!(
            one.header("X-API-Key", &key_of(second)).status().await,
            400,
            "{first}, {second}"
        );
        assert_eq!(other.key(second).status().await, 400, "{first}, {second}");
    }
    assert_eq!(backend.connections(), 0);
}

#[tokio::test]
async fn a_token_in_the_query_is_no_credential_on_http() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend).key("alice").start().await;
    let target = format!("/?token={}", key_of("alice"));
    assert_eq!(sidecar.get(&target).status().await, 401);
    assert_eq!(backend.connections(), 0);
}

#[tokio::test]
async fn a_token_in_the_query_is_cut_on_http_too() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend).key("alice").start().await;
    let target = format!("/a?x=1&token={}&y=%20+z", key_of("alice"));
    assert_eq!(sidecar.get(&target).key("alice").status().await, 200);
    assert_eq!(backend.only().target(), "/a?x=1&y=%20+z");
}

#[tokio::test]
async fn a_key_is_good_only_on_the_transports_it_is_for() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend)
        .key_with("web", "user = \"alice\"\ntransports = [\"http\"]")
        .key_with("chat", "user = \"alice\"\ntransports = [\"websocket\"]")
        .start()
        .await;
    assert_eq!(sidecar.get("/").key("chat").status().await, 401);
    assert_eq!(sidecar.websocket("/ws").key("web").refused().await, 401);
    assert_eq!(sidecar.get("/").key("web").status().await, 200);
    assert!(sidecar.websocket("/ws").key("chat").open().await.is_alive().await);
}

#[tokio::test]
async fn an_expired_key_is_a_bad_one() {
    let backend = Backend::start().await;
    let settings = "user = \"alice\"\nexpires = 2020-01-01T00:00:00Z";
    let sidecar = Setup::before(&backend).key_with("old", settings).key("bob").start().await;
    assert_eq!(sidecar.get("/").key("old").status().await, 401);
    assert_eq!(sidecar.get("/").key("bob").status().await, 200);
}

#[tokio::test]
async fn every_request_of_a_connection_is_judged_for_itself() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend).key("alice").start().await;
    let mut raw = sidecar.raw().await;
    let good = sidecar.get("/1").key("alice").bytes();
    raw.write([&good, &sidecar.get("/2").bytes(), &good].map(Vec::as_slice).concat()).await;
    let statuses =
        [raw.answer().await.status, raw.answer().await.status, raw.answer().await.status];
    assert_eq!(statuses, [200, 401, 200]);
    assert_eq!(backend.seen().len(), 2);
}

#[tokio::test]
async fn no_credential_of_the_client_reaches_the_backend() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend).key("alice").start().await;
    let key = key_of("alice");
    let target = format!("/?a=1&token={key}&%74oken={key}&b");
    let request = sidecar.request("POST", &target).key("alice").header("X-API-Key", &key);
    let request = request.header("access_token", &key).header("Proxy-Authorization", &key);
    assert_eq!(request.body("hello").status().await, 200);
    let seen = backend.only();
    assert!(!seen.everything().contains(&key), "{seen:?}");
    assert_eq!(seen.target(), "/?a=1&b");
}

#[tokio::test]
async fn the_backend_is_shown_the_credential_of_its_own() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend)
        .key("alice")
        .set("backend", "http_key = \"backend-key-0123456789\"")
        .start()
        .await;
    assert_eq!(sidecar.get("/").key("alice").status().await, 200);
    assert_eq!(backend.only().head.all("authorization"), ["Bearer backend-key-0123456789"]);
}

#[tokio::test]
async fn a_refusal_does_not_tell_its_reason() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend)
        .key_with("old", "user = \"alice\"\nexpires = 2020-01-01T00:00:00Z")
        .key_with("chat", "user = \"alice\"\ntransports = [\"websocket\"]")
        .issuer()
        .start()
        .await;
    let plain = sidecar.get("/").send().await.lasting();
    for credential in [&key_of("old"), &key_of("chat"), "nonsense", "a.b.c", &"x".repeat(9000)] {
        assert_eq!(sidecar.get("/").bearer(credential).send().await.lasting(), plain);
    }
}

#[tokio::test]
async fn the_cats_clients_are_understood() {
    let backend = Backend::start().await;
    let sidecar = Setup::cat(&backend).key("alice").start().await;
    let key = key_of("alice");
    assert_eq!(sidecar.get("/").header("access_token", &key).status().await, 200);
    assert_eq!(sidecar.get("/").header("Authorization", &key).status().await, 200);
    let both = sidecar.get("/").key("alice").header("access_token", &key);
    assert_eq!(both.header("user_id", "alice").status().await, 200);
    assert_eq!(sidecar.get("/").key("alice").header("access_token", "other").status().await, 400);
}

#[tokio::test]
async fn the_cats_refusal_is_the_cats_own() {
    let backend = Backend::start().await;
    let sidecar = Setup::cat(&backend).key("alice").start().await;
    let answer = sidecar.get("/").send().await;
    assert_eq!(answer.status, 403);
    assert_eq!(answer.text(), r#"{"detail":{"error":"Invalid Credentials"}}"#);
    assert_eq!(answer.header("www-authenticate"), None);
    let forbidden = sidecar.get("/plugins").key("alice").send().await;
    assert_eq!(forbidden.lasting(), answer.lasting());
}

#[tokio::test]
async fn a_bad_credential_is_refused_on_open_routes_too() {
    let backend = Backend::start().await;
    let sidecar =
        Setup::before(&backend).key("alice").route("/open", "access = \"open\"").start().await;
    assert_eq!(sidecar.get("/open").bearer("nonsense").status().await, 401);
    assert_eq!(sidecar.get("/open").status().await, 200);
    assert_eq!(sidecar.get("/open").header("Cookie", "session=stale").status().await, 200);
}

#[tokio::test]
async fn keys_may_come_from_a_file_of_digests() {
    let backend = Backend::start().await;
    let digest = crate::support::digest;
    let digests =
        format!("{}\n{}\n", digest("first-key-of-the-file"), digest("second-key-of-the-file"));
    let setup = Setup::before(&backend).file("keys.txt", &digests);
    let sidecar =
        setup.block("file", "[[keys_file]]\npath = \"keys.txt\"\nuser = \"alice\"").start().await;
    assert_eq!(sidecar.get("/").bearer("second-key-of-the-file").status().await, 200);
    assert_eq!(sidecar.get("/").bearer("third-key-of-the-file").status().await, 401);
    assert_eq!(backend.only().folded("user_id"), ["alice"]);
}
