//! The commands agree with the running sidecar (`tests/commands` has each for itself).

use crate::support::{Backend, Setup, doorward, key_of, run};

#[tokio::test]
async fn explain_decides_as_the_sidecar_does() {
    let backend = Backend::start().await;
    let setup = Setup::before(&backend).key("alice").route("/closed", "access = \"deny\"");
    let sidecar = setup.start().await;
    for (path, key, status, code) in [
        ("/", "alice", 200, 0),
        ("/closed", "alice", 403, 3),
        ("/", "nobody", 401, 3),
        ("/a//b", "alice", 400, 3),
    ] {
        assert_eq!(sidecar.get(path).key(key).status().await, status);
        let mut explain = doorward(&[
            "explain", "--config", "doorward.toml", "--path", path, "--credential-file", "-",
        ]);
        explain.current_dir(sidecar.path("."));
        let explained = run(explain, &key_of(key)).await;
        assert_eq!(explained.code, code, "{path} {key}: {explained:?}");
        assert!(!explained.text.contains(&key_of(key)), "{explained:?}");
    }
}

#[tokio::test]
async fn check_refuses_what_serve_refuses() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend).key("alice").start().await;
    let check = async || {
        let mut check = doorward(&["check", "--config", "doorward.toml"]);
        check.current_dir(sidecar.path("."));
        run(check, "").await
    };
    assert_eq!(check().await.code, 0);
    sidecar.replace("server.key", sidecar.certify(&["chat.example"]).key);
    let refused = check().await;
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.text.contains("doorward.toml:"), "{refused:?}");
}

#[tokio::test]
async fn health_says_whether_the_sidecar_is_ready() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend).key("alice").start().await;
    let address = sidecar.telemetry_address().to_string();
    assert_eq!(run(doorward(&["health", "--address", &address]), "").await.code, 0);
    sidecar.stop().await;
    assert_eq!(run(doorward(&["health", "--address", &address]), "").await.code, 1);
}

#[tokio::test]
async fn connect_says_how_a_socket_ended() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend)
        .key("alice")
        .file("key", &key_of("alice"))
        .file("bad", "nonsense")
        .start()
        .await;
    let url = format!("wss://localhost:{}/ws", sidecar.address().port());
    for (credential, code, words) in [("key", 0, "hello"), ("bad", 3, "401")] {
        let mut connect =
            doorward(&["connect", &url, "--credential-file", credential, "--ca", "ca.pem"]);
        connect.current_dir(sidecar.path("."));
        let finished = run(connect, "hello\n").await;
        assert_eq!(finished.code, code, "{finished:?}");
        assert!(finished.text.contains(words), "{finished:?}");
    }
}
