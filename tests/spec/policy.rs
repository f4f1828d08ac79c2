//! Which request may pass (interface §2 `[[route]]`, §4): the first rule that matches decides, on
//! one normal form of the path, and what nothing names is denied.

use serde_json::json;

use crate::support::{Backend, Claims, Setup, Sidecar};

/// `/status` is open; `/users/…` needs a permission that nobody has; the rest needs a name.
async fn sidecar(backend: &Backend) -> Sidecar {
    Setup::before(backend)
        .key("alice")
        .route("/status", "access = \"open\"")
        .route("/users/**", "require = \"USERS:LIST\"")
        .start()
        .await
}

#[tokio::test]
async fn only_the_open_path_itself_is_open() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    for target in
        ["/users/?x=/status", "/STATUS", "/status/x", "/statusx", "/users/status", "/?/status"]
    {
        assert_eq!(sidecar.get(target).status().await, 401, "{target}");
    }
    for target in [
        "/status/../users/", "/status%2f..%2fusers/", "//status", "/status;/../users",
        "/status/%2e%2e/users",
    ] {
        assert_eq!(sidecar.get(target).status().await, 400, "{target}");
    }
    assert_eq!(backend.connections(), 0);
    for target in ["/status", "/status/", "/status?x=1", "/%73tatus"] {
        assert_eq!(sidecar.get(target).status().await, 200, "{target}");
    }
}

#[tokio::test]
async fn a_header_cannot_say_another_path() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    for name in ["X-Forwarded-Uri", "X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Path"] {
        assert_eq!(sidecar.get("/users/").header(name, "/status").status().await, 401, "{name}");
    }
    let method = sidecar.request("POST", "/status").header("X-HTTP-Method-Override", "GET");
    assert_eq!(method.status().await, 200);
    assert_eq!(backend.only().method(), "POST");
}

#[tokio::test]
async fn a_closed_path_stays_closed_in_every_spelling() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    for target in ["/users", "/users/", "/users/1", "/%75sers", "/user%73/x/y", "/users/?a"] {
        assert_eq!(sidecar.get(target).key("alice").status().await, 403, "{target}");
    }
    for target in
        ["/users%2f1", "/./users", "/a/../users", "/users/.", "/%2e/users", "//users", "/users//1"]
    {
        assert_eq!(sidecar.get(target).key("alice").status().await, 400, "{target}");
    }
    assert_eq!(backend.connections(), 0);
}

#[tokio::test]
async fn a_target_that_can_be_read_in_two_ways_is_malformed() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let tricks = [
        "/a%2Fb", "/a%2fb", "/a%5Cb", "/a%5cb", "/a\\b", "/a%00", "/a%", "/a%4", "/a%zz",
        "/a%c0%af", "/a%ff", "/a%e9", "/.", "/..", "/a/..", "/%2e", "/%2E%2e/a", "/a/.%2e", "//",
        "/a//b", "/a;b", "/a%3bb/../c",
    ];
    for target in tricks {
        assert_eq!(sidecar.get(target).key("alice").status().await, 400, "{target}");
    }
    assert_eq!(backend.connections(), 0);
}

#[tokio::test]
async fn the_clients_own_bytes_are_forwarded() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    for target in ["/a%20b/%C3%A9?q=%2F;%2e./x", "/a/b/", "/A-b_c~d.e!$'()*+,=:@", "/?", "/a??b=?"]
    {
        assert_eq!(sidecar.get(target).key("alice").status().await, 200, "{target}");
        assert_eq!(backend.seen().last().unwrap().target(), target);
    }
}

#[tokio::test]
async fn nothing_named_is_denied() {
    let backend = Backend::start().await;
    let sidecar = Setup::cat(&backend)
        .key_with("all", "acts_as = [\"*\"]\npermissions = [\"*:*\"]")
        .start()
        .await;
    for path in ["/docs", "/openapi.json", "/auth/token", "/auth/login", "/custom/x", "/nothing"] {
        for method in ["GET", "HEAD", "OPTIONS", "PATCH", "POST", "DELETE", "get", "BREW"] {
            let request = sidecar.request(method, path).key("all").header("user_id", "alice");
            assert_eq!(request.status().await, 403, "{method} {path}");
        }
    }
    assert_eq!(sidecar.request("DELETE", "/message").key("all").status().await, 403);
    assert_eq!(backend.connections(), 0);
}

#[tokio::test]
async fn head_goes_with_get() {
    let backend = Backend::start().await;
    let sidecar = Setup::cat(&backend).key("alice").start().await;
    assert_eq!(sidecar.request("HEAD", "/").key("alice").status().await, 200);
    assert_eq!(backend.only().method(), "HEAD");
}

