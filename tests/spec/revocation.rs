//! A session lives as long as its credential, and nobody else's ends with it (promise 4).

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use crate::support::{
    Backend, Chat, Claims, Feed, SECRET, Script, Seen, Setup, Sidecar, Signer, digest, eventually,
    key_of, within,
};

async fn open(sidecar: &Sidecar, key: &str) -> Chat {
    let mut chat = sidecar.websocket("/ws").key(key).open().await;
    assert!(chat.is_alive().await);
    chat
}

#[tokio::test]
async fn a_revoked_key_closes_its_open_websocket() {
    let backend = Backend::start().await;
    let setup = Setup::before(&backend).key("alice").key("bob");
    let sidecar = setup.clone().start().await;
    let (mut alice, mut bob) = (open(&sidecar, "alice").await, open(&sidecar, "bob").await);
    sidecar.reconfigure(&setup.without("alice")).await;
    assert_eq!(alice.closed_within_a_second().await, 4403);
    assert!(bob.is_alive().await);
}

#[tokio::test]
async fn every_socket_of_a_revoked_key_is_closed_and_no_other() {
    let backend = Backend::start().await;
    let setup = Setup::before(&backend).key("alice").key("bob").set("listen", "workers = 2");
    let sidecar = setup.clone().start().await;
    let (mut gone, mut staying) = (Vec::new(), Vec::new());
    for _ in 0..50 {
        gone.push(open(&sidecar, "alice").await);
        staying.push(open(&sidecar, "bob").await);
    }
    sidecar.reconfigure(&setup.without("alice")).await;
    for chat in &mut gone {
        assert_eq!(chat.closed_within_a_second().await, 4403);
    }
    for chat in &mut staying {
        assert!(chat.is_alive().await);
    }
}

#[tokio::test]
async fn a_key_replaced_under_its_own_name_is_revoked() {
    let backend = Backend::start().await;
    let setup = Setup::before(&backend).key("alice");
    let sidecar = setup.clone().start().await;
    let mut chat = open(&sidecar, "alice").await;
    let other = crate::support::digest("another key of alice's, quite long");
    let block = format!("[[key]]\nid = \"alice\"\nsha256 = \"{other}\"\nuser = \"alice\"");
    sidecar.reconfigure(&setup.block("alice", &block)).await;
    assert_eq!(chat.closed_within_a_second().await, 4403);
    assert_eq!(sidecar.get("/").key("alice").status().await, 401);
}

#[tokio::test]
async fn a_key_bound_to_another_user_ends_what_it_opened() {
    let backend = Backend::start().await;
    let setup = Setup::before(&backend).key_with("web", "user = \"alice\"");
    let sidecar = setup.clone().start().await;
    let mut chat = open(&sidecar, "web").await;
    sidecar.reconfigure(&setup.key_with("web", "user = \"bob\"")).await;
    assert_eq!(chat.closed_within_a_second().await, 4403);
}

#[tokio::test]
async fn an_acting_key_that_may_less_ends_what_it_may_no_longer() {
    let backend = Backend::start().await;
    let setup = Setup::cat(&backend).key_with("site", "acts_as = [\"visitor-*\", \"guest-*\"]");
    let sidecar = setup.clone().start().await;
    let mut visitor = sidecar.websocket("/ws/visitor-1").key("site").open().await;
    let mut guest = sidecar.websocket("/ws/guest-1").key("site").open().await;
    sidecar.reconfigure(&setup.key_with("site", "acts_as = [\"visitor-*\"]")).await;
    assert_eq!(guest.closed_within_a_second().await, 4403);
    assert!(visitor.is_alive().await);
}

#[tokio::test]
async fn a_permission_that_is_gone_closes_what_it_opened() {
    let backend = Backend::start().await;
    let route = "require = \"CONVERSATION:WRITE\"";
    let key = |permission: &str| format!("user = \"alice\"\npermissions = [\"{permission}\"]");
    let setup =
        Setup::before(&backend).route("/ws", route).key_with("web", &key("CONVERSATION:WRITE"));
    let sidecar = setup.clone().start().await;
    let mut chat = open(&sidecar, "web").await;
    sidecar.reconfigure(&setup.key_with("web", &key("CONVERSATION:READ"))).await;
    assert_eq!(chat.closed_within_a_second().await, 4403);
    assert_eq!(sidecar.get("/").key("web").status().await, 200);
}

#[tokio::test]
async fn a_rule_that_changes_closes_what_it_let_in() {
    let backend = Backend::start().await;
    let setup = Setup::before(&backend).key("alice").route("/ws", "access = \"open\"");
    let sidecar = setup.clone().start().await;
    let mut open_to_all = sidecar.websocket("/ws").open().await;
    let mut elsewhere = sidecar.websocket("/other").key("alice").open().await;
    let closed = setup.without("route /ws access = \"open\"").route("/ws", "access = \"deny\"");
    sidecar.reconfigure(&closed).await;
    assert_eq!(open_to_all.closed_within_a_second().await, 4403);
    assert!(elsewhere.is_alive().await);
}

