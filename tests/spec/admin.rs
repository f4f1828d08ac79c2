//! Who may use the admin API, and who is turned away.

use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::support::{Backend, Setup, Sidecar, key_of};

/// With a key that may do everything, one with `ADMIN:*` alone, and two that may do less.
async fn sidecar(backend: &Backend, address: &str) -> Sidecar {
    Setup::before(backend)
        .set("admin", &format!("address = {address:?}"))
        .key_with("root", "user = \"root\"\npermissions = [\"*:*\"]")
        .key_with("operator", "user = \"operator\"\npermissions = [\"ADMIN:*\"]")
        .key_with("reader", "user = \"reader\"\npermissions = [\"ADMIN:READ\", \"USERS:*\"]")
        .key("alice")
        .start()
        .await
}

#[tokio::test]
async fn nobody_comes_in_without_a_credential_that_may_do_everything_there() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend, "127.0.0.1:0").await;
    let get = |path: &str| sidecar.admin("GET", path);
    for path in ["/sessions", "/reload", "/openapi.json", "/users", "/nothing"] {
        let refused = get(path).ask().await;
        assert_eq!(refused.status, 401, "{path}");
        assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
        assert_eq!(get(path).bearer("nonsense").asked().await, 401, "{path}");
        assert_eq!(get(path).key("alice").asked().await, 403, "{path}");
        assert_eq!(get(path).key("reader").asked().await, 403, "{path}");
    }
    for key in ["root", "operator"] {
        assert_eq!(get("/sessions").key(key).asked().await, 200, "{key}");
        assert_eq!(get("/reload").key(key).asked().await, 200, "{key}");
        assert_eq!(get("/nothing").key(key).asked().await, 404, "{key}");
    }
    let document = get("/openapi.json").key("root").ask().await;
    assert_eq!(document.status, 200);
    assert_eq!(document.header("cache-control"), Some("no-store"));
    assert!(document.json()["paths"]["/api/v1/users/{id}"]["delete"].is_object());
    assert_eq!(sidecar.admin("DELETE", "/reload").key("root").asked().await, 405);
    let both = get("/reload").key("root").header("X-API-Key", "another one").asked().await;
    assert_eq!(both, 400, "two credentials are none");
    assert!(backend.seen().is_empty());
    assert!(!sidecar.log().contains(&key_of("alice")));
}

#[tokio::test]
async fn a_cookie_lets_nobody_in() {
    let backend = Backend::start().await;
    let setup = Setup::cat(&backend).admin();
    let sidecar = setup.key_with("root", "user = \"root\"\npermissions = [\"*:*\"]").start().await;
    let cookie = format!("ccat_user_token={0}; token={0}", key_of("root"));
    let asked = sidecar.admin("GET", "/reload").header("Cookie", &cookie).asked().await;
    assert_eq!(asked, 401);
}

#[tokio::test]
async fn a_name_that_was_made_to_mean_this_machine_is_refused() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend, "127.0.0.1:0").await;
    let url = sidecar.admin_url().await;
    let port = url.rsplit_once(':').unwrap().1;
    let by = |host: &str| sidecar.admin("GET", "/reload").key("root").header("Host", host);
    for (host, status) in [
        (format!("127.0.0.1:{port}"), 200),
        (format!("localhost:{port}"), 200),
        (format!("[::1]:{port}"), 200),
        ("127.0.0.1".to_owned(), 421),
        ("127.0.0.1:1".to_owned(), 421),
        (format!("rebound.example:{port}"), 421),
        (format!("localhost.rebound.example:{port}"), 421),
        (format!("root@127.0.0.1:{port}"), 421),
        ("a b".to_owned(), 400),
    ] {
        assert_eq!(by(&host).asked().await, status, "{host}");
    }
    let twice = by(&format!("127.0.0.1:{port}")).header("host", &format!("127.0.0.1:{port}"));
    assert_eq!(twice.asked().await, 400);
    let none = sidecar.admin("GET", "/reload").header("Host", "rebound.example").asked().await;
    assert_eq!(none, 421, "before any credential is looked at");
}

