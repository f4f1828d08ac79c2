//! `doorward store`: exported, imported, checked, and what the audit log says.

use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::{Value, json};

use crate::support::{Backend, Setup, Sidecar, eventually};

const PASSWORD: &str = "correct horse battery";
async fn sidecar(backend: &Backend) -> Sidecar {
    let accounts = "[accounts]\nstore = \"users.db\"\n";
    let site = "acts_as = [\"visitor-*\"]";
    let setup = Setup::before(backend).key_with("site", site).block("accounts", accounts);
    let sidecar = setup.start().await;
    // The first four changes are its own.
    sidecar.until_logins_are_possible("/_doorward").await;
    sidecar
}

async fn create(sidecar: &Sidecar, name: &str) {
    sidecar.done(&["user", "create", name, "--password-stdin"], PASSWORD).await;
}

async fn printed(sidecar: &Sidecar, arguments: &[&str]) -> Value {
    let text = sidecar.done(&[arguments, &["--format", "json"]].concat(), "").await;
    serde_json::from_str(&text).unwrap()
}

/// A Cat's hash of a password.
fn hash(password: &str) -> String {
    bcrypt::hash_with_salt(password, 4, [7; 16]).unwrap().to_string()
}

/// A Cat's file with these users: name and password.
fn cat(users: &[(&str, &str)]) -> String {
    let users = users.iter().enumerate().map(|(number, (name, password))| {
        let hash = hash(password);
        let id = format!("7f3c9a52-0c0e-4c6e-9d34-00000000000{number}");
        let user = json!({"id": id, "username": name, "password": hash,
                          "permissions": {"STATUS": ["READ"], "MEMORY": ["READ", "LIST"]}});
        (id, user)
    });
    let users: serde_json::Map<String, Value> = users.collect();
    json!({"_default": {
        "1": {"name": "llm_selected", "value": {"name": "x"}, "category": "llm"},
        "2": {"name": "users", "value": users, "category": null, "setting_id": "y", "updated_at": 1},
    }})
    .to_string()
}

#[tokio::test]
async fn what_one_store_exports_another_imports() {
    let backend = Backend::start().await;
    let (one, other) = (sidecar(&backend).await, sidecar(&backend).await);
    create(&one, "alice").await;
    let key = printed(&one, &["key", "create", "--user", "alice"]).await;
    let key = key["key"].as_str().unwrap();
    one.done(&["token", "revoke", "--id", "7f3c9a52-0c0e-4c6e-9d34-5b2f7a1e8c11"], "").await;
    one.done(&["token", "revoke", "--all"], "").await;
    let exported = one.done(&["store", "export"], "").await;
    assert!(!exported.contains(key) && !exported.contains(PASSWORD), "{exported}");
    let imported = other.done(&["store", "import", "-"], &exported).await;
    assert!(imported.contains("1 users, 1 keys, 1 revocations"), "{imported}");
    assert_eq!(other.done(&["store", "export", "--file", "-"], "").await, exported);
    let counts = async || other.get("/").bearer(key).status().await == 200;
    eventually("alice's key counts there", counts).await;
    assert_eq!(other.done(&["store", "check"], "").await, "the store is whole\n");
}

#[tokio::test]
async fn an_export_is_for_its_owner_alone_and_replaces_nothing() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    create(&sidecar, "alice").await;
    let export = ["store", "export", "--file", "users.jsonl"];
    sidecar.done(&export, "").await;
    let file = sidecar.path("users.jsonl");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(text, sidecar.done(&["store", "export"], "").await);
    create(&sidecar, "bob").await;
    let again = sidecar.command(&export, "").await;
    assert_eq!((again.code, again.text.contains("users.jsonl")), (1, true), "{again:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
}

