//! Keys, certificates and policy change while it runs: a good change is in force at once, a bad one
//! changes nothing (promises 5 and 6).

use std::{fs, io::Write as _, os::unix::fs::symlink, time::Duration};

use crate::support::{
    Backend, Claims, SECRET, Setup, Sidecar, Signer, digest, eventually, key_of, within,
};

async fn becomes(sidecar: &Sidecar, key: &str, status: u16) {
    let so = async || sidecar.get("/").key(key).status().await == status;
    within(Duration::from_secs(5), "the change acts", eventually("the change acts", so)).await;
}

#[tokio::test]
async fn a_key_added_to_the_file_works_at_once() {
    let backend = Backend::start().await;
    let setup = Setup::before(&backend).key("alice");
    let sidecar = setup.clone().start().await;
    assert_eq!(sidecar.get("/").key("bob").status().await, 401);
    sidecar.reconfigure(&setup.key("bob")).await;
    assert_eq!(sidecar.get("/").key("bob").status().await, 200);
    assert_eq!(sidecar.get("/").key("alice").status().await, 200);
}

#[tokio::test]
async fn a_change_acts_on_open_connections() {
    let backend = Backend::start().await;
    let setup = Setup::before(&backend).key("alice").key("bob");
    let sidecar = setup.clone().start().await;
    let mut raw = sidecar.raw().await;
    let request = sidecar.get("/").key("bob").bytes();
    raw.write(&request).await;
    assert_eq!(raw.answer().await.status, 200);
    sidecar.reconfigure(&setup.without("bob")).await;
    raw.write(&request).await;
    assert_eq!(raw.answer().await.status, 401);
}

#[tokio::test]
async fn the_file_may_be_written_in_any_way() {
    let backend = Backend::start().await;
    let one = Setup::before(&backend).key("alice");
    let two = one.clone().key("bob");
    let sidecar = one.clone().start().await;
    sidecar.overwrite("doorward.toml", two.text());
    becomes(&sidecar, "bob", 200).await;
    sidecar.replace("doorward.toml", one.text());
    becomes(&sidecar, "bob", 401).await;
    fs::rename(sidecar.path("doorward.toml"), sidecar.path("doorward.toml~")).unwrap();
    fs::write(sidecar.path("doorward.toml"), two.text()).unwrap();
    becomes(&sidecar, "bob", 200).await;
    fs::remove_file(sidecar.path("doorward.toml")).unwrap();
    fs::write(sidecar.path("doorward.toml"), one.text()).unwrap();
    becomes(&sidecar, "bob", 401).await;
}

#[tokio::test]
async fn a_mounted_directory_may_be_swapped() {
    let backend = Backend::start().await;
    let block = "[[keys_file]]\npath = \"mount/keys.txt\"\nuser = \"alice\"";
    let setup =
        Setup::before(&backend).file("v1/keys.txt", &digest(&key_of("old"))).block("file", block);
    let setup = setup
        .file("v2/keys.txt", &digest(&key_of("new")))
        .link("mount/keys.txt", "..data/keys.txt");
    let sidecar = setup.link("mount/..data", "../v1").start().await;
    assert_eq!(sidecar.get("/").key("old").status().await, 200);
    symlink("../v2", sidecar.path("mount/..data.new")).unwrap();
    fs::rename(sidecar.path("mount/..data.new"), sidecar.path("mount/..data")).unwrap();
    becomes(&sidecar, "new", 200).await;
    assert_eq!(sidecar.get("/").key("old").status().await, 401);
}

#[tokio::test]
async fn the_last_of_many_writes_wins() {
    let backend = Backend::start().await;
    let setup = Setup::before(&backend).key("alice");
    let sidecar = setup.clone().start().await;
    for round in 0..100 {
        let key = format!("round-{round}");
        sidecar.replace("doorward.toml", setup.clone().key(&key).text());
    }
    becomes(&sidecar, "round-99", 200).await;
    assert_eq!(sidecar.get("/").key("round-98").status().await, 401);
}

#[tokio::test]
async fn a_signal_reloads() {
    let backend = Backend::start().await;
    let setup = Setup::before(&backend).key("alice");
    let sidecar = setup.clone().start().await;
    sidecar.replace("doorward.toml", setup.key("bob").text());
    sidecar.signal("HUP").await;
    becomes(&sidecar, "bob", 200).await;
}

#[tokio::test]
async fn a_bad_configuration_changes_nothing_and_says_where() {
    let backend = Backend::start().await;
    let setup = Setup::before(&backend).key("alice");
    let (sidecar, good) = (setup.clone().start().await, setup.text());
    for (from, to) in [
        (good.as_str(), ""),
        ("[[key]]", "[[key"),
        ("[backend]", "[backnd]"),
        ("user =", "usr ="),
        ("[limits]", "[limits]\nfuture = 1"),
        ("user = \"alice\"", "user = \"alice\"\nacts_as = [\"*\"]"),
        ("sha256 = \"", "sha256 = \"0"),
    ] {
        sidecar.replace("doorward.toml", good.replace(from, to));
        eventually("the failure shows", async || is_failing(&sidecar).await).await;
        assert_eq!(sidecar.get("/").key("alice").status().await, 200, "{to}");
        sidecar.replace("doorward.toml", &good);
        eventually("the good one is taken", async || !is_failing(&sidecar).await).await;
    }
    assert!(sidecar.log().contains("doorward.toml:"), "{}", sidecar.log());
}

