//! Users, keys, tokens and the audit log over the admin API.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Backend, PASSWORD, Setup, Sidecar, eventually};

async fn sidecar(backend: &Backend) -> Sidecar {
    let setup = Setup::before(backend).accounts().admin();
    let sidecar = setup
        .key_with("operator", "user = \"operator\"\npermissions = [\"ADMIN:*\"]")
        .start()
        .await;
    sidecar.until_logins_are_possible("/_doorward").await;
    sidecar
}

/// What a request by `admin`, which may do everything, is answered.
async fn ask(sidecar: &Sidecar, method: &str, path: &str, body: Value) -> (u16, Value) {
    let request = sidecar.admin(method, path).key("admin");
    let request = if body.is_null() { request } else { request.json(&body) };
    let answer = request.ask().await;
    (answer.status, serde_json::from_slice(&answer.body).unwrap_or(Value::Null))
}

/// The same, where it must succeed.
async fn done(sidecar: &Sidecar, method: &str, path: &str, body: Value) -> Value {
    let (status, answer) = ask(sidecar, method, path, body).await;
    assert_eq!(status, 200, "{method} {path} {answer}");
    answer
}

#[tokio::test]
async fn users_are_kept_and_every_change_has_its_author() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let new = json!({ "username": "alice", "password": PASSWORD, "permissions": {} });
    let alice = done(&sidecar, "POST", "/users", new.clone()).await;
    let path = format!("/users/{}", alice["id"].as_str().unwrap());
    assert_eq!(ask(&sidecar, "POST", "/users", new).await.0, 403, "no two of one name");
    assert_eq!(done(&sidecar, "GET", "/users?username=ALICE", json!(null)).await, json!([alice]));
    assert_eq!(done(&sidecar, "GET", "/users?username=bob", json!(null)).await, json!([]));
    assert_eq!(done(&sidecar, "GET", "/users?skip=1", json!(null)).await, json!([]));
    for query in ["limit=0", "limit=1001", "skip=-1", "name=x", "limit=x"] {
        assert_eq!(ask(&sidecar, "GET", &format!("/users?{query}"), json!(null)).await.0, 400);
    }
    assert_eq!(done(&sidecar, "GET", &path, json!(null)).await, alice);
    done(&sidecar, "PUT", &path, json!({ "username": "alicia" })).await;
    let token = sidecar.token("alicia", PASSWORD).await;
    let revoke = format!("{path}/revoke-tokens");
    assert_eq!(sidecar.get("/").bearer(&token).status().await, 200);
    done(&sidecar, "POST", &revoke, json!(null)).await;
    assert_eq!(sidecar.get("/").bearer(&token).status().await, 401);
    assert_eq!(
        sidecar.get("/").bearer(&sidecar.token("alicia", PASSWORD).await).status().await,
        200
    );
    done(&sidecar, "DELETE", &path, json!(null)).await;
    assert_eq!(ask(&sidecar, "GET", &path, json!(null)).await.0, 404);
    assert_eq!(ask(&sidecar, "POST", &revoke, json!(null)).await.0, 404);
    let log = done(&sidecar, "GET", "/audit?limit=4", json!(null)).await;
    let log = log.as_array().unwrap();
    let actions: Vec<_> = log.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["user.delete", "token.revoke-user", "user.edit", "user.create"]);
    for entry in log {
        assert_eq!((&entry["by"], &entry["from"]), (&json!("root (admin)"), &json!("127.0.0.1")));
        assert_eq!(entry["subject"], alice["id"]);
    }
    let before = log[3]["revision"].as_i64().unwrap();
    let older = done(&sidecar, "GET", &format!("/audit?before={before}"), json!(null)).await;
    assert!(
        older.as_array().unwrap().iter().all(|entry| entry["revision"].as_i64() < Some(before))
    );
    assert!(!format!("{log:?}").contains(PASSWORD));
}

#[tokio::test]
async fn who_may_use_it_gives_no_more_than_it_has() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let everything = json!({ "USERS": ["LIST"] });
    let chief = sidecar.user("chief", &everything).await;
    done(&sidecar, "POST", "/keys", json!({ "id": "chiefs", "user": "chief" })).await;
    let operator = async |method: &str, path: &str, body: Value| {
        sidecar.admin(method, path).key("operator").json(&body).asked().await
    };
    let new = json!({ "username": "mine", "password": PASSWORD, "permissions": everything });
    assert_eq!(operator("POST", "/users", new).await, 403);
    let path = format!("/users/{chief}");
    assert_eq!(operator("PUT", &path, json!({ "password": "my own password" })).await, 403);
    assert_eq!(operator("POST", "/keys", json!({ "user": "chief" })).await, 403);
    let key = json!({ "user": "mine", "permissions": everything });
    assert_eq!(operator("POST", "/keys", key).await, 403);
    assert_eq!(operator("POST", "/keys/chiefs/rotate", json!({})).await, 403);
    assert_eq!(operator("DELETE", "/keys/chiefs", json!({})).await, 200, "it may take away");
}

