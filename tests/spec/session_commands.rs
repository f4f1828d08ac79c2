//! `doorward session`: what is open in a running sidecar, for its operator.

use serde_json::Value;

use crate::support::{Backend, Setup, Sidecar, doorward, key_of, run};

async fn sidecar(backend: &Backend) -> Sidecar {
    Setup::before(backend)
        .admin()
        .key_with("admin", "user = \"root\"\npermissions = [\"*:*\"]")
        .key("alice")
        .key("bob")
        .file("admin-key", &key_of("admin"))
        .file("alice-key", &key_of("alice"))
        .start()
        .await
}

/// `doorward session …` against this sidecar.
async fn session(sidecar: &Sidecar, arguments: &[&str]) -> (i32, String) {
    let url = sidecar.admin_url().await;
    let admin = ["--admin", &url, "--config", "doorward.toml"];
    let credential: &[&str] = if arguments.contains(&"--credential-file") {
        &[]
    } else {
        &["--credential-file", "admin-key"]
    };
    let mut command = doorward(&[&["session"], arguments, &admin, credential].concat());
    command.current_dir(sidecar.path("."));
    let finished = run(command, "").await;
    (finished.code, finished.text)
}

#[tokio::test]
async fn the_command_lists_and_closes_them() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let mut alice = sidecar.websocket("/ws").key("alice").open().await;
    let mut bob = sidecar.websocket("/ws").key("bob").open().await;
    let (code, listed) = session(&sidecar, &["list", "--format", "json"]).await;
    assert_eq!(code, 0, "{listed}");
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    let (code, text) = session(&sidecar, &["list", "--user", "bob"]).await;
    assert!(code == 0 && text.contains("bob") && !text.contains("alice"), "{text}");
    let id = listed[0]["id"].as_str().unwrap();
    let (code, closed) = session(&sidecar, &["close", id]).await;
    assert_eq!((code, closed.trim()), (0, "1 closed"));
    assert_eq!(alice.closed_within_a_second().await, 4403);
    assert!(bob.is_alive().await);
    assert_eq!(session(&sidecar, &["close", id]).await.0, 1, "it is closed already");
    let (code, closed) = session(&sidecar, &["close", "--all"]).await;
    assert_eq!((code, closed.trim()), (0, "1 closed"));
    assert_eq!(bob.closed_within_a_second().await, 4403);
    let (code, refused) = session(&sidecar, &["list", "--credential-file", "alice-key"]).await;
    assert!(code == 3 && refused.contains("403"), "{code} {refused}");
    assert_eq!(session(&sidecar, &["close"]).await.0, 2);
}

#[tokio::test]
async fn the_command_finds_the_socket_in_the_configuration() {
    let backend = Backend::start().await;
    let dir = tempfile::tempdir().unwrap();
    let address = format!("address = \"unix://{}/s\"", dir.path().display());
    let root = "user = \"root\"\npermissions = [\"*:*\"]";
    let setup = Setup::before(&backend).set("admin", &address).key_with("admin", root);
    let sidecar = setup.start().await;
    sidecar.admin_url().await;
    let list = ["session", "list", "--config", "doorward.toml", "--credential-file", "-"];
    let mut command = doorward(&list);
    command.current_dir(sidecar.path("."));
    let listed = run(command, &key_of("admin")).await;
    assert_eq!(listed.code, 0, "{listed:?}");
}