async fn is_failing(sidecar: &Sidecar) -> bool {
    sidecar.metric("doorward_reload_failing{unit=\"doorward.toml\"}").await == Some(1.0)
}

#[tokio::test]
async fn a_half_written_configuration_is_never_in_force() {
    let backend = Backend::start().await;
    let setup = Setup::before(&backend).key("alice").key("bob").key("carol");
    let sidecar = setup.clone().start().await;
    let mut raw = sidecar.raw().await;
    let text = setup.clone().key("dave").text();
    let mut file = fs::File::create(sidecar.path("doorward.toml")).unwrap();
    for (at, byte) in text.bytes().enumerate() {
        file.write_all(&[byte]).unwrap();
        let key = ["alice", "bob", "carol"][at % 3];
        raw.write(sidecar.get("/").key(key).bytes()).await;
        assert_eq!(raw.answer().await.status, 200, "{key} at {at}");
    }
    drop(file);
    becomes(&sidecar, "dave", 200).await;
}

#[tokio::test]
async fn a_file_that_cannot_be_read_changes_nothing() {
    let backend = Backend::start().await;
    let setup = Setup::before(&backend).key("alice");
    let sidecar = setup.clone().start().await;
    fs::remove_file(sidecar.path("doorward.toml")).unwrap();
    fs::create_dir(sidecar.path("doorward.toml")).unwrap();
    sidecar.signal("HUP").await;
    eventually("it is said", async || sidecar.log().contains("doorward.toml")).await;
    assert_eq!(sidecar.get("/").key("alice").status().await, 200);
    fs::remove_dir(sidecar.path("doorward.toml")).unwrap();
    sidecar.replace("doorward.toml", setup.key("bob").text());
    becomes(&sidecar, "bob", 200).await;
}

#[tokio::test]
async fn a_secret_is_read_again() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend).issuer().start().await;
    let (old, new) =
        (Claims::of("alice").sign(), Signer::hs256(format!("new-{SECRET}")).token("alice"));
    assert_eq!(sidecar.get("/").bearer(&old).status().await, 200);
    sidecar.replace("jwt-secret", format!("new-{SECRET}\n"));
    eventually("the new one is good", async || sidecar.get("/").bearer(&new).status().await == 200)
        .await;
    assert_eq!(sidecar.get("/").bearer(&old).status().await, 401);
}

#[tokio::test]
async fn a_secret_that_is_gone_keeps_its_last_value() {
    let backend = Backend::start().await;
    let setup = Setup::before(&backend).issuer();
    let sidecar = setup.clone().start().await;
    fs::remove_file(sidecar.path("jwt-secret")).unwrap();
    sidecar.reconfigure(&setup.key("bob")).await;
    assert_eq!(sidecar.get("/").bearer(&Claims::of("alice").sign()).status().await, 200);
    assert_eq!(sidecar.get("/").key("bob").status().await, 200);
    eventually("it is said loudly", async || sidecar.log().contains("jwt-secret")).await;
}

#[tokio::test]
async fn policy_is_reloaded_too() {
    let backend = Backend::start().await;
    let setup = Setup::before(&backend).key("alice");
    let sidecar = setup.clone().start().await;
    assert_eq!(sidecar.get("/closed").key("alice").status().await, 200);
    sidecar.reconfigure(&setup.route("/closed", "access = \"deny\"")).await;
    assert_eq!(sidecar.get("/closed").key("alice").status().await, 403);
}

#[tokio::test]
async fn what_needs_a_restart_is_said_and_the_rest_applies() {
    let backend = Backend::start().await;
    let setup = Setup::before(&backend).key("alice");
    let sidecar = setup.clone().start().await;
    assert_eq!(sidecar.metric("doorward_restart_required").await, Some(0.0));
    sidecar.reconfigure(&setup.set("listen", "workers = 2").key("bob")).await;
    assert_eq!(sidecar.get("/").key("bob").status().await, 200);
    assert_eq!(sidecar.metric("doorward_restart_required").await, Some(1.0));
}

#[tokio::test]
async fn a_reload_costs_nobody_a_request_or_a_socket() {
    let backend = Backend::start().await;
    let setup = Setup::before(&backend).key("alice");
    let sidecar = setup.clone().start().await;
    let mut chat = sidecar.websocket("/ws").key("alice").open().await;
    let (mut raw, mut served) = (sidecar.raw().await, 0);
    let request = sidecar.get("/").key("alice").bytes();
    for round in 0..50 {
        sidecar.replace("doorward.toml", setup.clone().key(&format!("round-{round}")).text());
        for _ in 0..20 {
            raw.write(&request).await;
            served += u32::from(raw.answer().await.status == 200);
        }
    }
    assert_eq!(served, 1000);
    becomes(&sidecar, "round-49", 200).await;
    assert!(chat.is_alive().await);
}
