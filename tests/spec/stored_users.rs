//! Users of the store: made, changed and deleted by commands beside a running sidecar.

use serde_json::Value;

use crate::support::{Backend, Setup, Sidecar, eventually, run};

const PASSWORD: &str = "correct horse battery";

/// A sidecar with a store, whose declared key acts for visitors.
async fn sidecar(backend: &Backend) -> Sidecar {
    let accounts = "[accounts]\nstore = \"users.db\"\n";
    let site = "acts_as = [\"visitor-*\"]";
    Setup::before(backend).key_with("site", site).block("accounts", accounts).start().await
}

/// A new user with [`PASSWORD`]; the user as it is printed.
async fn create(sidecar: &Sidecar, name: &str, more: &[&str]) -> Value {
    let arguments = ["user", "create", name, "--password-stdin", "--format", "json"];
    let made = sidecar.done(&[&arguments[..], more].concat(), PASSWORD).await;
    serde_json::from_str(&made).unwrap()
}

async fn users(sidecar: &Sidecar) -> Value {
    let listed = sidecar.done(&["user", "list", "--format", "json"], "").await;
    serde_json::from_str(&listed).unwrap()
}

/// A key that is this user's own.
async fn key_of(sidecar: &Sidecar, name: &str) -> String {
    let made = sidecar.done(&["key", "create", "--user", name, "--format", "json"], "").await;
    let made: Value = serde_json::from_str(&made).unwrap();
    made["key"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_user_is_listed_with_all_but_the_password() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let alice = create(&sidecar, "alice", &["--permission", "B:C", "--permission", "A:*"]).await;
    let root = create(&sidecar, "root", &["--permission", "*:*", "--disabled"]).await;
    let listed = users(&sidecar).await;
    assert_eq!(listed, Value::Array(vec![alice, root]));
    assert_eq!(listed[0]["username"], "alice");
    assert_eq!(listed[0]["permissions"], serde_json::json!(["A:*", "B:C"]));
    assert_eq!(
        (&listed[0]["status"], &listed[1]["status"]),
        (&"enabled".into(), &"disabled".into())
    );
    let text = sidecar.done(&["user", "list"], "").await;
    assert!(!text.contains("argon2") && !listed.to_string().contains("argon2"));
}

#[tokio::test]
async fn nobody_is_called_like_somebody_else() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    create(&sidecar, "alice", &[]).await;
    sidecar.done(&["key", "create", "--acts-as", "guest-*"], "").await;
    for (name, why) in [
        ("Alice", "already"),
        ("visitor-7", "kept for others"),
        ("Guest-7", "kept for others"),
        ("anon-7", "kept for others"),
        ("a", "2 to 64"),
        ("a b", "a user id is"),
    ] {
        let refused =
            sidecar.command(&["user", "create", name, "--password-stdin"], PASSWORD).await;
        assert_eq!((refused.code, refused.text.contains(why)), (1, true), "{name}: {refused:?}");
        if name != "Alice" {
            let renamed = ["user", "update", "alice", "--username", name];
            let refused = sidecar.command(&renamed, "").await;
            assert_eq!(
                (refused.code, refused.text.contains(why)),
                (1, true),
                "{name}: {refused:?}"
            );
        }
    }
    assert_eq!(users(&sidecar).await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_password_that_is_none_makes_no_user() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let create = ["user", "create", "alice", "--password-stdin"];
    for (password, why) in
        [("short\n", "8 bytes"), (&*"x".repeat(1025), "1024 bytes"), ("", "8 bytes")]
    {
        let refused = sidecar.command(&create, password).await;
        assert_eq!((refused.code, refused.text.contains(why)), (1, true), "{refused:?}");
    }
    assert_eq!(users(&sidecar).await, Value::Array(Vec::new()));
    sidecar.done(&create, &format!("{}\n", "x".repeat(1024))).await;
}

#[tokio::test]
async fn a_password_is_asked_for_twice_at_a_terminal() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    // `script` gives it a terminal.
    let asked = async |typed: &str| {
        let mut command = tokio::process::Command::new("script");
        let line = "\"$DOORWARD\" user create alice --config doorward.toml";
        command.args(["--quiet", "--return", "--command", line, "/dev/null"]);
        command.env("DOORWARD", env!("CARGO_BIN_EXE_doorward")).current_dir(sidecar.path("."));
        run(command, typed).await
    };
    let differs = asked(&format!("{PASSWORD}\nanother one\n")).await;
    assert_eq!((differs.code, differs.text.contains("not the same")), (1, true), "{differs:?}");
    let made = asked(&format!("{PASSWORD}\n{PASSWORD}\n")).await;
    assert_eq!(made.code, 0, "{made:?}");
    assert_eq!(users(&sidecar).await[0]["username"], "alice");
}