#[tokio::test]
async fn an_issuer_that_is_gone_closes_what_its_tokens_opened() {
    let backend = Backend::start().await;
    let setup = Setup::before(&backend).issuer().key("bob");
    let sidecar = setup.clone().start().await;
    let mut alice = sidecar.websocket("/ws").token(&Claims::of("alice").sign()).open().await;
    let mut bob = open(&sidecar, "bob").await;
    sidecar.reconfigure(&setup.without("issuer")).await;
    assert_eq!(alice.closed_within_a_second().await, 4403);
    assert!(bob.is_alive().await);
}

#[tokio::test]
async fn a_secret_that_changes_closes_what_it_opened() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend).issuer().start().await;
    let mut alice = sidecar.websocket("/ws").token(&Claims::of("alice").sign()).open().await;
    assert!(alice.is_alive().await);
    sidecar.replace("jwt-secret", format!("new-{SECRET}"));
    assert_eq!(within(Duration::from_secs(2), "the change acts", alice.closed()).await, 4403);
}

#[tokio::test]
async fn a_change_of_something_else_closes_nothing() {
    let backend = Backend::start().await;
    let setup = Setup::before(&backend).key("alice").issuer();
    let sidecar = setup.clone().start().await;
    let mut chats = [
        open(&sidecar, "alice").await,
        sidecar.websocket("/ws").token(&Claims::of("bob").sign()).open().await,
    ];
    for round in 0..5 {
        let changed =
            setup.clone().key(&format!("round-{round}")).route("/other", "access = \"deny\"");
        sidecar.reconfigure(&changed.set("limits", &format!("h2_streams = {}", 50 + round))).await;
    }
    for chat in &mut chats {
        assert!(chat.is_alive().await);
    }
}

#[tokio::test]
async fn a_lowered_limit_closes_nothing() {
    let backend = Backend::start().await;
    let setup = Setup::before(&backend).key("alice");
    let sidecar = setup.clone().start().await;
    let mut chats = [open(&sidecar, "alice").await, open(&sidecar, "alice").await];
    sidecar.reconfigure(&setup.set("websocket", "max_per_user = 1")).await;
    assert_eq!(sidecar.websocket("/ws").key("alice").refused().await, 429);
    for chat in &mut chats {
        assert!(chat.is_alive().await);
    }
}

#[tokio::test]
async fn a_key_that_expires_closes_what_it_opened() {
    let backend = Backend::start().await;
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(4);
    let settings = format!("user = \"alice\"\nexpires = {soon:.0}");
    let sidecar = Setup::before(&backend).key_with("short", &settings).start().await;
    let mut chat = open(&sidecar, "short").await;
    assert_eq!(within(Duration::from_secs(6), "the key expires", chat.closed()).await, 4401);
}

#[tokio::test]
async fn a_stream_of_a_revoked_key_ends() {
    let feed = Feed::new();
    let backend = Backend::always(Script::events(&feed)).await;
    let setup = Setup::before(&backend).key("alice").key("bob");
    let sidecar = setup.clone().start().await;
    let mut raw = sidecar.raw().await;
    raw.write(sidecar.get("/").key("alice").bytes()).await;
    raw.head().await;
    feed.chunk("data: one\n\n");
    assert_eq!(raw.chunk().await, "data: one\n\n");
    sidecar.reconfigure(&setup.without("alice")).await;
    let (rest, end) = within(Duration::from_secs(3), "the stream ends", raw.rest_of_chunks()).await;
    assert_eq!((rest.as_str(), end), ("", crate::support::End::Complete));
}

#[tokio::test]
async fn nothing_more_of_an_upload_reaches_the_backend_once_its_key_is_revoked() {
    let backend = Backend::start().await;
    let setup = Setup::before(&backend).key("alice").key("bob");
    let sidecar = setup.clone().start().await;
    let (mut alice, mut bob) = (sidecar.raw().await, sidecar.raw().await);
    for (raw, key) in [(&mut alice, "alice"), (&mut bob, "bob")] {
        let head = "POST / HTTP/1.1\r\nHost: chat.example\r\nContent-Length: 6\r\n";
        raw.write(format!("{head}X-API-Key: {}\r\n\r\none", key_of(key))).await;
    }
    let both = |seen: &[Seen]| seen.iter().filter(|seen| seen.body == b"one").count() == 2;
    backend.until("the first half of both is there", both).await;
    sidecar.reconfigure(&setup.without("alice")).await;
    for raw in [&mut alice, &mut bob] {
        raw.write("two").await;
    }
    assert_eq!(alice.answer().await.status, 403);
    assert_eq!(bob.answer().await.status, 200);
    let bodies: BTreeSet<Vec<u8>> = backend.seen().into_iter().map(|seen| seen.body).collect();
    assert_eq!(bodies, BTreeSet::from([b"one".to_vec(), b"onetwo".to_vec()]));
    let is_it = |record: &serde_json::Value| record["reason"] == "credential revoked";
    assert_eq!(sidecar.record("the refusal's record", is_it).await["user"], "alice");
}

