//! `doorward token revoke`: tokens that doorward has signed end, one, a user's, or all.

use serde_json::json;

use crate::support::{Backend, Claims, Setup, Sidecar, Signer, encode, eventually, in_seconds};

const ALICE: &str = "7f3c9a52-0c0e-4c6e-9d34-5b2f7a1e8c11";
const BOB: &str = "5b2f7a1e-8c11-4c6e-9d34-7f3c9a520c0e";
const KEY: &[u8; 32] = b"a key that our tokens are signed";

/// A sidecar whose store has alice, bob, and a key that the test signs tokens of ours with.
async fn sidecar(backend: &Backend) -> Sidecar {
    let accounts = "[accounts]\nstore = \"users.db\"\n";
    let sidecar = Setup::before(backend).block("accounts", accounts).start().await;
    let hash = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$\
                c2FsdHNhbHRzYWx0c2FsdHNhbHRzYWx0c2FsdHNhbHQ";
    let user = |id, name| {
        json!({"kind": "user", "id": id, "username": name, "hash": hash, "permissions": ["*:*"],
               "status": "enabled", "tokens_end": 0, "created": 0})
    };
    let secret = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, KEY);
    let lines = [
        json!({"kind": "doorward-store", "format": 1}),
        user(ALICE, "alice"),
        user(BOB, "bob"),
        json!({"kind": "signing-key", "kid": "dw-1", "purpose": "access", "algorithm": "HS256",
               "secret": secret, "created": 0, "retires": null}),
        json!({"kind": "end"}),
    ];
    let lines = lines.map(|line| line.to_string()).join("\n");
    sidecar.done(&["store", "import", "-"], &lines).await;
    let alice = token(ALICE, ALICE);
    eventually("alice's token counts", async || counts(&sidecar, &alice).await).await;
    sidecar
}

/// A token of ours for an hour, with this id.
fn token(user: &str, id: &str) -> String {
    let header = json!({"alg": "HS256", "typ": "at+jwt", "kid": "dw-1"});
    let claims = Claims::of(user).0;
    let mut claims = claims.as_object().unwrap().clone();
    for (name, value) in [("iss", "doorward"), ("aud", "doorward"), ("jti", id)] {
        claims.insert(name.to_owned(), value.into());
    }
    claims.insert("iat".to_owned(), in_seconds(-1).into());
    Signer::hs256(KEY).sign(&header, &claims.into())
}

async fn counts(sidecar: &Sidecar, token: &str) -> bool {
    sidecar.get("/").bearer(token).status().await == 200
}

#[tokio::test]
async fn a_revoked_token_ends_and_no_other() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let (leaked, other) = (token(ALICE, ALICE), token(ALICE, BOB));
    let mut chat = sidecar.websocket("/ws").token(&leaked).open().await;
    assert!(chat.is_alive().await);
    let said = sidecar.done(&["token", "revoke", "--file", "-"], &format!("{leaked}\n")).await;
    assert!(said.contains(ALICE) && !said.contains(&leaked[..20]), "{said}");
    assert_eq!(chat.closed_within_a_second().await, 4403);
    assert!(!counts(&sidecar, &leaked).await);
    assert!(counts(&sidecar, &other).await);
    sidecar.done(&["token", "revoke", "--id", BOB], "").await;
    eventually("the other ends", async || !counts(&sidecar, &other).await).await;
}

#[tokio::test]
async fn a_users_tokens_end_and_then_everybodys() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let (alices, bobs) = (token(ALICE, ALICE), token(BOB, BOB));
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
    let (alices, bobs) = (token(ALICE, ALICE), token(BOB, BOB));
    sidecar.done(&["user", "update", "bob", "--permission", "A:B"], "").await;
    let update = ["user", "update", "alice", "--password-stdin"];
    sidecar.done(&update, "correct horse battery").await;
    eventually("alice's end", async || !counts(&sidecar, &alices).await).await;
    assert!(counts(&sidecar, &bobs).await);
}

#[tokio::test]
async fn what_is_no_token_of_ours_is_refused_and_not_shown() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let issuers = Signer::hs256(KEY).token("alice");
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