#[tokio::test]
async fn a_permission_opens_what_requires_it() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend)
        .route("/reports/*", "require = \"REPORTS:READ\"")
        .key_with("reader", "user = \"alice\"\npermissions = [\"REPORTS:READ\"]")
        .key_with("writer", "user = \"bob\"\npermissions = [\"REPORTS:WRITE\"]")
        .key_with("admin", "user = \"root\"\npermissions = [\"*:*\"]")
        .start()
        .await;
    for (key, status) in [("reader", 200), ("writer", 403), ("admin", 200)] {
        assert_eq!(sidecar.get("/reports/1").key(key).status().await, status, "{key}");
    }
    assert_eq!(sidecar.get("/reports/1").status().await, 401);
}

#[tokio::test]
async fn the_first_rule_that_matches_decides() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend)
        .key("alice")
        .route("/a/open", "access = \"open\"")
        .route("/a/*", "access = \"deny\"")
        .route("/a/**", "access = \"authenticated\"")
        .start()
        .await;
    let status = async |target: &str| sidecar.get(target).key("alice").status().await;
    assert_eq!(
        [status("/a/open").await, status("/a/x").await, status("/a/x/y").await],
        [200, 403, 200]
    );
    assert_eq!(sidecar.get("/a/x/y").status().await, 401);
}

#[tokio::test]
async fn a_rule_is_for_its_methods() {
    let backend = Backend::start().await;
    let route = "access = \"open\"\nmethods = [\"GET\"]";
    let sidecar = Setup::before(&backend).key("alice").route("/page", route).start().await;
    assert_eq!(sidecar.get("/page").status().await, 200);
    assert_eq!(sidecar.request("HEAD", "/page").status().await, 200);
    assert_eq!(sidecar.request("POST", "/page").status().await, 401);
    assert_eq!(sidecar.request("get", "/page").status().await, 401);
}

#[tokio::test]
async fn a_segment_may_have_to_be_the_callers_own() {
    let backend = Backend::start().await;
    let setup =
        Setup::before(&backend).key("alice").route("/mine/{id}", "access = \"authenticated\"");
    let sidecar = setup.route("/mine/**", "access = \"deny\"").start().await;
    assert_eq!(sidecar.get("/mine/alice").key("alice").status().await, 200);
    for other in ["/mine/bob", "/mine/Alice", "/mine/alice2", "/mine"] {
        assert_eq!(sidecar.get(other).key("alice").status().await, 403, "{other}");
    }
    assert_eq!(backend.seen().len(), 1);
}

#[tokio::test]
async fn a_rule_may_take_encoded_slashes() {
    let backend = Backend::start().await;
    let route = "access = \"authenticated\"\nencoded_slash = \"allow\"";
    let sidecar = Setup::before(&backend).key("alice").route("/files/*", route).start().await;
    assert_eq!(sidecar.get("/files/a%2Fb").key("alice").status().await, 200);
    assert_eq!(backend.only().target(), "/files/a%2Fb");
    assert_eq!(sidecar.get("/files/a%2F..%2Fb").key("alice").status().await, 400);
    assert_eq!(sidecar.get("/other/a%2Fb").key("alice").status().await, 400);
}

#[tokio::test]
async fn connect_and_trace_are_nobodys() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    assert_eq!(sidecar.request("TRACE", "/status").status().await, 405);
    assert_eq!(sidecar.request("CONNECT", "chat.example:443").key("alice").status().await, 405);
    assert_eq!(backend.connections(), 0);
}

#[tokio::test]
async fn another_host_is_not_served() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    for host in ["evil.example", "chat.example.evil", "xchat.example", "127.0.0.2", "chat.example."]
    {
        let status = sidecar.get("/status").header("Host", host).status().await;
        assert!([400, 421].contains(&status), "{host}: {status}");
    }
    assert_eq!(backend.connections(), 0);
    for host in ["CHAT.example", "chat.example:443", "localhost:8443", "127.0.0.1"] {
        assert_eq!(sidecar.get("/status").header("Host", host).status().await, 200, "{host}");
    }
}

#[tokio::test]
async fn a_permission_of_a_token_is_the_tokens() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend)
        .issuer_with("[issuer.roles]\nchat-admin = [\"USERS:LIST\"]")
        .route("/users/**", "require = \"USERS:LIST\"")
        .start()
        .await;
    for (permissions, status) in [
        (json!(["USERS:LIST"]), 200),
        (json!({"USERS": ["LIST"]}), 200),
        (json!("USERS:LIST STATUS:READ"), 200),
        (json!(["chat-admin"]), 200),
        (json!(["USERS:READ"]), 403),
        (json!(["*:*"]), 200),
        (json!([]), 403),
    ] {
        let token = Claims::of("alice").with("permissions", permissions.clone()).sign();
        assert_eq!(sidecar.get("/users/").bearer(&token).status().await, status, "{permissions}");
    }
}
