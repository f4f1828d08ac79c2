//! Who may do what at Cheshire Cat 1.9, path by path and method by method (interface §2
//! `[[route]]`).

use std::collections::{BTreeMap, BTreeSet};

use crate::support::{Backend, Setup, Sidecar, differs_on_purpose, key_of};

const REFUSAL: &str = r#"{"detail":{"error":"Invalid Credentials"}}"#;

/// A path and a method (`WS` is a handshake), the permission that the Cat asks for and the one that
/// is asked for here, and whether the base permissions have it.
struct Row {
    method: &'static str,
    path: &'static str,
    backend: &'static str,
    doorward: &'static str,
    base: bool,
    why: &'static str,
}

const fn row(method: &'static str, path: &'static str, need: &'static str) -> Row {
    Row { method, path, backend: need, doorward: need, base: false, why: "" }
}

/// One that the base permissions have.
const fn base(method: &'static str, path: &'static str, need: &'static str) -> Row {
    Row { base: true, ..row(method, path, need) }
}

const EVERYBODYS: &str =
    "the Cat lists everybody's memories to whoever may read: here to those who may change them";

const ROUTES: &[Row] = &[
    base("GET", "/", "STATUS:READ"),
    base("POST", "/message", "CONVERSATION:WRITE"),
    base("WS", "/ws", "CONVERSATION:WRITE"),
    base("WS", "/ws/bob", "CONVERSATION:WRITE"),
    row("GET", "/settings/", "SETTINGS:LIST"),
    row("POST", "/settings/", "SETTINGS:WRITE"),
    row("GET", "/settings/5", "SETTINGS:READ"),
    row("PUT", "/settings/5", "SETTINGS:EDIT"),
    row("DELETE", "/settings/5", "SETTINGS:DELETE"),
    row("GET", "/llm/settings", "LLM:LIST"),
    row("GET", "/llm/settings/LLMOpenAIConfig", "LLM:READ"),
    row("PUT", "/llm/settings/LLMOpenAIConfig", "LLM:EDIT"),
    row("GET", "/embedder/settings", "EMBEDDER:LIST"),
    row("GET", "/embedder/settings/EmbedderFakeConfig", "EMBEDDER:READ"),
    row("PUT", "/embedder/settings/EmbedderFakeConfig", "EMBEDDER:EDIT"),
    row("GET", "/auth_handler/settings", "AUTH_HANDLER:LIST"),
    row("GET", "/auth_handler/settings/CoreOnlyAuthConfig", "AUTH_HANDLER:READ"),
    row("PUT", "/auth_handler/settings/CoreOnlyAuthConfig", "AUTH_HANDLER:EDIT"),
    row("GET", "/plugins/", "PLUGINS:LIST"),
    row("POST", "/plugins/upload", "PLUGINS:WRITE"),
    row("POST", "/plugins/upload/registry", "PLUGINS:WRITE"),
    row("PUT", "/plugins/toggle/core_plugin", "PLUGINS:WRITE"),
    row("GET", "/plugins/settings", "PLUGINS:READ"),
    row("GET", "/plugins/settings/core_plugin", "PLUGINS:READ"),
    row("PUT", "/plugins/settings/core_plugin", "PLUGINS:EDIT"),
    row("GET", "/plugins/core_plugin", "PLUGINS:READ"),
    row("DELETE", "/plugins/core_plugin", "PLUGINS:DELETE"),
    // Where the Cat has no other rule, these words are ids of plugins as any other.
    row("GET", "/plugins/upload", "PLUGINS:READ"),
    row("DELETE", "/plugins/upload", "PLUGINS:DELETE"),
    row("DELETE", "/plugins/settings", "PLUGINS:DELETE"),
    row("POST", "/rabbithole/", "UPLOAD:WRITE"),
    row("POST", "/rabbithole/batch", "UPLOAD:WRITE"),
    row("POST", "/rabbithole/web", "UPLOAD:WRITE"),
    row("GET", "/rabbithole/allowed-mimetypes", "UPLOAD:WRITE"),
    row("POST", "/rabbithole/memory", "MEMORY:WRITE"),
    base("GET", "/memory/recall", "MEMORY:READ"),
    base("POST", "/memory/recall", "MEMORY:READ"),
    base("GET", "/memory/collections", "MEMORY:READ"),
    Row {
        method: "GET",
        path: "/memory/collections/episodic/points",
        backend: "MEMORY:READ",
        doorward: "MEMORY:EDIT",
        base: false,
        why: EVERYBODYS,
    },
    base("GET", "/memory/conversation_history", "MEMORY:READ"),
    row("POST", "/memory/collections/episodic/points", "MEMORY:WRITE"),
    row("DELETE", "/memory/collections/episodic/points", "MEMORY:DELETE"),
    row("PUT", "/memory/collections/episodic/points/7", "MEMORY:EDIT"),
    row("DELETE", "/memory/collections/episodic/points/7", "MEMORY:DELETE"),
    row("DELETE", "/memory/collections", "MEMORY:DELETE"),
    row("DELETE", "/memory/collections/episodic", "MEMORY:DELETE"),
    row("DELETE", "/memory/conversation_history", "MEMORY:DELETE"),
    row("POST", "/users/", "USERS:WRITE"),
    row("GET", "/users/", "USERS:LIST"),
    row("GET", "/users/8f0b", "USERS:READ"),
    row("PUT", "/users/8f0b", "USERS:EDIT"),
    row("DELETE", "/users/8f0b", "USERS:DELETE"),
    row("GET", "/auth/available-permissions", "USERS:LIST"),
    base("GET", "/admin/", "STATIC:READ"),
    base("GET", "/admin/settings", "STATIC:READ"),
    base("GET", "/admin/settings/", "STATIC:READ"),
];