#[tokio::test]
async fn who_may_not_everything_is_given_nobody_elses_name() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    sidecar.user("chief", &json!({ "USERS": ["LIST"] })).await;
    sidecar.user("mine", &json!({})).await;
    for key in [
        json!({ "id": "chiefs", "user": "chief", "permissions": {} }),
        json!({ "id": "bound", "user": "somebody", "permissions": {} }),
        json!({ "id": "acting", "acts_as": ["visitor-*"], "permissions": {} }),
    ] {
        done(&sidecar, "POST", "/keys", key).await;
    }
    let operator = async |path: &str, body: Value| {
        let answer = sidecar.admin("POST", path).key("operator").json(&body).ask().await;
        (answer.status, answer.text())
    };
    for body in [
        json!({ "user": "chief", "permissions": {} }),
        json!({ "user": "anybody", "permissions": {} }),
        json!({ "acts_as": ["*"], "permissions": {} }),
        json!({ "acts_as": ["visitor-1"], "permissions": {} }),
    ] {
        let (status, text) = operator("/keys", body.clone()).await;
        assert_eq!((status, text.contains("More than you may give")), (403, true), "{body} {text}");
    }
    for key in ["chiefs", "bound", "acting"] {
        let (status, text) = operator(&format!("/keys/{key}/rotate"), json!({})).await;
        assert_eq!((status, text.contains("More than you may give")), (403, true), "{key} {text}");
    }
    let (status, made) = operator("/keys", json!({ "id": "m", "user": "mine" })).await;
    assert_eq!(status, 200, "{made}");
    assert_eq!(operator("/keys/m/rotate", json!({})).await.0, 200, "who may no more than itself");
}

#[tokio::test]
async fn keys_are_made_shown_once_rotated_and_revoked() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    sidecar.user("alice", &json!({})).await;
    let made = done(&sidecar, "POST", "/keys", json!({ "id": "laptop", "user": "alice" })).await;
    let key = made["key"].as_str().unwrap().to_owned();
    assert_eq!(sidecar.get("/").bearer(&key).status().await, 200);
    assert_eq!(backend.only().folded("user_id"), ["alice"]);
    let site =
        json!({ "id": "site", "acts_as": ["visitor-*"], "transports": ["http"], "expires_in": 60 });
    let site = done(&sidecar, "POST", "/keys", site).await;
    assert_eq!((&site["user"], &site["acts_as"]), (&json!(null), &json!(["visitor-*"])));
    let listed = done(&sidecar, "GET", "/keys", json!(null)).await;
    assert_eq!((&listed[0]["id"], &listed[1]["id"]), (&json!("laptop"), &json!("site")));
    assert_eq!(listed[0]["transports"], json!(["http", "websocket"]));
    assert!(key.starts_with(listed[0]["prefix"].as_str().unwrap()));
    assert!(!listed.to_string().contains(&key));
    assert!(listed[1]["expires"].is_string() && listed[0]["expires"].is_null());
    let rotate = json!({ "overlap": 60 });
    let next = done(&sidecar, "POST", "/keys/laptop/rotate", rotate).await;
    for key in [&key, next["key"].as_str().unwrap()] {
        assert_eq!(sidecar.get("/").bearer(key).status().await, 200);
    }
    done(&sidecar, "DELETE", "/keys/laptop", json!(null)).await;
    assert_eq!(sidecar.get("/").bearer(&key).status().await, 401);
    for body in [
        json!({}),
        json!({ "user": "alice", "acts_as": ["x"] }),
        json!({ "acts_as": [] }),
        json!({ "acts_as": ["a*b"] }),
        json!({ "user": "a/b" }),
        json!({ "user": "alice", "id": "not a name" }),
        json!({ "user": "alice", "transports": [] }),
        json!({ "user": "alice", "transports": ["carrier-pigeon"] }),
        json!({ "user": "alice", "permissions": { "NOTHING": ["READ"] } }),
        json!({ "user": "alice", "expires_in": -1 }),
        json!({ "user": "alice", "expires_in": 0 }),
        json!({ "user": "alice", "secret": "x" }),
    ] {
        assert_eq!(ask(&sidecar, "POST", "/keys", body.clone()).await.0, 400, "{body}");
    }
    let again = json!({ "id": "site", "user": "alice" });
    assert_eq!(ask(&sidecar, "POST", "/keys", again).await.0, 409);
    assert_eq!(ask(&sidecar, "DELETE", "/keys/laptop", json!(null)).await.0, 404);
    assert_eq!(ask(&sidecar, "POST", "/keys/nobodys/rotate", json!({})).await.0, 404);
    assert_eq!(ask(&sidecar, "DELETE", "/keys/%2e%2e", json!(null)).await.0, 400);
}

