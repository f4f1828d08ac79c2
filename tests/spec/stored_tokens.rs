//! `doorward token revoke`: tokens that doorward has signed end, one, a user's, or all.

use serde_json::{Value, json};

use crate::support::{Backend, PASSWORD, Setup, Sidecar, Signer, encode, eventually};

/// A sidecar with alice and bob.
async fn sidecar(backend: &Backend) -> Sidecar {
    let sidecar = Sidecar::with_accounts(backend).await;
    for name in ["alice", "bob"] {
        sidecar.user(name, &json!({})).await;
    }
    sidecar
}

/// The `jti` of a token.
fn id(token: &str) -> String {
    let claims =
        jsonwebtoken::dangerous::insecure_decode::<serde_json::Value>(token).unwrap().claims;
    claims["jti"].as_str().unwrap().to_owned()
}

async fn counts(sidecar: &Sidecar, token: &str) -> bool {
    sidecar.get("/").bearer(token).status().await == 200
}

#[tokio::test]
async fn a_revoked_token_ends_and_no_other() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let leaked = sidecar.token("alice", PASSWORD).await;
    let other = sidecar.token("alice", PASSWORD).await;
    let mut chat = sidecar.websocket("/ws").token(&leaked).open().await;
    assert!(chat.is_alive().await);
    let said = sidecar.done(&["token", "revoke", "--file", "-"], &format!("{leaked}\n")).await;
    assert!(said.contains(&id(&leaked)) && !said.contains(&leaked[..20]), "{said}");
    assert_eq!(chat.closed_within_a_second().await, 4403);
    assert!(!counts(&sidecar, &leaked).await);
    assert!(counts(&sidecar, &other).await);
    sidecar.done(&["token", "revoke", "--id", &id(&other)], "").await;
    eventually("the other ends", async || !counts(&sidecar, &other).await).await;
}

/// How long a token's revocation is remembered after the first user was made, in days.
async fn remembered(sidecar: &Sidecar, token: &str) -> i64 {
    let exported = sidecar.done(&["store", "export"], "").await;
    let line = |part: &str| -> Value {
        let line = exported.lines().find(|line| line.contains(part)).unwrap();
        serde_json::from_str(line).unwrap()
    };
    let created = line("\"created\"")["created"].as_i64().unwrap();
    (line(token)["until"].as_i64().unwrap() - created) / (24 * 3600 * 1000)
}

#[tokio::test]
async fn a_revocation_lasts_as_long_as_its_token_whoever_revokes_it_and_however_often() {
    let backend = Backend::start().await;
    let setup = Setup::before(&backend).accounts_with("token_lifetime = \"400d\"").admin();
    let sidecar = setup.start().await;
    sidecar.until_logins_are_possible("/_doorward").await;
    sidecar.user("alice", &json!({})).await;
    let token = sidecar.token("alice", PASSWORD).await;
    sidecar.done(&["token", "revoke", "--id", &id(&token)], "").await;
    assert_eq!(remembered(&sidecar, &id(&token)).await, 400);
    let by_admin = "7f3c9a52-0c0e-4c6e-9d34-5b2f7a1e8c11";
    let revoke = sidecar.admin("POST", "/tokens/revoke").key("admin");
    assert_eq!(revoke.json(&json!({ "jti": by_admin })).asked().await, 200);
    assert_eq!(remembered(&sidecar, by_admin).await, 400);
    let shorter = Setup::before(&backend).accounts().admin();
    sidecar.reconfigure(&shorter).await;
    sidecar.done(&["token", "revoke", "--id", &id(&token)], "").await;
    assert_eq!(remembered(&sidecar, &id(&token)).await, 400);
    assert!(!counts(&sidecar, &token).await);
}

#[tokio::test]
async fn a_users_tokens_end_and_then_everybodys() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let alices = sidecar.token("alice", PASSWORD).await;
    let bobs = sidecar.token("bob", PASSWORD).await;
    sidecar.done(&["token", "revoke", "--user", "ALICE"], "").await;
    eventually("alice's end", async || !counts(&sidecar, &alices).await).await;
    assert!(counts(&sidecar, &bobs).await);
    sidecar.done(&["token", "revoke", "--all"], "").await;
    eventually("bob's end", async || !counts(&sidecar, &bobs).await).await;
}

#[tokio::test]
async fn a_new_password_ends_the_users_tokens_and_another_permission_does_not() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let alices = sidecar.token("alice", PASSWORD).await;
    let bobs = sidecar.token("bob", PASSWORD).await;
    sidecar.done(&["user", "update", "bob", "--permission", "USERS:READ"], "").await;
    let update = ["user", "update", "alice", "--password-stdin"];
    sidecar.done(&update, "correct horse battery").await;
    eventually("alice's end", async || !counts(&sidecar, &alices).await).await;
    assert!(counts(&sidecar, &bobs).await);
}

#[tokio::test]
async fn what_is_no_token_of_ours_is_refused_and_not_shown() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let issuers = Signer::hs256([7; 32]).token("alice");
    let without_id = format!("{}.{}.x", encode(r#"{"alg":"HS256","kid":"dw-1"}"#), encode("{}"));
    for (text, why) in [
        (&*issuers, "[[issuer]]"),
        ("a-secret-that-is-no-token", "no token"),
        (&without_id, "`jti`"),
        ("", "no credential"),
    ] {
        let refused = sidecar.command(&["token", "revoke", "--file", "-"], text).await;
        assert_eq!((refused.code, refused.text.contains(why)), (1, true), "{refused:?}");
        assert!(text.is_empty() || !refused.text.contains(text), "{refused:?}");
    }
    let refused = sidecar.command(&["token", "revoke", "--user", "carol"], "").await;
    assert_eq!((refused.code, refused.text.contains("no user carol")), (1, true), "{refused:?}");
}