const RESOURCES: [&str; 11] = [
    "STATUS", "MEMORY", "CONVERSATION", "SETTINGS", "LLM", "EMBEDDER", "AUTH_HANDLER", "USERS",
    "UPLOAD", "PLUGINS", "STATIC",
];
const ACTIONS: [&str; 5] = ["WRITE", "EDIT", "LIST", "READ", "DELETE"];

fn only(need: &str) -> String {
    format!("only-{need}")
}

fn all_but(need: &str) -> String {
    format!("all-but-{need}")
}

/// For each permission that some row asks for, a key that has it alone and one that has all others;
/// one with the base permissions, and one with all.
async fn cat() -> (Backend, Sidecar) {
    let backend = Backend::start().await;
    let all: BTreeSet<String> = RESOURCES
        .iter()
        .flat_map(|resource| ACTIONS.map(|action| format!("{resource}:{action}")))
        .collect();
    let mut setup = Setup::cat(&backend)
        // One socket after the other, all of one user.
        .set("websocket", "max_per_user = \"off\"")
        .key_with("base", "user = \"bob\"")
        .key_with("all", "user = \"bob\"\npermissions = [\"*:*\"]")
        .key_with("none", "user = \"bob\"\npermissions = []");
    for need in ROUTES.iter().flat_map(|row| [row.doorward, row.backend]).collect::<BTreeSet<_>>() {
        assert!(all.contains(need), "{need}");
        let others: Vec<_> = all.iter().filter(|other| *other != need).collect();
        setup = setup
            .key_with(&only(need), &format!("user = \"bob\"\npermissions = [{need:?}]"))
            .key_with(&all_but(need), &format!("user = \"bob\"\npermissions = {others:?}"));
    }
    let sidecar = setup.start().await;
    (backend, sidecar)
}

/// The status of a call with a key, whose refusal must be the Cat's to the letter.
async fn call(sidecar: &Sidecar, method: &str, path: &str, key: Option<&str>) -> u16 {
    let bearer = key.map(|key| format!("Bearer {}", key_of(key)));
    let answer = if method == "WS" {
        let handshake = sidecar.websocket(path);
        match bearer {
            Some(bearer) => handshake.header("Authorization", &bearer).answer().await.0,
            None => handshake.answer().await.0,
        }
    } else {
        let request = sidecar.request(method, path);
        match bearer {
            Some(bearer) => request.header("Authorization", &bearer).send().await,
            None => request.send().await,
        }
    };
    if answer.status == 403 {
        assert_eq!(answer.text(), REFUSAL, "{method} {path} {key:?}");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{method} {path}");
        assert_eq!(answer.header("www-authenticate"), None, "{method} {path}");
    }
    answer.status
}

#[tokio::test]
async fn each_path_and_method_asks_for_its_permission_and_no_other() {
    let (backend, sidecar) = cat().await;
    for Row { method, path, backend: theirs, doorward, base, why } in ROUTES {
        let name = format!("{method} {path}: {doorward} {why}");
        differs_on_purpose(&name, theirs, doorward, why);
        let call = async |key: Option<&str>| call(&sidecar, method, path, key).await;
        let passes = if *method == "WS" { 101 } else { 200 };
        let before = backend.seen().len();
        assert_eq!(call(Some(&all_but(doorward))).await, 403, "{name}");
        assert_eq!(call(Some("none")).await, 403, "{name}");
        assert_eq!(call(Some("nobody's")).await, 403, "{name}");
        assert_eq!(call(None).await, 403, "{name}");
        if theirs != doorward {
            assert_eq!(call(Some(&only(theirs))).await, 403, "{name}");
        }
        assert_eq!(backend.seen().len(), before, "{name}");
        assert_eq!(call(Some(&only(doorward))).await, passes, "{name}");
        assert_eq!(call(Some("base")).await, if *base { passes } else { 403 }, "{name}");
        let seen = &backend.seen()[before];
        let (path_seen, _) = seen.target().split_once('?').unwrap_or((seen.target(), ""));
        assert_eq!(path_seen, if *method == "WS" { "/ws/bob" } else { path }, "{name}");
    }
}