#[tokio::test]
async fn a_disabled_user_is_shut_out_within_a_second_and_let_in_again() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let alice = create(&sidecar, "alice", &[]).await;
    let key = key_of(&sidecar, "alice").await;
    let status = async || sidecar.get("/").bearer(&key).status().await;
    eventually("alice's key counts", async || status().await == 200).await;
    let mut chat = sidecar.websocket("/ws").token(&key).open().await;
    assert!(chat.is_alive().await);
    sidecar.done(&["user", "update", alice["id"].as_str().unwrap(), "--disable"], "").await;
    assert_eq!(chat.closed_within_a_second().await, 4403);
    assert_eq!(status().await, 401);
    sidecar.done(&["user", "update", "ALICE", "--enable"], "").await;
    eventually("alice is let in", async || status().await == 200).await;
}

#[tokio::test]
async fn a_renamed_user_is_told_by_the_new_name_and_a_deleted_one_by_none() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    create(&sidecar, "alice", &[]).await;
    let key = key_of(&sidecar, "alice").await;
    sidecar.done(&["user", "update", "alice", "--username", "alice.smith"], "").await;
    let told = async |name: &str| {
        let status = sidecar.get("/").bearer(&key).status().await;
        status == 200 && backend.seen().last().unwrap().folded("user_id") == [name]
    };
    eventually("the new name is told", async || told("alice.smith").await).await;
    sidecar.done(&["user", "delete", "alice.smith"], "").await;
    let refused = async || sidecar.get("/").bearer(&key).status().await == 401;
    eventually("the key is nothing", refused).await;
    let again = sidecar.command(&["user", "delete", "alice.smith"], "").await;
    assert_eq!((again.code, again.text.contains("no user")), (1, true), "{again:?}");
}

#[tokio::test]
async fn a_user_has_the_permissions_that_were_given_last() {
    let backend = Backend::start().await;
    let accounts = "[accounts]\nstore = \"users.db\"\n";
    let setup = Setup::before(&backend).block("accounts", accounts);
    let sidecar = setup.route("/memory", "require = \"MEMORY:READ\"").start().await;
    create(&sidecar, "alice", &["--permission", "MEMORY:READ"]).await;
    let key = key_of(&sidecar, "alice").await;
    let status = async || sidecar.get("/memory").bearer(&key).status().await;
    eventually("alice may", async || status().await == 200).await;
    sidecar.done(&["user", "update", "alice", "--permission", "STATUS:READ"], "").await;
    eventually("alice may no more", async || status().await == 403).await;
}

#[tokio::test]
async fn wrong_usage_is_2() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    for arguments in [
        &["user", "create"][..],
        &["user", "create", "alice", "--permission", "none"],
        &["user", "update", "alice"],
        &["user", "update", "alice", "--enable", "--disable"],
        &["user", "update", "alice", "--password", "--password-stdin"],
        &["user", "delete"],
        &["key", "create", "--user", "alice", "--expires", "0s"],
        &["token", "revoke"],
        &["token", "revoke", "--all", "--user", "alice"],
        &["token", "revoke", "--id", "1"],
    ] {
        let refused = sidecar.command(arguments, "").await;
        assert_eq!(refused.code, 2, "{arguments:?}: {refused:?}");
    }
}
