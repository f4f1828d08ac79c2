//! Backends that know their callers by a token alone get one for each, signed with a secret of their
//! own.

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde_json::{Map, Value};

use crate::support::{Backend, Claims, Seen, Setup, Signer, in_seconds};

const THEIRS: &str = "the-backends-own-secret-0123456789abcdef";

fn cat_2(backend: &Backend) -> Setup {
    Setup::before(backend)
        .set("backend", "profile = \"cheshire-cat-2\"")
        .set("backend", "jwt_secret_file = \"backend-jwt\"")
        .file("backend-jwt", THEIRS)
}

fn zep(backend: &Backend) -> Setup {
    cat_2(backend).set("backend", "profile = \"zep\"")
}

/// What the backend was told, by a token that verifies with its secret.
fn told(seen: &Seen) -> Map<String, Value> {
    let lines = seen.folded("authorization");
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    let token = line.strip_prefix("Bearer ").unwrap();
    let mut validation = Validation::new(Algorithm::HS256);
    validation.leeway = 0;
    decode(token, &DecodingKey::from_secret(THEIRS.as_bytes()), &validation).unwrap().claims
}

#[tokio::test]
async fn each_user_is_named_by_a_token_of_its_own() {
    let backend = Backend::start().await;
    let setup = cat_2(&backend)
        .key("alice")
        .key("bob")
        .key_with("root", "user = \"root\"\npermissions = [\"*:*\"]");
    let sidecar = setup.start().await;
    let claimed = sidecar
        .get("/me")
        .key("alice")
        .header("user_id", "root")
        .header("Cookie", "access_token=evil");
    assert_eq!(claimed.status().await, 200);
    assert_eq!(sidecar.get("/me").key("root").status().await, 200);
    assert_eq!(sidecar.get("/me").key("bob").status().await, 200);
    let [alice, root, bob] = &backend.seen()[..] else { panic!() };
    assert_eq!(told(bob)["username"], "bob", "who may do as much as alice is not alice");
    assert_eq!(told(alice)["username"], "alice");
    assert_eq!(told(alice)["roles"], Value::Array(vec![]));
    assert_eq!(told(root)["roles"], Value::from(vec!["admin"]));
    assert_ne!(told(alice)["sub"], told(root)["sub"]);
    let lifetime = told(alice)["exp"].as_i64().unwrap() - in_seconds(0);
    assert!((240..=300).contains(&lifetime), "{lifetime}");
    assert!(!alice.everything().contains("evil"));
    assert!(alice.folded("user_id").is_empty());
}

#[tokio::test]
async fn a_minted_token_ends_with_the_credential() {
    let backend = Backend::start().await;
    let sidecar = cat_2(&backend).issuer().start().await;
    let exp = in_seconds(60);
    let token = Claims::of("alice").with("exp", exp).sign();
    assert_eq!(sidecar.get("/me").bearer(&token).status().await, 200);
    assert!(told(&backend.only())["exp"].as_i64().unwrap() <= exp);
}

#[tokio::test]
async fn nobody_is_told_on_an_open_route() {
    let backend = Backend::start().await;
    let sidecar = cat_2(&backend).key("alice").start().await;
    assert_eq!(sidecar.get("/status").header("user_id", "alice").status().await, 200);
    assert!(backend.only().folded("authorization").is_empty());
}

#[tokio::test]
async fn a_token_that_names_nobody_is_shown_for_everybody() {
    let backend = Backend::start().await;
    let sidecar = zep(&backend).key("alice").start().await;
    assert_eq!(sidecar.get("/api/v1/user/alice").key("alice").status().await, 200);
    let claims = told(&backend.only());
    assert_eq!(claims.keys().collect::<Vec<_>>(), ["exp"]);
}

#[tokio::test]
async fn a_secret_that_changes_signs_at_once() {
    let backend = Backend::start().await;
    let sidecar = cat_2(&backend).key("alice").start().await;
    assert_eq!(sidecar.get("/me").key("alice").status().await, 200);
    let other = "another-secret-of-the-backend-0123456789";
    let before = sidecar.generation().await;
    sidecar.replace("backend-jwt", other);
    sidecar.until_newer_than(before).await;
    assert_eq!(sidecar.get("/me").key("alice").status().await, 200);
    let seen = backend.seen();
    let line = seen[1].folded("authorization")[0].to_owned();
    let key = DecodingKey::from_secret(other.as_bytes());
    let token = line.strip_prefix("Bearer ").unwrap();
    decode::<Map<String, Value>>(token, &key, &Validation::new(Algorithm::HS256)).unwrap();
}

#[tokio::test]
async fn what_cannot_be_right_does_not_start() {
    let backend = Backend::start().await;
    let without =
        Setup::before(&backend).set("backend", "profile = \"cheshire-cat-2\"").key("alice");
    let complaint = without.refused().await;
    assert!(complaint.contains("backend.jwt_secret"), "{complaint}");
    let both =
        cat_2(&backend).key("alice").set("backend", "http_key = \"shown-as-well-0123456789\"");
    let complaint = both.refused().await;
    assert!(complaint.contains("minted token"), "{complaint}");
    let none =
        Setup::before(&backend).key("alice").set("backend", &format!("jwt_secret = {THEIRS:?}"));
    let complaint = none.refused().await;
    assert!(complaint.contains("mints no token"), "{complaint}");
    let short = cat_2(&backend).key("alice").file("backend-jwt", "meow_jwt");
    let complaint = short.refused().await;
    assert!(complaint.contains("published"), "{complaint}");
}

#[tokio::test]
async fn an_issuer_never_has_the_secret_that_names_users_to_the_backend() {
    let backend = Backend::start().await;
    let complaint = cat_2(&backend).issuer().file("jwt-secret", THEIRS).refused().await;
    assert!(complaint.contains("the backend's own secret"), "{complaint}");
    // Zep's tokens name nobody, and its clients have one already.
    let sidecar = zep(&backend).issuer().file("jwt-secret", THEIRS).start().await;
    let token = Signer::hs256(THEIRS).token("alice");
    assert_eq!(sidecar.get("/api/v1/user/alice").bearer(&token).status().await, 200);
}