#[tokio::test]
async fn a_slash_at_the_end_changes_nothing_and_is_forwarded_as_it_came() {
    let (backend, sidecar) = cat().await;
    for Row { method, path, doorward, .. } in ROUTES.iter().filter(|row| row.path != "/") {
        let other = match path.strip_suffix('/') {
            Some(bare) => bare.to_owned(),
            None => format!("{path}/"),
        };
        let before = backend.seen().len();
        let refused = call(&sidecar, method, &other, Some(&all_but(doorward))).await;
        assert_eq!(refused, 403, "{method} {other}");
        let passed = call(&sidecar, method, &other, Some(&only(doorward))).await;
        assert!([101, 200].contains(&passed), "{method} {other}: {passed}");
        if *method != "WS" {
            assert_eq!(backend.seen()[before].target(), other, "{method}");
        }
    }
}

#[tokio::test]
async fn a_method_that_is_not_in_the_table_is_denied_whatever_a_key_may_do() {
    let (backend, sidecar) = cat().await;
    let mut methods = BTreeMap::<&str, Vec<&str>>::new();
    for row in ROUTES.iter().filter(|row| row.method != "WS") {
        methods.entry(row.path).or_default().push(row.method);
    }
    for (path, known) in methods {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            if !known.contains(&method) {
                let status = call(&sidecar, method, path, Some("all")).await;
                assert_eq!(status, 403, "{method} {path}: the Cat says 405, here nothing is named");
            }
        }
    }
    assert_eq!(backend.connections(), 0);
}

/// What the Cat serves to whoever asks, what a key with all permissions gets here, and why.
struct Public {
    method: &'static str,
    path: &'static str,
    doorward: u16,
    why: &'static str,
}

const LOGIN: &str = "the Cat is born with admin:admin, and lets passwords be tried without end";
const DESCRIPTION: &str =
    "a description of every endpoint is for who writes clients, not for strangers";
const PLUGIN: &str = "what a plugin serves is known to whoever installed it, and to nobody else";
const PANEL: &str = "the panel's files are for whoever may see the panel";
const FILES: &str = "files that plugins and uploads put there are opened by who knows them";

const PUBLIC: &[Public] = &[
    Public { method: "POST", path: "/auth/token", doorward: 403, why: LOGIN },
    Public { method: "GET", path: "/auth/login", doorward: 403, why: LOGIN },
    Public { method: "POST", path: "/auth/login", doorward: 403, why: LOGIN },
    Public { method: "GET", path: "/openapi.json", doorward: 403, why: DESCRIPTION },
    Public { method: "GET", path: "/docs", doorward: 403, why: DESCRIPTION },
    Public { method: "GET", path: "/static/logo.png", doorward: 403, why: FILES },
    Public { method: "GET", path: "/core-static/css/cat.css", doorward: 200, why: PANEL },
    Public { method: "GET", path: "/admin/assets/js/index.js", doorward: 200, why: PANEL },
    Public { method: "GET", path: "/custom/hello", doorward: 403, why: PLUGIN },
    Public { method: "POST", path: "/custom/hello/you", doorward: 403, why: PLUGIN },
    Public { method: "GET", path: "/weather/today", doorward: 403, why: PLUGIN },
];

#[tokio::test]
async fn what_the_cat_shows_to_everybody_is_closed_to_strangers() {
    let (backend, sidecar) = cat().await;
    for Public { method, path, doorward, why } in PUBLIC {
        for key in [None, Some("nobody's"), Some("none")] {
            assert_eq!(call(&sidecar, method, path, key).await, 403, "{method} {path}: {why}");
        }
        let status = call(&sidecar, method, path, Some("all")).await;
        assert_eq!(status, *doorward, "{method} {path}: {why}");
    }
    let passed = PUBLIC.iter().filter(|row| row.doorward == 200).count();
    assert_eq!(backend.seen().len(), passed);
}

#[tokio::test]
async fn one_rule_opens_what_the_cat_shows_to_everybody() {
    let backend = Backend::start().await;
    for Public { method, path, .. } in PUBLIC {
        let settings = format!("access = \"open\"\nmethods = [{method:?}]");
        let sidecar = Setup::cat(&backend).key("alice").route(path, &settings).start().await;
        let before = backend.seen().len();
        let status = sidecar.request(method, path).header("user_id", "alice").status().await;
        assert_eq!(status, 200, "{method} {path}");
        let seen = &backend.seen()[before];
        assert!(seen.folded("user_id").is_empty(), "{method} {path}: {seen:?}");
        let below = format!("{path}/x");
        let others = PUBLIC.iter().filter(|row| row.path != *path).map(|row| row.path);
        for other in others.chain([below.as_str()]) {
            let status = sidecar.request(method, other).status().await;
            assert_eq!(status, 403, "{method} {other} beside {path}");
        }
    }
}