#[tokio::test]
async fn of_what_is_wrong_all_is_told_and_nothing_imported() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    create(&sidecar, "alice").await;
    let exported = sidecar.done(&["store", "export"], "").await;
    sidecar.done(&["key", "create", "--user", "ci"], "").await;
    let before = printed(&sidecar, &["store", "audit"]).await;
    let strange =
        exported.replace("\"alice\"", "\"bob\"").replace("\"hash\"", "\"colour\":1,\"hash\"");
    let unknown = exported.replace("$argon2id", "$argon3");
    let unknown = unknown.replace("\"alice\"", "\"bob\"").replace("\"id\":\"", "\"id\":\"0");
    let acting = "{\"kind\":\"doorward-store\",\"format\":1}\n{\"kind\":\"key\",\"name\":\"site\",\"sha256\":\"SHA\",\"beginning\":\"dw_\",\
        \"owner\":{\"acting\":[\"ali*\"]},\"permissions\":[],\"transports\":\"both\",\"created\":1,\"expires\":null}\n{\"kind\":\"end\"}\n";
    let acting = acting.replace("SHA", &"0".repeat(64));
    let cut = exported.replace("{\"kind\":\"end\"}\n", "");
    for (text, why) in [
        (&exported, "line 2: there is a user of this name already"),
        (&strange, "line 2: unknown field `colour`"),
        (&unknown, "line 2: `id`"),
        (&cut, "its end is missing"),
        (&acting, "line 2: it may name alice, a user of the store"),
        (&cat(&[("carol", PASSWORD), ("a b", PASSWORD)]), "it is called \"a b\""),
        (&cat(&[("carol", PASSWORD), ("Alice", PASSWORD)]), "user \"Alice\": there is a user"),
        (
            &cat(&[("carol", PASSWORD), ("visitor-1", PASSWORD)]),
            "user \"visitor-1\": the name is kept",
        ),
        (&cat(&[("CI", PASSWORD)]), "user \"CI\": the name is kept"),
        (&cat(&[("dave", PASSWORD)]).replace("$2b$", "$3$"), "user \"dave\": nobody could check"),
        (&"nonsense".to_owned(), "line 1: it is no JSON object"),
    ] {
        let refused = sidecar.command(&["store", "import", "-"], text).await;
        assert_eq!((refused.code, refused.text.contains(why)), (1, true), "{why}: {refused:?}");
        assert!(!refused.text.contains("$2b$"), "{refused:?}");
    }
    assert_eq!(printed(&sidecar, &["store", "audit"]).await, before);
}

#[tokio::test]
async fn what_is_there_already_stays_where_it_may_be_skipped() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    create(&sidecar, "alice").await;
    let text = cat(&[("Alice", PASSWORD), ("carol", PASSWORD)]);
    let import = ["store", "import", "-", "--skip-existing", "--format", "json"];
    let imported = sidecar.done(&import, &text).await;
    let imported: Value = serde_json::from_str(&imported).unwrap();
    assert_eq!((&imported["users"], &imported["skipped"]), (&json!(1), &json!(1)));
    let users = printed(&sidecar, &["user", "list"]).await;
    let names: Vec<_> = users.as_array().unwrap().iter().map(|user| &user["username"]).collect();
    assert_eq!(names, ["alice", "carol"]);
}

#[tokio::test]
async fn a_cats_users_come_with_what_they_may_and_without_known_passwords() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let text = cat(&[("admin", "admin"), ("user", "user"), ("carol", PASSWORD)]);
    fs::write(sidecar.path("metadata.json"), text).unwrap();
    let said = sidecar.done(&["store", "import", "metadata.json"], "").await;
    assert!(said.contains("admin is disabled") && said.contains("user is disabled"), "{said}");
    assert!(!said.contains("carol"), "{said}");
    let users = printed(&sidecar, &["user", "list"]).await;
    let seen: Vec<_> = users.as_array().unwrap().iter().map(|user| &user["status"]).collect();
    assert_eq!(seen, ["disabled", "disabled", "enabled"]);
    assert_eq!(users[2]["id"], "7f3c9a52-0c0e-4c6e-9d34-000000000002");
    assert_eq!(users[2]["permissions"], json!(["MEMORY:LIST", "MEMORY:READ", "STATUS:READ"]));
    let exported = sidecar.done(&["store", "export"], "").await;
    assert!(exported.contains(&hash(PASSWORD)), "{exported}");
}

#[tokio::test]
async fn a_name_that_is_kept_for_others_here_is_told_when_a_store_comes_back() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    create(&sidecar, "alice").await;
    let exported = sidecar.done(&["store", "export"], "").await;
    sidecar.done(&["user", "delete", "alice"], "").await;
    let renamed = exported.replace("\"alice\"", "\"visitor-1\"");
    let said = sidecar.done(&["store", "import", "-"], &renamed).await;
    assert!(said.contains("warning: line 2: visitor-1 counts for nobody"), "{said}");
}

#[tokio::test]
async fn an_admin_with_another_password_is_let_in() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let said = sidecar.done(&["store", "import", "-"], &cat(&[("admin", PASSWORD)])).await;
    assert!(!said.contains("warning"), "{said}");
    assert_eq!(printed(&sidecar, &["user", "list"]).await[0]["status"], "enabled");
}

