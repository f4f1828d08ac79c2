//! Keys of the store: made, rotated and revoked by commands beside a running sidecar.

use std::time::Duration;

use serde_json::Value;

use crate::support::{Backend, Setup, Sidecar, doorward, eventually, run, within};

/// A sidecar with a store, and alice's declared key.
async fn sidecar(backend: &Backend) -> Sidecar {
    let accounts = "[accounts]\nstore = \"users.db\"\n";
    Setup::before(backend).key("alice").block("accounts", accounts).start().await
}

/// A command about keys: how it ended, and what it printed.
async fn key(sidecar: &Sidecar, arguments: &[&str]) -> (i32, String) {
    let config = sidecar.path("doorward.toml");
    let arguments = [&["key"], arguments, &["--config", config.to_str().unwrap()]].concat();
    let mut command = doorward(&arguments);
    command.current_dir(config.parent().unwrap());
    let finished = run(command, "").await;
    (finished.code, finished.text)
}

/// A key that was made so, and its id.
async fn create(sidecar: &Sidecar, arguments: &[&str]) -> (String, String) {
    let arguments = [&["create", "--format", "json"], arguments].concat();
    let (code, made) = key(sidecar, &arguments).await;
    assert_eq!(code, 0, "{made}");
    let made: Value = serde_json::from_str(&made).unwrap();
    assert_eq!(made.get("block"), None, "it is in the store");
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("key"), text("id"))
}

#[tokio::test]
async fn a_key_counts_within_a_second_of_the_command_that_makes_it() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let (bob, _) = create(&sidecar, &["--user", "bob"]).await;
    let counts = async || sidecar.get("/").bearer(&bob).status().await == 200;
    within(Duration::from_secs(1), "bob's key counts", eventually("it counts", counts)).await;
    assert_eq!(backend.seen().last().unwrap().folded("user_id"), ["bob"]);
    assert_eq!(sidecar.get("/").key("alice").status().await, 200);
}

#[tokio::test]
async fn a_revoked_key_is_refused_and_its_socket_closed_within_a_second() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let (bob, id) = create(&sidecar, &["--user", "bob"]).await;
    let counts = async || sidecar.get("/").bearer(&bob).status().await == 200;
    eventually("bob's key counts", counts).await;
    let mut chat = sidecar.websocket("/ws").token(&bob).open().await;
    let mut other = sidecar.websocket("/ws").key("alice").open().await;
    assert!(chat.is_alive().await);
    assert_eq!(key(&sidecar, &["revoke", &id]).await.0, 0);
    assert_eq!(chat.closed_within_a_second().await, 4403);
    assert_eq!(sidecar.get("/").bearer(&bob).status().await, 401);
    assert!(other.is_alive().await);
    let (code, again) = key(&sidecar, &["revoke", &id]).await;
    assert_eq!((code, again.contains("no such key")), (1, true), "{again}");
}

#[tokio::test]
async fn an_acting_key_names_whom_it_may_and_its_successor_too() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let (site, id) = create(&sidecar, &["--acts-as", "visitor-*", "--id", "site"]).await;
    assert_eq!(id, "site");
    let overlap = ["rotate", "site", "--overlap", "1h", "--format", "json"];
    let (code, rotated) = key(&sidecar, &overlap).await;
    assert_eq!(code, 0, "{rotated}");
    let rotated: Value = serde_json::from_str(&rotated).unwrap();
    let next = rotated["key"].as_str().unwrap();
    let ask = async |key: &str, user: &str| {
        sidecar.get("/").bearer(key).header("user_id", user).status().await
    };
    eventually("the successor counts", async || ask(next, "visitor-1").await == 200).await;
    for key in [&site, next] {
        assert_eq!(ask(key, "visitor-1").await, 200);
        assert_eq!(ask(key, "alice").await, 403);
    }
    let (_, listed) = key(&sidecar, &["list", "--format", "json"]).await;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let ends = |at: usize| listed[at]["expires"].is_string();
    assert_eq!((listed[0]["id"].as_str(), ends(0), ends(1)), (Some("site"), true, false));
    assert!(!listed.to_string().contains(&site), "no list shows a key");
    create(&sidecar, &["--user", "bob"]).await;
    let (_, table) = key(&sidecar, &["list"]).await;
    assert!(table.contains("acts as visitor-*") && table.contains("bound to bob"), "{table}");
}

