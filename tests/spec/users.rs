//! Users are kept over the API of Cheshire Cat, and what changes of them counts at once.

use serde_json::{Value, json};

use crate::support::{Backend, PASSWORD, Setup, Sidecar, eventually};

fn error(text: &str) -> Value {
    json!({ "detail": { "error": text } })
}

#[tokio::test]
async fn a_user_is_made_listed_read_changed_and_deleted() {
    let backend = Backend::start().await;
    let sidecar = Sidecar::with_accounts(&backend).await;
    let all = |method: &str| sidecar.accounts(method, "/users/").key("admin");
    let body =
        json!({ "username": "alice", "password": PASSWORD, "permissions": { "USERS": ["READ"] } });
    let made = all("POST").json(&body).send().await;
    assert_eq!(made.status, 200, "{}", made.text());
    let alice = made.json();
    let id = alice["id"].as_str().unwrap();
    assert_eq!(
        alice,
        json!({ "username": "alice", "permissions": { "USERS": ["READ"] }, "id": id, "status": "enabled" })
    );
    assert_eq!(all("GET").send().await.json(), json!([alice]));
    let path = format!("/users/{id}");
    let one = |method: &str| sidecar.accounts(method, &path).key("admin");
    assert_eq!(one("GET").send().await.json(), alice);
    let renamed = one("PUT").json(&json!({ "username": "alicia" })).send().await;
    assert_eq!((renamed.status, renamed.json()["username"].as_str()), (200, Some("alicia")));
    assert_eq!(sidecar.log_in("alice", PASSWORD).status().await, 403);
    assert_eq!(sidecar.log_in("Alicia", PASSWORD).status().await, 200, "in any case");
    let deleted = one("DELETE").send().await;
    assert_eq!((deleted.status, deleted.json()["username"].as_str()), (200, Some("alicia")));
    let gone = one("GET").send().await;
    assert_eq!((gone.status, gone.json()), (404, error("User not found")));
    assert_eq!(one("DELETE").status().await, 404);
}

#[tokio::test]
async fn no_two_users_have_one_name_in_whatever_case() {
    let backend = Backend::start().await;
    let sidecar = Sidecar::with_accounts(&backend).await;
    sidecar.user("alice", &json!({})).await;
    let bob = sidecar.user("bob", &json!({})).await;
    let body = json!({ "username": "ALICE", "password": PASSWORD });
    let made = sidecar.accounts("POST", "/users").key("admin").json(&body).send().await;
    assert_eq!((made.status, made.json()), (403, error("Cannot duplicate user")));
    let rename = json!({ "username": "Alice" });
    let path = format!("/users/{bob}");
    let renamed = sidecar.accounts("PUT", &path).key("admin").json(&rename).send().await;
    assert_eq!((renamed.status, renamed.json()), (403, error("Cannot duplicate user")));
}

#[tokio::test]
async fn nobody_is_given_the_name_that_a_key_is_bound_to() {
    let backend = Backend::start().await;
    let setup = Setup::before(&backend).accounts().admin();
    let sidecar = setup.key_with("web", "user = \"operator\"").start().await;
    sidecar.until_logins_are_possible("/_doorward").await;
    let alice = sidecar.user("alice", &json!({})).await;
    let key = json!({ "user": "ci" });
    assert_eq!(sidecar.admin("POST", "/keys").key("admin").json(&key).asked().await, 200);
    for name in ["operator", "Operator", "root", "ci", "CI"] {
        let new = json!({ "username": name, "password": PASSWORD });
        let rename = json!({ "username": name });
        let path = format!("/users/{alice}");
        let made = sidecar.accounts("POST", "/users/").key("admin").json(&new).send().await;
        assert_eq!(made.status, 400, "{name} {}", made.text());
        assert!(made.text().contains("kept for others"), "{}", made.text());
        let put = sidecar.accounts("PUT", &path).key("admin").json(&rename);
        assert_eq!(put.status().await, 400, "{name}");
        let asked = sidecar.admin("POST", "/users").key("admin").json(&new).asked().await;
        assert_eq!(asked, 400, "{name}");
        let asked = sidecar.admin("PUT", &path).key("admin").json(&rename).asked().await;
        assert_eq!(asked, 400, "{name}");
        for command in [
            &["user", "create", name, "--password-stdin"][..],
            &["user", "update", "alice", "--username", name],
        ] {
            let refused = sidecar.command(command, PASSWORD).await;
            assert_eq!((refused.code, refused.text.contains("kept for others")), (1, true));
        }
        assert_eq!(sidecar.log_in(name, PASSWORD).status().await, 403, "{name}");
    }
}