#[tokio::test]
async fn the_audit_log_says_who_did_what_newest_first() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    for name in ["alice", "bob"] {
        create(&sidecar, name).await;
    }
    let edit = ["user", "update", "bob", "--disable", "--permission", "MEMORY:READ"];
    sidecar.done(&edit, "").await;
    let actions = |log: &Value| -> Vec<String> {
        let entry = |entry: &Value| {
            format!("{} {} {}", entry["revision"], entry["action"], entry["detail"])
                .replace('"', "")
        };
        log.as_array().unwrap().iter().map(entry).collect()
    };
    let all = [
        "7 user.edit permissions=MEMORY:READ disabled",
        "6 user.create username=bob permissions= enabled",
        "5 user.create username=alice permissions= enabled",
    ];
    let printed_log = printed(&sidecar, &["store", "audit"]).await;
    let log = actions(&printed_log);
    assert_eq!(log[..3], all);
    let author = printed_log[0]["author"].as_str().unwrap();
    assert!(author.starts_with("uid "), "{author}");
    assert!(log[3..].iter().all(|entry| entry.contains("signing-key.create")), "{log:?}");
    let page = printed(&sidecar, &["store", "audit", "--limit", "1", "--before", "7"]).await;
    assert_eq!(actions(&page), all[1..2]);
    assert_eq!(page[0]["from"], "cli");
    let text = sidecar.done(&["store", "audit"], "").await;
    assert!(text.starts_with("7  ") && !text.contains("argon2"), "{text}");
    assert_eq!(sidecar.command(&["store", "audit", "--limit", "0"], "").await.code, 2);
}

#[tokio::test]
async fn a_store_that_no_change_could_have_left_so_is_told() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    create(&sidecar, "alice").await;
    let file = rusqlite::Connection::open(sidecar.path("users.db")).unwrap();
    file.execute("DELETE FROM account", []).unwrap();
    let checked = sidecar.command(&["store", "check", "--format", "json"], "").await;
    assert_eq!(checked.code, 1, "{checked:?}");
    let found: Value = serde_json::from_str(&checked.text).unwrap();
    assert_eq!(found["flaws"].as_array().unwrap().len(), 1, "{found}");
}

#[tokio::test]
async fn no_store_is_made_to_be_looked_at() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let elsewhere = sidecar.path("elsewhere.toml");
    let text = fs::read_to_string(sidecar.path("doorward.toml")).unwrap();
    fs::write(&elsewhere, text.replace("users.db", "other.db")).unwrap();
    for action in ["check", "export", "audit"] {
        let mut command =
            crate::support::doorward(&["store", action, "--config", "elsewhere.toml"]);
        command.current_dir(sidecar.path("."));
        let refused = crate::support::run(command, "").await;
        assert_eq!((refused.code, refused.text.contains("no other.db")), (1, true), "{refused:?}");
    }
    assert!(!sidecar.path("other.db").exists());
}

#[tokio::test]
async fn a_command_that_fails_makes_no_store_for_a_running_sidecar_to_adopt() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    create(&sidecar, "alice").await;
    let key = printed(&sidecar, &["key", "create", "--user", "alice"]).await;
    let key = key["key"].as_str().unwrap();
    eventually("alice's key counts", async || sidecar.get("/").bearer(key).status().await == 200)
        .await;
    let exported = sidecar.done(&["store", "export"], "").await;
    let cut = exported.replace("{\"kind\":\"end\"}\n", "");
    for ending in ["", "-wal", "-shm"] {
        fs::remove_file(sidecar.path(&format!("users.db{ending}"))).unwrap();
    }
    for (arguments, input) in [
        (&["user", "create", "zz", "--password-stdin"][..], "short"),
        (&["user", "create", "visitor-1", "--password-stdin"], PASSWORD),
        (&["key", "create", "--user", "zz", "--id", "not a name"], ""),
        (&["store", "import", "-"], &cut),
        (&["store", "import", "-"], &cat(&[("visitor-1", PASSWORD)])),
    ] {
        let failed = sidecar.command(arguments, input).await;
        assert_eq!(failed.code, 1, "{arguments:?}: {failed:?}");
        assert!(!sidecar.path("users.db").exists(), "{arguments:?}");
    }
    assert_eq!(sidecar.get("/").bearer(key).status().await, 200);
    sidecar.done(&["store", "import", "-"], &exported).await;
    assert_eq!(sidecar.done(&["store", "export"], "").await, exported);
}