#[tokio::test]
async fn a_rotation_prolongs_nothing_and_what_has_ended_is_not_rotated() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    create(&sidecar, &["--user", "bob", "--id", "short", "--expires", "1h"]).await;
    let (_, listed) = key(&sidecar, &["list", "--format", "json"]).await;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let (code, rotated) = key(&sidecar, &["rotate", "short", "--format", "json"]).await;
    let rotated: Value = serde_json::from_str(&rotated).unwrap();
    assert_eq!((code, &rotated["earlier_ends"]), (0, &listed[0]["expires"]));
    let ended = ["rotate", "short", "--overlap", "0s", "--id", "shorter", "--format", "json"];
    assert_eq!(key(&sidecar, &ended).await.0, 0);
    let (code, said) = key(&sidecar, &["rotate", "short"]).await;
    assert_eq!((code, said.contains("the key has ended")), (1, true), "{said}");
}

#[tokio::test]
async fn a_store_that_cannot_be_read_takes_nothing_from_declared_keys() {
    let backend = Backend::start().await;
    let accounts = "[accounts]\nstore = \"users.db\"\n";
    let setup = Setup::before(&backend).key("alice").block("accounts", accounts);
    let sidecar = setup.file("users.db", "this is no database, and quite long").start().await;
    assert_eq!(sidecar.get("/").key("alice").status().await, 200);
    let stored = "dw_00000000000000000000000000000000000000";
    let refused = sidecar.get("/").bearer(stored).send().await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    let ready = sidecar.telemetry("/readyz").await;
    assert!(ready.contains("store read"), "{ready}");
    std::fs::remove_file(sidecar.path("users.db")).unwrap();
    let (bob, _) = create(&sidecar, &["--user", "bob"]).await;
    let counts = async || sidecar.get("/").bearer(&bob).status().await == 200;
    eventually("the store is read", counts).await;
    let ready = sidecar.telemetry("/readyz").await;
    assert!(!ready.contains("store read"), "{ready}");
}

#[tokio::test]
async fn the_list_says_when_a_key_was_used_last() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let (bob, _) = create(&sidecar, &["--user", "bob", "--id", "bobs"]).await;
    create(&sidecar, &["--user", "carol", "--id", "carols"]).await;
    let listed = async || -> Value {
        let (code, listed) = key(&sidecar, &["list", "--format", "json"]).await;
        assert_eq!(code, 0, "{listed}");
        serde_json::from_str(&listed).unwrap()
    };
    assert_eq!(listed().await[0]["last_used"], Value::Null);
    let counts = async || sidecar.get("/").bearer(&bob).status().await == 200;
    eventually("bob's key counts", counts).await;
    eventually("its use is known", async || listed().await[0]["last_used"].is_string()).await;
    let listed = listed().await;
    assert_eq!((&listed[0]["id"], &listed[1]["id"]), (&"bobs".into(), &"carols".into()));
    assert_eq!(listed[1]["last_used"], Value::Null);
    let minute = listed[0]["last_used"].as_str().unwrap();
    assert!(minute.ends_with(":00Z") || minute.ends_with(":00.000Z"), "{minute}");
}

#[tokio::test]
async fn a_store_that_is_gone_shows_in_the_metrics_and_its_keys_still_count() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let (bob, _) = create(&sidecar, &["--user", "bob"]).await;
    let counts = async || sidecar.get("/").bearer(&bob).status().await == 200;
    eventually("bob's key counts", counts).await;
    let shown = async || {
        let failing = sidecar.metric("doorward_reload_failing{unit=\"store\"}").await;
        (sidecar.metric("doorward_store_up").await, failing)
    };
    assert_eq!(shown().await, (Some(1.0), Some(0.0)));
    let (store, elsewhere) = (sidecar.path("users.db"), sidecar.path("elsewhere.db"));
    std::fs::rename(&store, &elsewhere).unwrap();
    let gone = async || shown().await == (Some(0.0), Some(1.0));
    eventually("the metrics say that it is gone", gone).await;
    assert!(counts().await);
    std::fs::rename(&elsewhere, &store).unwrap();
    let back = async || shown().await == (Some(1.0), Some(0.0));
    eventually("the metrics say that it is there", back).await;
    assert!(counts().await);
}