#[tokio::test]
async fn a_user_who_is_called_like_a_bound_key_already_stays_in_force() {
    let backend = Backend::start().await;
    let setup = Setup::before(&backend).accounts();
    let sidecar = setup.key_with("web", "user = \"operator\"").start().await;
    sidecar.until_logins_are_possible("/_doorward").await;
    let id = sidecar.user("alice", &json!({})).await;
    let exported = sidecar.done(&["store", "export"], "").await;
    sidecar.done(&["user", "delete", "alice"], "").await;
    let renamed = exported.replace("\"alice\"", "\"operator\"");
    let said = sidecar.done(&["store", "import", "-"], &renamed).await;
    assert!(said.contains("operator is also whom a key speaks for"), "{said}");
    let logs_in = async || sidecar.log_in("operator", PASSWORD).status().await == 200;
    eventually("operator logs in", logs_in).await;
    let path = format!("/users/{id}");
    let put =
        async |body: Value| sidecar.accounts("PUT", &path).key("admin").json(&body).status().await;
    let same = json!({ "username": "operator", "permissions": { "USERS": ["LIST"] } });
    assert_eq!(put(same).await, 200, "the name stays");
    assert_eq!(put(json!({ "username": "Operator" })).await, 400);
    sidecar.done(&["user", "update", "operator", "--username", "operator"], "").await;
}

#[tokio::test]
async fn what_is_not_valid_is_refused_and_never_repeated() {
    let backend = Backend::start().await;
    let setup = Setup::before(&backend).accounts();
    let sidecar = setup.key_with("site", "acts_as = [\"visitor-*\"]").start().await;
    sidecar.until_logins_are_possible("/_doorward").await;
    let id = sidecar.user("alice", &json!({})).await;
    let secret = "hunter2-hunter2";
    for body in [
        json!({ "username": "b", "password": secret }),
        json!({ "username": "bob", "password": "hunter2" }),
        json!({ "username": "bob", "password": secret.repeat(100) }),
        json!({ "username": "bob", "password": secret, "admin": true }),
        json!({ "username": "bob" }),
        json!({ "username": "visitor-9", "password": secret }),
        json!({ "username": "Visitor-9", "password": secret }),
        json!({ "username": "anon-9", "password": secret }),
        json!({ "username": "bob smith", "password": secret }),
        json!({ "username": "bob", "password": secret, "permissions": { "NOTHING": ["READ"] } }),
        json!({ "username": "bob", "password": secret, "permissions": { "USERS": ["FLY"] } }),
        json!({ "username": "bob", "password": secret, "permissions": null }),
        json!({ "username": "bob", "password": secret, "status": "hunter2" }),
        json!({ "username": "bob", "password": secret, "hunter2": "" }),
    ] {
        let answer = sidecar.accounts("POST", "/users/").key("admin").json(&body).send().await;
        assert_eq!(answer.status, 400, "{body} {}", answer.text());
        assert!(answer.json()["error"].is_array(), "{}", answer.text());
        assert!(!answer.text().contains("hunter2"), "{}", answer.text());
    }
    for body in [json!({ "username": null }), json!({ "password": "hunter2" }), json!({ "id": id })]
    {
        let path = format!("/users/{id}");
        let answer = sidecar.accounts("PUT", &path).key("admin").json(&body).send().await;
        assert_eq!(answer.status, 400, "{body} {}", answer.text());
    }
    for query in ["limit=-1", "limit=0", "limit=1001", "skip=-1", "page=1"] {
        let path = format!("/users/?{query}");
        assert_eq!(sidecar.accounts("GET", &path).key("admin").status().await, 400, "{query}");
    }
}

