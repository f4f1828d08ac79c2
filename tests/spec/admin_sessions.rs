//! Sessions and reloads over the admin API.

use serde_json::{Value, json};

use crate::support::{Backend, Setup, Sidecar, eventually};

async fn sidecar(backend: &Backend) -> Sidecar {
    Setup::before(backend)
        .admin()
        .key_with("admin", "user = \"root\"\npermissions = [\"*:*\"]")
        .key("alice")
        .key("bob")
        .start()
        .await
}

async fn ask(sidecar: &Sidecar, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
    let request = sidecar.admin(method, path).key("admin");
    let answer = match &body {
        Some(body) => request.json(body).ask().await,
        None => request.ask().await,
    };
    (answer.status, answer.json())
}

#[tokio::test]
async fn sessions_are_listed_and_closed() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let mut alice = sidecar.websocket("/ws").key("alice").open().await;
    let mut bob = sidecar.websocket("/ws").key("bob").open().await;
    let (status, all) = ask(&sidecar, "GET", "/sessions", None).await;
    assert_eq!((status, all.as_array().unwrap().len()), (200, 2), "{all}");
    let (_, one) = ask(&sidecar, "GET", "/sessions?user=ALICE&credential=alice", None).await;
    assert_eq!((&one[0]["user"], &one[0]["path"]), (&json!("alice"), &json!("/ws")));
    assert_eq!((&one[0]["kind"], &one[1]), (&json!("websocket"), &json!(null)));
    let (_, none) = ask(&sidecar, "GET", "/sessions?user=alice&credential=bob", None).await;
    assert_eq!(none, json!([]));
    assert_eq!(ask(&sidecar, "GET", "/sessions?user=a/b", None).await.0, 400);
    let path = format!("/sessions/{}", one[0]["id"].as_str().unwrap());
    assert_eq!(ask(&sidecar, "DELETE", &path, None).await, (200, json!({ "closed": 1 })));
    assert_eq!(alice.closed_within_a_second().await, 4403);
    assert!(bob.is_alive().await);
    for path in [&*path, "/sessions/99-99", "/sessions/nonsense"] {
        assert_eq!(ask(&sidecar, "DELETE", path, None).await.0, 404, "{path}");
    }
    let bobs = json!({ "credential": "bob" });
    let closed = ask(&sidecar, "POST", "/sessions/close", Some(bobs)).await;
    assert_eq!(closed, (200, json!({ "closed": 1 })));
    assert_eq!(bob.closed_within_a_second().await, 4403);
}

#[tokio::test]
async fn a_reload_is_asked_for_and_what_failed_says_why() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let unit = async || {
        let (_, state) = ask(&sidecar, "GET", "/reload", None).await;
        let units = state["units"].as_array().unwrap().clone();
        units.into_iter().find(|unit| unit["name"] == "doorward.toml")
    };
    assert_eq!(ask(&sidecar, "POST", "/reload", None).await.0, 200);
    sidecar.record("a reload", |record| record["message"] == "nothing changed").await;
    sidecar.replace("doorward.toml", "nonsense = 1");
    let fails = async || unit().await.is_some_and(|unit| unit["failing"] == true);
    eventually("the configuration is refused", fails).await;
    let unit = unit().await.unwrap();
    assert!(unit["reason"].as_str().unwrap().contains("nonsense"), "{unit}");
    assert!(unit["last_failure"].is_string());
    let (_, state) = ask(&sidecar, "GET", "/reload", None).await;
    assert_eq!((state["generation"].as_u64(), state["published"].is_string()), (Some(1), true));
}
