//! Zep 0.x, path by path: whoever has its token may do everything there, and what stands beside the
//! API it shows to everybody; here each path has its rule (interface §2 `[[route]]`, §4).

use std::collections::BTreeSet;

use crate::support::{Backend, Script, Setup, Sidecar};

const VERSION: &str = "0.27.2-8b2a1f6 (2024-09-11T10:00:00Z)";

/// A path of the API; Zep asks for the token and nothing else. `own` is one that alice's key opens,
/// which has no permission; any other key needs the permission.
struct Row {
    method: &'static str,
    path: &'static str,
    own: bool,
    doorward: &'static str,
    why: &'static str,
}

const ALL: &str =
    "one token for all callers would let each of them see and change what is all others'";
const OWN: &str = "a user's paths bear its id, so they are its own and no other's";

const fn all(method: &'static str, path: &'static str, need: &'static str) -> Row {
    Row { method, path, own: false, doorward: need, why: ALL }
}

const fn own(method: &'static str, path: &'static str, need: &'static str) -> Row {
    Row { own: true, why: OWN, ..all(method, path, need) }
}

const API: &[Row] = &[
    all("GET", "/api/v1/user", "USERS:LIST"),
    all("POST", "/api/v1/user", "USERS:WRITE"),
    own("GET", "/api/v1/user/alice", "USERS:READ"),
    own("PATCH", "/api/v1/user/alice", "USERS:WRITE"),
    own("DELETE", "/api/v1/user/alice", "USERS:WRITE"),
    own("GET", "/api/v1/user/alice/sessions", "USERS:READ"),
    all("GET", "/api/v1/sessions", "SESSIONS:LIST"),
    all("POST", "/api/v1/sessions", "SESSIONS:WRITE"),
    own("GET", "/api/v1/sessions/alice.1", "SESSIONS:READ"),
    own("PATCH", "/api/v1/sessions/alice.1", "SESSIONS:WRITE"),
    own("GET", "/api/v1/sessions/alice.1/memory", "SESSIONS:READ"),
    own("POST", "/api/v1/sessions/alice.1/memory", "SESSIONS:WRITE"),
    own("DELETE", "/api/v1/sessions/alice.1/memory", "SESSIONS:WRITE"),
    own("GET", "/api/v1/sessions/alice.1/messages", "SESSIONS:READ"),
    own("GET", "/api/v1/sessions/alice.1/messages/8f0b", "SESSIONS:READ"),
    own("PATCH", "/api/v1/sessions/alice.1/messages/8f0b", "SESSIONS:WRITE"),
    own("POST", "/api/v1/sessions/alice.1/search", "SESSIONS:READ"),
    // Of a user whose id begins alike, and of nobody.
    all("GET", "/api/v1/sessions/alice.smith.1", "SESSIONS:READ"),
    all("GET", "/api/v1/sessions/8f0b", "SESSIONS:READ"),
    all("GET", "/api/v1/collection", "COLLECTIONS:READ"),
    all("GET", "/api/v1/collection/docs", "COLLECTIONS:READ"),
    all("POST", "/api/v1/collection/docs", "COLLECTIONS:WRITE"),
    all("PATCH", "/api/v1/collection/docs", "COLLECTIONS:WRITE"),
    all("DELETE", "/api/v1/collection/docs", "COLLECTIONS:WRITE"),
    all("POST", "/api/v1/collection/docs/search", "COLLECTIONS:READ"),
    all("POST", "/api/v1/collection/docs/index/create", "COLLECTIONS:WRITE"),
    all("POST", "/api/v1/collection/docs/document", "COLLECTIONS:WRITE"),
    all("GET", "/api/v1/collection/docs/document/uuid/8f0b", "COLLECTIONS:READ"),
    all("PATCH", "/api/v1/collection/docs/document/uuid/8f0b", "COLLECTIONS:WRITE"),
    all("DELETE", "/api/v1/collection/docs/document/uuid/8f0b", "COLLECTIONS:WRITE"),
    all("POST", "/api/v1/collection/docs/document/list/get", "COLLECTIONS:READ"),
    all("POST", "/api/v1/collection/docs/document/list/delete", "COLLECTIONS:WRITE"),
    all("PATCH", "/api/v1/collection/docs/document/list/update", "COLLECTIONS:WRITE"),
];