#[tokio::test]
async fn a_key_that_would_shut_users_out_is_not_made() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    sidecar.user("alice", &json!({})).await;
    for globs in [json!(["*"]), json!(["x", "ALI*"]), json!(["Alice"])] {
        let (status, answer) = ask(&sidecar, "POST", "/keys", json!({ "acts_as": globs })).await;
        assert_eq!(
            (status, &answer["detail"]["error"]),
            (409, &json!("A user has such a name")),
            "{globs}"
        );
    }
    let config = sidecar.command(&["key", "create", "--acts-as", "*", "--expires", "1s"], "").await;
    assert_eq!((config.code, config.text.contains("a user alice")), (1, true), "{config:?}");
    assert_eq!(sidecar.log_in("alice", PASSWORD).status().await, 200);
}

#[tokio::test]
async fn a_key_that_has_ended_keeps_no_name_from_users_and_comes_back_for_none() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let key = json!({ "id": "site", "acts_as": ["guest-*"], "expires_in": 2 });
    done(&sidecar, "POST", "/keys", key).await;
    let new = json!({ "username": "guest-1", "password": PASSWORD, "permissions": {} });
    assert_eq!(ask(&sidecar, "POST", "/users", new.clone()).await.0, 400, "the key counts");
    let is_made = async || ask(&sidecar, "POST", "/users", new.clone()).await.0 == 200;
    eventually("the name is free", is_made).await;
    let token = sidecar.token("guest-1", PASSWORD).await;
    assert_eq!(sidecar.get("/").bearer(&token).status().await, 200);
    let own = done(&sidecar, "POST", "/keys", json!({ "user": "guest-1" })).await;
    assert_eq!(sidecar.get("/").bearer(own["key"].as_str().unwrap()).status().await, 200);
    assert_eq!(ask(&sidecar, "POST", "/keys/site/rotate", json!({})).await.0, 409);
    let rotated = sidecar.command(&["key", "rotate", "site"], "").await;
    assert_eq!(
        (rotated.code, rotated.text.contains("the key has ended")),
        (1, true),
        "{rotated:?}"
    );
}

#[tokio::test]
async fn a_user_whose_name_is_reserved_is_listed_so() {
    let backend = Backend::start().await;
    let setup = Setup::before(&backend).accounts().admin();
    let sidecar = setup.key_with("site", "acts_as = [\"visitor-*\"]").start().await;
    sidecar.until_logins_are_possible("/_doorward").await;
    sidecar.user("alice", &json!({})).await;
    sidecar.user("bob", &json!({})).await;
    let exported = sidecar.done(&["store", "export"], "").await;
    let renamed = exported.replace("\"bob\"", "\"visitor-1\"");
    for name in ["alice", "bob"] {
        sidecar.done(&["user", "delete", name], "").await;
    }
    sidecar.done(&["store", "import", "-"], &renamed).await;
    let listed = async || done(&sidecar, "GET", "/users", json!(null)).await;
    let shown = |listed: &Value| -> Vec<(String, bool)> {
        let shown = |user: &Value| {
            let name = user["username"].as_str().unwrap().to_owned();
            (name, user["reserved"].as_bool().unwrap())
        };
        listed.as_array().unwrap().iter().map(shown).collect()
    };
    let expected = [("alice".to_owned(), false), ("visitor-1".to_owned(), true)];
    eventually("they are listed", async || shown(&listed().await) == expected).await;
    let by_command = sidecar.done(&["user", "list", "--format", "json"], "").await;
    assert_eq!(shown(&serde_json::from_str(&by_command).unwrap()), expected);
    let text = sidecar.done(&["user", "list"], "").await;
    let said: Vec<_> = text.lines().map(|line| line.contains("kept for others")).collect();
    assert_eq!(said, [false, true], "{text}");
}

#[tokio::test]
async fn tokens_are_revoked_one_by_one_by_user_or_all() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    sidecar.user("alice", &json!({})).await;
    sidecar.user("bob", &json!({})).await;
    let revoke = async |body: Value| done(&sidecar, "POST", "/tokens/revoke", body).await;
    let is_good = async |token: &str| sidecar.get("/").bearer(token).status().await == 200;
    let (first, second) =
        (sidecar.token("alice", PASSWORD).await, sidecar.token("alice", PASSWORD).await);
    let bob = sidecar.token("bob", PASSWORD).await;
    let mut chat = sidecar.websocket("/ws").token(&first).open().await;
    let jti = revoke(json!({ "token": first })).await["jti"].clone();
    assert_eq!(chat.closed_within_a_second().await, 4403);
    assert!(!is_good(&first).await && is_good(&second).await);
    let revoked = done(&sidecar, "GET", "/revocations", json!(null)).await;
    assert_eq!(revoked["tokens"][0]["jti"], jti);
    revoke(json!({ "user": "Alice" })).await;
    assert!(!is_good(&second).await && is_good(&bob).await);
    revoke(json!({ "all": true })).await;
    assert!(!is_good(&bob).await);
    assert!(is_good(&sidecar.token("bob", PASSWORD).await).await);
    assert_eq!(ask(&sidecar, "POST", "/tokens/revoke", json!({ "user": "carol" })).await.0, 404);
    for body in [
        json!({}),
        json!({ "jti": "7" }),
        json!({ "token": "a.b.c" }),
        json!({ "all": false }),
        json!({ "all": true, "user": "bob" }),
    ] {
        assert_eq!(ask(&sidecar, "POST", "/tokens/revoke", body.clone()).await.0, 400, "{body}");
    }
}