#[tokio::test]
async fn an_answer_is_kept_from_whom_was_revoked_meanwhile() {
    let feed = Feed::new();
    let backend =
        Backend::always(Script::Feed(b"HTTP/1.1 200 OK\r\n".to_vec(), feed.clone())).await;
    let setup = Setup::before(&backend).key("alice").key("bob");
    let sidecar = setup.clone().start().await;
    let mut raw = sidecar.raw().await;
    raw.write(sidecar.get("/").key("alice").bytes()).await;
    backend.until("the request is there", |seen| seen.len() == 1).await;
    sidecar.reconfigure(&setup.without("alice")).await;
    feed.write("Content-Length: 6\r\n\r\nsecret");
    let answer = raw.answer().await;
    assert_eq!(answer.status, 403);
    assert!(!answer.text().contains("secret"));
    let denied = "doorward_requests_denied_total{reason=\"credential revoked\"}";
    assert_eq!(sidecar.metric(denied).await, Some(1.0));
}

#[tokio::test]
async fn a_revocation_acts_beside_a_broken_certificate() {
    let backend = Backend::start().await;
    let setup = Setup::before(&backend).key("alice").key("bob");
    let sidecar = setup.clone().start().await;
    let (mut alice, mut bob) = (open(&sidecar, "alice").await, open(&sidecar, "bob").await);
    sidecar.replace("server.key", sidecar.certify(&["chat.example"]).key);
    sidecar.replace("doorward.toml", setup.without("alice").text());
    assert_eq!(within(Duration::from_secs(2), "it acts", alice.closed()).await, 4403);
    assert!(bob.is_alive().await);
    assert_eq!(sidecar.get("/").key("alice").status().await, 401);
    eventually("the certificate is complained of", async || sidecar.log().contains("server")).await;
    assert_eq!(sidecar.get("/").key("bob").status().await, 200);
}

#[tokio::test]
async fn a_revocation_acts_beside_a_unit_that_is_bad_only_beside_others() {
    let backend = Backend::start().await;
    let setup = Setup::before(&backend)
        .issuer()
        .key("bob")
        .block("many", "[[keys_file]]\npath = \"many.txt\"\nuser = \"alice\"\n")
        .file("many.txt", &digest(&key_of("many")))
        .block("others", "[[keys_file]]\npath = \"others.txt\"\nuser = \"carol\"\n")
        .file("others.txt", &digest(&key_of("others")));
    let sidecar = setup.start().await;
    let mut many = open(&sidecar, "many").await;
    let mut others = open(&sidecar, "others").await;
    sidecar.replace("jwt-secret", "short");
    eventually("the secret is complained of", async || sidecar.log().contains("not reloaded"))
        .await;
    sidecar.replace("many.txt", "");
    assert_eq!(within(Duration::from_secs(2), "it acts", many.closed()).await, 4403);
    // The same key is declared in the configuration.
    sidecar.replace("many.txt", digest(&key_of("bob")));
    sidecar.replace("others.txt", "");
    assert_eq!(within(Duration::from_secs(2), "it acts too", others.closed()).await, 4403);
    sidecar.replace("jwt-secret", SECRET);
    assert_eq!(sidecar.get("/").key("bob").status().await, 200);
}

#[tokio::test]
async fn a_revocation_acts_in_the_middle_of_a_message() {
    let feed = Feed::new();
    let backend = Backend::always(Script::tunnel(&feed)).await;
    let setup = Setup::before(&backend).key("alice").key("bob");
    let sidecar = setup.clone().start().await;
    let mut frames = sidecar.websocket("/ws").key("alice").frames().await;
    frames.raw.write(&crate::support::Frames::masked(0x81, &[b'x'; 200])[..100]).await;
    backend.until("half of it is there", |seen| seen[0].after.len() == 100).await;
    sidecar.reconfigure(&setup.without("alice")).await;
    assert_eq!(frames.close_code().await, 4403);
    backend.until_gone().await;
    assert_eq!(backend.only().after.len(), 100, "a frame inside a message");
}

#[tokio::test]
async fn a_token_whose_digest_is_revoked_counts_no_more() {
    let backend = Backend::start().await;
    let endless = Signer::hs256(SECRET).sign(&json!({"alg": "HS256"}), &json!({}));
    let settings = |more: &str| format!("require = []\nuser = \"app\"\n{more}");
    let setup = Setup::before(&backend).issuer_with(&settings("")).key("alice");
    let sidecar = setup.clone().start().await;
    let mut socket = sidecar.websocket("/ws").token(&endless).open().await;
    assert_eq!(sidecar.get("/").bearer(&endless).status().await, 200);
    let revoked = settings(&format!("revoked = [{:?}]", digest(&endless)));
    sidecar.reconfigure(&setup.issuer_with(&revoked)).await;
    assert_eq!(socket.closed_within_a_second().await, 4403);
    assert_eq!(sidecar.get("/").bearer(&endless).status().await, 401);
    let other = Signer::hs256(SECRET).sign(&json!({"alg": "HS256", "typ": "JWT"}), &json!({}));
    assert_eq!(sidecar.get("/").bearer(&other).status().await, 200);
}