#[tokio::test]
async fn what_a_foreign_page_sends_is_refused_whatever_it_knows() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend, "127.0.0.1:0").await;
    let url = sidecar.admin_url().await;
    let of = |origin: &str| sidecar.admin("POST", "/reload").key("root").header("Origin", origin);
    for (origin, status) in [
        (&*url, 200),
        ("null", 403),
        ("", 403),
        ("http://127.0.0.1:1", 403),
        ("https://rebound.example", 403),
        (&*format!("{url}.rebound.example"), 403),
    ] {
        assert_eq!(of(origin).asked().await, status, "{origin}");
    }
    let preflight = sidecar.admin("OPTIONS", "/reload").header("Origin", "https://rebound.example");
    let preflight = preflight.header("Access-Control-Request-Method", "POST").ask().await;
    assert_eq!(preflight.status, 403);
    assert_eq!(preflight.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn bodies_are_json_and_not_large() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend, "127.0.0.1:0").await;
    let close = || sidecar.admin("POST", "/sessions/close").key("root");
    let all = json!({ "all": true }).to_string();
    let of = |kind: &str| close().header("Content-Type", kind).body(&all);
    assert_eq!(of("application/json; charset=utf-8").asked().await, 200);
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""] {
        assert_eq!(of(kind).asked().await, 415, "{kind}");
    }
    assert_eq!(close().body(&all).asked().await, 415);
    assert_eq!(close().asked().await, 415, "nothing is no JSON");
    let plain = sidecar.admin("POST", "/reload").key("root").header("Content-Type", "text/plain");
    assert_eq!(plain.body("x").asked().await, 415, "where no body is read, too");
    for body in [
        json!({}),
        json!({ "all": false }),
        json!({ "all": "yes" }),
        json!({ "all": true, "user": "alice" }),
        json!({ "user": "a/b" }),
        json!({ "everything": true }),
        json!([]),
        json!(null),
    ] {
        assert_eq!(close().json(&body).asked().await, 400, "{body}");
    }
    let large = json!({ "user": "x".repeat(64 * 1024) });
    assert_eq!(close().json(&large).asked().await, 413);
    let stranger = sidecar.admin("POST", "/sessions/close").json(&large);
    assert_eq!(stranger.asked().await, 401, "a stranger's body is not read");
}

#[tokio::test]
async fn a_unix_socket_is_its_owners_alone() {
    let backend = Backend::start().await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("admin.sock");
    let address = format!("unix://{}", path.display());
    let first = sidecar(&backend, &address).await;
    assert_eq!(first.admin_url().await, address);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let get = async |sidecar: &Sidecar| sidecar.admin("GET", "/reload").key("root").asked().await;
    assert_eq!(first.admin("GET", "/reload").asked().await, 401);
    let page = first.admin("GET", "/reload").key("root").header("Origin", "http://localhost");
    assert_eq!(page.asked().await, 403, "no page comes from a socket");
    assert_eq!(get(&first).await, 200);
    let second = Setup::before(&backend).set("admin", &format!("address = {address:?}"));
    let refused = second.refused().await;
    assert!(refused.contains("somebody listens there"), "{refused}");
    assert_eq!(get(&first).await, 200);
    assert_eq!(first.stop().await.0, 0);
    assert!(path.exists(), "what is stale does not hinder the next");
    let next = sidecar(&backend, &address).await;
    assert_eq!(get(&next).await, 200);
}

#[tokio::test]
async fn it_is_off_unless_it_is_asked_for_and_never_beyond_this_machine() {
    let backend = Backend::start().await;
    for address in ["0.0.0.0:0", "192.0.2.1:9181", "[::]:0"] {
        let setup = Setup::before(&backend).set("admin", &format!("address = {address:?}"));
        let refused = setup.refused().await;
        assert!(refused.contains("only a loopback address or a Unix socket"), "{refused}");
    }
    let setup =
        Setup::before(&backend).key_with("root", "user = \"root\"\npermissions = [\"*:*\"]");
    let sidecar = setup.start().await;
    assert_eq!(sidecar.get("/api/v1/reload").key("root").status().await, 200);
    assert_eq!(backend.only().head.start(), "GET /api/v1/reload HTTP/1.1", "it is the backend's");
}

#[tokio::test]
async fn another_address_waits_for_a_restart() {
    let backend = Backend::start().await;
    let setup = Setup::before(&backend).admin().key("alice");
    let sidecar = setup.clone().start().await;
    sidecar.reconfigure(&setup.set("admin", "address = \"127.0.0.1:1\"")).await;
    assert_eq!(sidecar.metric("doorward_restart_required").await, Some(1.0));
    assert_eq!(sidecar.admin("GET", "/reload").asked().await, 401, "where it was");
}