/// Answers as Zep does: the health page, and its version on everything.
async fn zep() -> Backend {
    Backend::playing(|seen| {
        let body = if seen.target().starts_with("/healthz") { "." } else { "{}" };
        let sent = if seen.method() == "HEAD" { "" } else { body };
        Script::answer(format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Zep-Version: {VERSION}\r\n\
             Content-Length: {}\r\n\r\n{sent}",
            body.len()
        ))
    })
    .await
}

async fn sidecar(backend: &Backend) -> Sidecar {
    let needs: BTreeSet<_> = API.iter().map(|row| row.doorward).collect();
    let mut setup = Setup::before(backend)
        .set("backend", "profile = \"zep\"")
        .set("backend", "http_key = \"the-one-token-of-zep-0123456789\"")
        .key("alice")
        .key("bob")
        .key_with("root", "user = \"root\"\npermissions = [\"*:*\"]");
    for need in &needs {
        let others: Vec<_> = needs.iter().filter(|other| *other != need).collect();
        setup = setup
            .key_with(need, &format!("user = \"root\"\npermissions = [{need:?}]"))
            .key_with(&format!("no-{need}"), &format!("user = \"root\"\npermissions = {others:?}"));
    }
    setup.start().await
}

#[tokio::test]
async fn each_path_is_its_users_or_asks_for_its_permission() {
    let backend = zep().await;
    let sidecar = sidecar(&backend).await;
    for Row { method, path, own, doorward: need, why } in API {
        let name = format!("{method} {path}: {need}: {why}");
        let call = async |key: &str| sidecar.request(method, path).key(key).send().await;
        let before = backend.seen().len();
        let stranger = sidecar.request(method, path).send().await;
        assert_eq!(
            (stranger.status, &*stranger.text()),
            (401, "token is unauthorized\n"),
            "{name}"
        );
        for key in ["bob".to_owned(), format!("no-{need}")] {
            let refused = call(&key).await;
            assert_eq!((refused.status, &*refused.text()), (403, "forbidden\n"), "{key}, {name}");
        }
        assert_eq!(backend.seen().len(), before, "{name}");
        assert_eq!(call("alice").await.status, if *own { 200 } else { 403 }, "{name}");
        let passed = call(need).await;
        assert_eq!((passed.status, passed.header("x-zep-version")), (200, Some(VERSION)), "{name}");
        assert_eq!(call("root").await.status, 200, "{name}");
        for seen in backend.seen().split_off(before) {
            assert_eq!(seen.target(), *path, "{name}");
            let shown = "Bearer the-one-token-of-zep-0123456789";
            assert_eq!(seen.folded("authorization"), [shown], "{name}");
            assert!(seen.folded("user_id").is_empty(), "{name}");
        }
    }
}

/// A path beside the API, which Zep shows to everybody where it knows it; what a stranger gets here
/// and what a key with all permissions gets.
struct Beside {
    method: &'static str,
    path: &'static str,
    stranger: u16,
    root: u16,
    why: &'static str,
}

const fn beside(
    (method, path): (&'static str, &'static str),
    (stranger, root): (u16, u16),
    why: &'static str,
) -> Beside {
    Beside { method, path, stranger, root, why }
}

const CASE: &str = "rules know one case; clients ask in this one";
const PANEL: &str =
    "the pages read and delete users, sessions and collections, and ask nobody who it is";
const UNNAMED: &str = "what no rule names is denied, there or not";
const TWO_WAYS: &str =
    "Zep cleans its paths after our rules have read them: what it would clean is malformed";