#[tokio::test]
async fn nobody_gives_more_than_it_has_nor_takes_over_who_has_more() {
    let backend = Backend::start().await;
    let sidecar = Sidecar::with_accounts(&backend).await;
    let keeper = json!({ "USERS": ["READ", "WRITE", "EDIT", "DELETE", "LIST"] });
    sidecar.user("keeper", &keeper).await;
    let chief = sidecar.user("chief", &json!({ "ADMIN": ["*"] })).await;
    let token = sidecar.token("keeper", PASSWORD).await;
    let grab =
        json!({ "username": "mine", "password": PASSWORD, "permissions": { "ADMIN": ["*"] } });
    let made = sidecar.accounts("POST", "/users/").bearer(&token).json(&grab).send().await;
    assert_eq!(made.status, 403, "{}", made.text());
    let path = format!("/users/{chief}");
    let mine = json!({ "password": "my own password" });
    assert_eq!(sidecar.accounts("PUT", &path).bearer(&token).json(&mine).status().await, 403);
    assert_eq!(sidecar.accounts("DELETE", &path).bearer(&token).status().await, 403);
    assert_eq!(sidecar.accounts("GET", &path).bearer(&token).status().await, 200);
}

#[tokio::test]
async fn who_may_not_keep_users_is_refused_and_the_backend_hears_nothing() {
    let backend = Backend::start().await;
    let sidecar = Sidecar::with_accounts(&backend).await;
    let id = sidecar.user("alice", &json!({ "USERS": ["LIST"] })).await;
    let token = sidecar.token("alice", PASSWORD).await;
    let path = format!("/users/{id}");
    for (method, path, status) in [
        ("GET", "/users", 200),
        ("GET", "/auth/available-permissions", 200),
        ("POST", "/users", 403),
        ("GET", &*path, 403),
        ("PUT", &*path, 403),
        ("DELETE", &*path, 403),
        ("PATCH", &*path, 403),
        ("GET", "/users/a/b", 403),
        ("GET", "/auth/else", 403),
    ] {
        let request = sidecar.accounts(method, path).bearer(&token).json(&json!({}));
        assert_eq!(request.status().await, status, "{method} {path}");
        assert_eq!(sidecar.accounts(method, path).json(&json!({})).status().await, 401);
    }
    assert!(backend.seen().is_empty());
}

#[tokio::test]
async fn a_change_of_a_user_ends_its_tokens_and_sockets() {
    let backend = Backend::start().await;
    let sidecar = Sidecar::with_accounts(&backend).await;
    let changes = [
        ("PUT", json!({ "password": "a new password" })),
        ("PUT", json!({ "status": "disabled" })),
        ("DELETE", json!({})),
    ];
    for (at, (method, change)) in changes.into_iter().enumerate() {
        let name = format!("user-{at}");
        let id = sidecar.user(&name, &json!({})).await;
        let token = sidecar.token(&name, PASSWORD).await;
        let mut chat = sidecar.websocket("/ws").token(&token).open().await;
        assert!(chat.is_alive().await);
        let path = format!("/users/{id}");
        let answer = sidecar.accounts(method, &path).key("admin").json(&change).send().await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(sidecar.get("/").bearer(&token).status().await, 401, "{change}");
        assert_eq!(chat.closed_within_a_second().await, 4403, "{change}");
        assert_eq!(sidecar.log_in(&name, PASSWORD).status().await, 403, "{change}");
    }
    assert_eq!(sidecar.log_in("user-0", "a new password").status().await, 200);
    // Who comes after with an old name inherits nothing.
    let token = sidecar.token("user-0", "a new password").await;
    let id = sidecar.accounts("GET", "/users/me").bearer(&token).send().await.json();
    let path = format!("/users/{}", id["id"].as_str().unwrap());
    assert_eq!(sidecar.accounts("DELETE", &path).key("admin").status().await, 200);
    sidecar.user("user-0", &json!({})).await;
    assert_eq!(sidecar.get("/").bearer(&token).status().await, 401);
}