#[tokio::test]
async fn after_a_stop_the_whole_store_is_in_its_one_file() {
    let backend = Backend::start().await;
    let mut sidecar = sidecar(&backend).await;
    create(&sidecar, "alice").await;
    let key = printed(&sidecar, &["key", "create", "--user", "alice"]).await;
    let key = key["key"].as_str().unwrap().to_owned();
    eventually("the key counts", async || sidecar.get("/").bearer(&key).status().await == 200)
        .await;
    assert!(sidecar.path("users.db-wal").exists());
    sidecar.signal("TERM").await;
    assert_eq!(sidecar.ended().await, 0);
    assert!(!sidecar.path("users.db-wal").exists() && !sidecar.path("users.db-shm").exists());
    let copy = sidecar.path("copy.db");
    fs::copy(sidecar.path("users.db"), &copy).unwrap();
    let copy = rusqlite::Connection::open(copy).unwrap();
    let count = |query: &str| copy.query_row(query, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT count(*) FROM account"), 1);
    assert_eq!(count("SELECT count(*) FROM key"), 1);
    let levels = sidecar.log();
    assert!(!levels.contains("\"ERROR\"") && !levels.contains("\"WARN\",\"message\":\"the store"));
}

#[tokio::test]
async fn when_the_log_is_deleted_commands_and_the_sidecar_still_use_one_store() {
    let backend = Backend::start().await;
    let mut sidecar = Sidecar::with_accounts(&backend).await;
    sidecar.user("alice", &json!({})).await;
    for name in ["bob", "carol"] {
        for ending in ["-wal", "-shm"] {
            fs::remove_file(sidecar.path(&format!("users.db{ending}"))).unwrap();
        }
        sidecar.user(name, &json!({})).await;
        let users = sidecar.done(&["user", "list"], "").await;
        assert!(users.contains("alice") && users.contains(name), "{users}");
        create(&sidecar, &format!("{name}-too")).await;
        let known = async || sidecar.log_in(&format!("{name}-too"), PASSWORD).status().await == 200;
        eventually("the command's user is let in", known).await;
    }
    let exported = sidecar.done(&["store", "export"], "").await;
    sidecar.signal("TERM").await;
    assert_eq!(sidecar.ended().await, 0);
    assert_eq!(sidecar.done(&["store", "export"], "").await, exported);
    assert_eq!(exported.matches("\"kind\":\"user\"").count(), 5);
    sidecar.done(&["store", "check"], "").await;
}

#[tokio::test]
async fn a_store_that_cannot_be_written_is_complained_of_once() {
    let backend = Backend::start().await;
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("users.db");
    let store = format!("[accounts]\nstore = {file:?}\n");
    let setup = Setup::before(&backend).accounts().block("accounts", &store);
    let mut first = setup.clone().start().await;
    first.until_logins_are_possible("/_doorward").await;
    first.signal("TERM").await;
    assert_eq!(first.ended().await, 0);
    let database = rusqlite::Connection::open(&file).unwrap();
    let spoil = "DELETE FROM signing_key; CREATE TRIGGER full BEFORE INSERT ON audit
                 BEGIN SELECT RAISE(ABORT, 'not today'); END;";
    database.execute_batch(spoil).unwrap();
    let sidecar = setup.start().await;
    let errors = |words: &str| {
        let log = sidecar.log();
        log.lines().filter(|line| line.contains("ERROR") && line.contains(words)).count()
    };
    eventually("it complains", async || errors("signing keys cannot be kept") == 1).await;
    let new = json!({ "username": "alice", "password": PASSWORD });
    let create =
        async || sidecar.accounts("POST", "/users/").key("admin").json(&new).status().await;
    for _ in 0..10 {
        assert_eq!(create().await, 503);
    }
    assert_eq!(errors("did not do what it was asked"), 1);
    assert_eq!(errors("signing keys cannot be kept"), 1);
    database.execute_batch("DROP TRIGGER full").unwrap();
    assert_eq!(create().await, 200);
    sidecar.until_logins_are_possible("/_doorward").await;
}

#[tokio::test]
async fn who_checks_is_told_of_a_store_that_others_may_read() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let words = "others than its owner may read users.db";
    for (mode, is_told) in [(0o600, false), (0o640, true)] {
        fs::set_permissions(sidecar.path("users.db"), fs::Permissions::from_mode(mode)).unwrap();
        for command in [&["check"][..], &["store", "check"]] {
            let said = sidecar.done(command, "").await;
            assert_eq!(said.contains(words), is_told, "{said}");
        }
    }
}