#[tokio::test]
async fn signing_keys_are_rotated_and_their_secrets_never_shown() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    sidecar.user("alice", &json!({})).await;
    let token = sidecar.token("alice", PASSWORD).await;
    let before = done(&sidecar, "GET", "/signing-keys", json!(null)).await;
    let purposes = before.as_array().unwrap().len();
    let rotated = done(&sidecar, "POST", "/signing-keys/access/rotate", json!(null)).await;
    let rotated = rotated.as_array().unwrap();
    assert_eq!(rotated.len(), 2);
    assert!(rotated[0]["retires"].is_string() && rotated[1]["retires"].is_null());
    let mut names: Vec<_> = rotated[0].as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["algorithm", "created", "kid", "purpose", "retires"]);
    let after = done(&sidecar, "GET", "/signing-keys", json!(null)).await;
    assert_eq!(after.as_array().unwrap().len(), purposes + 1);
    assert_eq!(sidecar.get("/").bearer(&token).status().await, 200, "it was signed before");
    assert_eq!(ask(&sidecar, "POST", "/signing-keys/none/rotate", json!(null)).await.0, 404);
    let log = done(&sidecar, "GET", "/audit?limit=1", json!(null)).await;
    assert_eq!(
        (&log[0]["action"], &log[0]["by"]),
        (&json!("signing-key.create"), &json!("root (admin)"))
    );
}

#[tokio::test]
async fn who_has_to_wait_is_listed_and_let_in() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    sidecar.user("alice", &json!({})).await;
    let is_throttled = async || sidecar.log_in("alice", "not her password").status().await == 429;
    eventually("alice has to wait", is_throttled).await;
    let waiting = done(&sidecar, "GET", "/throttles", json!(null)).await;
    let alice = waiting.as_array().unwrap().iter().find(|one| one["name"] == "alice").unwrap();
    assert_eq!(alice["network"], "127.0.0.1");
    let one = "/throttles?name=alice&network=127.0.0.1";
    done(&sidecar, "DELETE", one, json!(null)).await;
    assert_eq!(sidecar.log_in("alice", PASSWORD).status().await, 200);
    assert_eq!(ask(&sidecar, "DELETE", one, json!(null)).await.0, 404);
    for query in ["", "network=nowhere", "all=true"] {
        let path = format!("/throttles?{query}");
        assert_eq!(ask(&sidecar, "DELETE", &path, json!(null)).await.0, 400, "{query}");
    }
}

#[tokio::test]
async fn an_author_that_comes_by_the_socket_is_told_from_others() {
    let backend = Backend::start().await;
    let dir = tempfile::tempdir().unwrap();
    let address = format!("address = \"unix://{}\"", Path::new(dir.path()).join("s").display());
    let sidecar = Setup::before(&backend).accounts().set("admin", &address).start().await;
    sidecar.until_logins_are_possible("/_doorward").await;
    done(&sidecar, "POST", "/keys", json!({ "user": "bob" })).await;
    let log = done(&sidecar, "GET", "/audit?limit=1", json!(null)).await;
    assert_eq!((&log[0]["action"], &log[0]["from"]), (&json!("key.create"), &json!("unix")));
}

#[tokio::test]
async fn without_a_store_it_says_so() {
    let backend = Backend::start().await;
    let root = "user = \"root\"\npermissions = [\"*:*\"]";
    let sidecar = Setup::before(&backend).admin().key_with("admin", root).start().await;
    for path in ["/users", "/keys", "/audit", "/revocations", "/signing-keys", "/throttles"] {
        let (status, answer) = ask(&sidecar, "GET", path, json!(null)).await;
        let words = answer["detail"]["error"].as_str().unwrap_or_default();
        assert!(status == 404 && words.contains("no [accounts]"), "{path} {status} {answer}");
    }
    done(&sidecar, "GET", "/sessions", json!(null)).await;
    done(&sidecar, "GET", "/reload", json!(null)).await;
}