#[tokio::test]
async fn a_user_keeps_keys_of_its_own_that_may_do_no_more() {
    let backend = Backend::start().await;
    let sidecar = Sidecar::with_accounts(&backend).await;
    let id = sidecar.user("alice", &json!({ "USERS": ["LIST"] })).await;
    let token = sidecar.token("alice", PASSWORD).await;
    let keys = |method: &str, path: &str| {
        sidecar.accounts(method, &format!("/users/me/keys{path}")).bearer(&token)
    };
    let too_much = json!({ "permissions": { "USERS": ["DELETE"] } });
    assert_eq!(keys("POST", "").json(&too_much).status().await, 403);
    assert_eq!(keys("POST", "").json(&json!({ "expires_in": 0 })).status().await, 400);
    let made = keys("POST", "").json(&json!({ "id": "laptop" })).send().await;
    assert_eq!(made.status, 200, "{}", made.text());
    let key = made.json()["key"].as_str().unwrap().to_owned();
    assert_eq!(sidecar.accounts("GET", "/users").bearer(&key).status().await, 200);
    assert_eq!(sidecar.get("/").bearer(&key).status().await, 200);
    assert_eq!(backend.only().folded("user_id"), ["alice"]);
    let by_key = sidecar.accounts("POST", "/users/me/keys").bearer(&key).json(&json!({}));
    assert_eq!(by_key.status().await, 403, "a key makes no keys");
    let listed = keys("GET", "").send().await;
    assert_eq!(listed.json()[0]["id"], "laptop");
    assert!(!listed.text().contains(&key));
    eventually("its use is known", async || {
        keys("GET", "").send().await.json()[0]["last_used"].is_string()
    })
    .await;
    let path = format!("/users/{id}");
    let less = json!({ "permissions": {} });
    assert_eq!(sidecar.accounts("PUT", &path).key("admin").json(&less).status().await, 200);
    assert_eq!(sidecar.accounts("GET", "/users").bearer(&key).status().await, 403);
    let rotated = keys("POST", "/laptop/rotate").json(&json!({})).send().await;
    assert_eq!(rotated.status, 200, "{}", rotated.text());
    assert_eq!(sidecar.get("/").bearer(&key).status().await, 401);
    let next = rotated.json();
    let (next, id) = (next["key"].as_str().unwrap(), next["id"].as_str().unwrap());
    assert_eq!(sidecar.get("/").bearer(next).status().await, 200);
    assert_eq!(keys("DELETE", &format!("/{id}")).status().await, 200);
    assert_eq!(sidecar.get("/").bearer(next).status().await, 401);
    assert_eq!(keys("DELETE", "/laptop-2").status().await, 404);
}

#[tokio::test]
async fn a_user_changes_its_own_password_by_the_old_one() {
    let backend = Backend::start().await;
    let sidecar = Sidecar::with_accounts(&backend).await;
    sidecar.user("alice", &json!({})).await;
    let token = sidecar.token("alice", PASSWORD).await;
    let change = |current: &str| {
        let body = json!({ "current": current, "new": "a new password" });
        sidecar.accounts("POST", "/users/me/password").bearer(&token).json(&body)
    };
    assert_eq!(change("not her password").status().await, 403);
    assert_eq!(change(PASSWORD).status().await, 200);
    assert_eq!(sidecar.get("/").bearer(&token).status().await, 401);
    assert_eq!(sidecar.log_in("alice", PASSWORD).status().await, 403);
    assert_eq!(sidecar.log_in("alice", "a new password").status().await, 200);
}