const BESIDE: &[Beside] = &[
    beside(("GET", "/healthz"), (200, 200), "its clients ask before they have a token"),
    beside(("HEAD", "/healthz"), (200, 200), "HEAD goes with GET"),
    beside(("GET", "/healthz/"), (200, 200), "a slash at the end means nothing"),
    beside(("POST", "/healthz"), (401, 403), "Zep has no such method there either"),
    beside(("GET", "/HEALTHZ"), (401, 403), CASE),
    beside(("GET", "/Healthz"), (401, 403), CASE),
    beside(("GET", "/admin"), (401, 403), PANEL),
    beside(("GET", "/admin/"), (401, 403), PANEL),
    beside(("GET", "/admin/users"), (401, 403), PANEL),
    beside(("DELETE", "/admin/users/alice"), (401, 403), PANEL),
    beside(("POST", "/admin/sessions"), (401, 403), PANEL),
    beside(("GET", "/static/css/zep.css"), (401, 403), PANEL),
    beside(("GET", "/"), (401, 403), UNNAMED),
    beside(("GET", "/api/v1"), (401, 403), UNNAMED),
    beside(("GET", "/api/v1/nothing"), (401, 403), UNNAMED),
    beside(("GET", "/api/v2/users/alice"), (401, 403), UNNAMED),
    beside(("GET", "//healthz"), (400, 400), TWO_WAYS),
    beside(("GET", "/healthz/../admin/users"), (400, 400), TWO_WAYS),
    beside(("GET", "/healthz/%2e%2e/admin/users"), (400, 400), TWO_WAYS),
    beside(("GET", "/api/v1//user"), (400, 400), TWO_WAYS),
    beside(("GET", "/api/v1/user/alice/../bob"), (400, 400), TWO_WAYS),
    beside(("GET", "/api/v1/./user"), (400, 400), TWO_WAYS),
    beside(("GET", "/api/v1/user/alice%2f..%2fbob"), (400, 400), TWO_WAYS),
];

#[tokio::test]
async fn beside_the_api_only_the_health_page_is_open() {
    let backend = zep().await;
    let sidecar = sidecar(&backend).await;
    for Beside { method, path, stranger, root, why } in BESIDE {
        let status = sidecar.request(method, path).status().await;
        assert_eq!(status, *stranger, "{method} {path}: {why}");
        let status = sidecar.request(method, path).key("root").status().await;
        assert_eq!(status, *root, "{method} {path}: {why}");
    }
    let passed = BESIDE.iter().flat_map(|row| [row.stranger, row.root]);
    assert_eq!(backend.seen().len(), passed.filter(|status| *status == 200).count());
}

#[tokio::test]
async fn the_health_page_is_zeps_own_to_the_byte() {
    let backend = zep().await;
    let sidecar = sidecar(&backend).await;
    for (method, body) in [("GET", "."), ("HEAD", "")] {
        let answer = sidecar.request(method, "/healthz").send().await;
        assert_eq!(answer.head.start(), "HTTP/1.1 200 OK", "{method}");
        assert_eq!(answer.text(), body, "{method}");
        for (name, value) in
            [("content-type", "text/plain"), ("content-length", "1"), ("x-zep-version", VERSION)]
        {
            assert_eq!(answer.header(name), Some(value), "{method}: {name}");
        }
    }
    for seen in backend.seen() {
        assert!(seen.folded("user_id").is_empty(), "{seen:?}");
    }
}

#[tokio::test]
async fn zep_hears_of_no_address_but_the_clients_own() {
    let backend = zep().await;
    let sidecar = sidecar(&backend).await;
    for name in ["True-Client-IP", "X-Real-IP", "X-Forwarded-For", "x_real_ip"] {
        let request = sidecar.get("/api/v1/user/alice").key("alice").header(name, "192.0.2.1");
        assert_eq!(request.status().await, 200, "{name}");
    }
    for seen in backend.seen() {
        assert!(!seen.everything().contains("192.0.2.1"), "{seen:?}");
        assert_eq!(seen.folded("x-forwarded-for"), ["127.0.0.1"]);
    }
}
