//! Logins: a token for name and password, what it opens, and what ends it.

use serde_json::json;

use crate::support::{Backend, PASSWORD, Setup, Sidecar};

fn chat() -> serde_json::Value {
    json!({})
}

#[tokio::test]
async fn a_token_for_name_and_password_is_the_user_to_the_backend() {
    let backend = Backend::start().await;
    let sidecar = Sidecar::with_accounts(&backend).await;
    sidecar.user("alice", &json!({})).await;
    let answer = sidecar.log_in("alice", PASSWORD).send().await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let token = answer.json();
    assert_eq!(token["token_type"], "bearer");
    let token = token["access_token"].as_str().unwrap();
    assert_eq!(sidecar.get("/").bearer(token).header("user_id", "root").status().await, 200);
    assert_eq!(backend.only().folded("user_id"), ["alice"]);
    let mut chat = sidecar.websocket("/ws").token(token).open().await;
    assert!(chat.is_alive().await);
}

#[tokio::test]
async fn a_form_logs_in_as_json_does() {
    let backend = Backend::start().await;
    let sidecar = Sidecar::with_accounts(&backend).await;
    let body = json!({ "username": "alice", "password": "aaaaaaaa" });
    let made = sidecar.accounts("POST", "/users/").key("admin").json(&body).send().await;
    assert_eq!(made.status, 200, "{}", made.text());
    let form = [("username", "alice"), ("password", "aaaaaaaa")];
    let answer = sidecar.accounts("POST", "/auth/token").form(&form).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn whatever_is_wrong_with_a_login_the_answer_is_the_same() {
    let backend = Backend::start().await;
    let sidecar = Sidecar::with_accounts(&backend).await;
    sidecar.user("alice", &chat()).await;
    let bob = sidecar.user("bob", &chat()).await;
    let disable = json!({ "status": "disabled" });
    let path = format!("/users/{bob}");
    assert_eq!(sidecar.accounts("PUT", &path).key("admin").json(&disable).status().await, 200);
    let wrong = sidecar.log_in("alice", "another password").send().await;
    assert_eq!(wrong.status, 403);
    assert_eq!(wrong.json(), json!({ "detail": { "error": "Invalid Credentials" } }));
    for (name, password) in [("bob", PASSWORD), ("carol", PASSWORD), ("no name at all", PASSWORD)] {
        let answer = sidecar.log_in(name, password).send().await;
        assert_eq!(answer.lasting(), wrong.lasting(), "{name}");
    }
}

#[tokio::test]
async fn what_is_no_login_is_refused_before_anything_is_hashed() {
    let backend = Backend::start().await;
    let sidecar = Sidecar::with_accounts(&backend).await;
    let post = || sidecar.accounts("POST", "/auth/token");
    let secret = "s3cr3t-".repeat(200);
    let too_long = json!({ "username": "alice", "password": secret });
    let json = |body: &str| post().header("Content-Type", "application/json").body(body);
    for (status, request) in [
        (400, post().json(&too_long)),
        (400, post().json(&json!({ "username": "alice" }))),
        (400, post().json(&json!({ "password": PASSWORD }))),
        (400, post().json(&json!({ "username": 7, "password": PASSWORD }))),
        (400, json("{\"username\": \"alice\", \"password\": \"correct")),
        (400, json("{} {}")),
        (413, json(&"x".repeat(1024 * 1024))),
        (415, post().header("Content-Type", "text/plain").body("alice")),
        (415, post().body("alice")),
    ] {
        let answer = request.send().await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert!(!answer.text().contains("s3cr3t") && !answer.text().contains("correct"));
    }
    let answer = sidecar.accounts("GET", "/auth/token").send().await;
    assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")));
    assert_eq!(answer.json(), json!({ "detail": "Method Not Allowed" }));
    assert!(backend.seen().is_empty());
}

#[tokio::test]
async fn bytes_of_a_password_behind_the_seventy_second_count() {
    let backend = Backend::start().await;
    let sidecar = Sidecar::with_accounts(&backend).await;
    let long = "x".repeat(72);
    let body = json!({ "username": "alice", "password": format!("{long}right") });
    assert_eq!(sidecar.accounts("POST", "/users/").key("admin").json(&body).status().await, 200);
    assert_eq!(sidecar.log_in("alice", &format!("{long}wrong")).status().await, 403);
    assert_eq!(sidecar.log_in("alice", &format!("{long}right")).status().await, 200);
}

#[tokio::test]
async fn whoever_logs_in_with_the_first_start_waits_for_keys_to_sign_with() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend).accounts().start().await;
    let keys = sidecar.get("/_doorward/.well-known/jwks.json").send().await;
    assert_eq!(keys.status, 200, "{}", keys.text());
    assert_eq!(keys.json()["keys"].as_array().unwrap().len(), 2);
    sidecar.user("alice", &json!({})).await;
    assert_eq!(sidecar.log_in("alice", PASSWORD).status().await, 200);
}

#[tokio::test]
async fn failures_slow_down_who_fails_and_nobody_elsewhere() {
    let backend = Backend::start().await;
    let setup = Setup::before(&backend).accounts();
    let setup = setup.set("listen", "trusted_proxies = [\"127.0.0.1\"]");
    let sidecar = setup.start().await;
    sidecar.until_logins_are_possible("/_doorward").await;
    sidecar.user("alice", &chat()).await;
    let from = |address: &str, password: &str| {
        sidecar.log_in("alice", password).header("X-Forwarded-For", address)
    };
    let logins = async |outcome: &str| {
        sidecar.metric(&format!("doorward_logins_total{{outcome=\"{outcome}\"}}")).await
    };
    let (mut refused, mut failed) = (None, logins("failed").await.unwrap());
    for _ in 0..20 {
        let answer = from("192.0.2.1", "not her password").send().await;
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
        assert_eq!(answer.status, 403);
        failed += 1.0;
    }
    let refused = refused.expect("twenty failures in a row");
    assert!(refused.header("retry-after").unwrap().parse::<u32>().unwrap() >= 1);
    assert_eq!(from("192.0.2.1", PASSWORD).status().await, 429);
    assert_eq!(from("198.51.100.7", PASSWORD).status().await, 200);
    for (outcome, count) in
        [("succeeded", 1.0), ("failed", failed), ("throttled", 2.0), ("busy", 0.0)]
    {
        assert_eq!(logins(outcome).await, Some(count), "{outcome}");
    }
}

#[tokio::test]
async fn a_renewed_token_is_another_one_of_the_same_user() {
    let backend = Backend::start().await;
    let sidecar = Sidecar::with_accounts(&backend).await;
    sidecar.user("alice", &json!({})).await;
    let token = sidecar.token("alice", PASSWORD).await;
    let renew = |credential: &str| sidecar.accounts("POST", "/auth/renew").bearer(credential);
    let answer = renew(&token).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let renewed = answer.json()["access_token"].as_str().unwrap().to_owned();
    assert_ne!(renewed, token);
    assert_eq!(sidecar.get("/").bearer(&renewed).status().await, 200);
    assert_eq!(backend.only().folded("user_id"), ["alice"]);
    let key = crate::support::key_of("admin");
    assert_eq!(renew(&key).status().await, 403, "a key is not renewed");
}

#[tokio::test]
async fn an_acting_key_gets_a_short_token_of_the_visitor_whom_it_names() {
    let backend = Backend::start().await;
    let setup = Setup::before(&backend).accounts();
    let setup = setup.key_with("site", "acts_as = [\"visitor-*\"]");
    let sidecar = setup.start().await;
    sidecar.until_logins_are_possible("/_doorward").await;
    let ask = |user: &str| {
        sidecar.accounts("POST", "/auth/token").key("site").header("user_id", user).json(&json!({}))
    };
    let answer = ask("visitor-7").send().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let token = answer.json();
    assert!(token["expires_in"].as_u64().unwrap() <= 15 * 60);
    let token = token["access_token"].as_str().unwrap();
    assert_eq!(sidecar.get("/").bearer(token).header("user_id", "visitor-8").status().await, 200);
    assert_eq!(backend.only().folded("user_id"), ["visitor-7"]);
    assert_eq!(ask("alice").status().await, 403, "it may not act as her");
    let bound = sidecar.accounts("POST", "/auth/token").key("admin").json(&json!({}));
    assert_eq!(bound.status().await, 403, "it acts for nobody");
    let again = sidecar.accounts("POST", "/auth/token").bearer(token).json(&json!({}));
    assert_eq!(again.status().await, 403, "a visitor's token is no key");
    // With its key it ends.
    let mut chat = sidecar.websocket("/ws").token(token).open().await;
    assert!(chat.is_alive().await);
    sidecar.reconfigure(&Setup::before(&backend).accounts()).await;
    assert_eq!(chat.closed_within_a_second().await, 4403);
    assert_eq!(sidecar.get("/").bearer(token).status().await, 401);
}

#[tokio::test]
async fn public_keys_are_there_to_verify_with() {
    let backend = Backend::start().await;
    let sidecar = Sidecar::with_accounts(&backend).await;
    sidecar.user("alice", &json!({})).await;
    let token = sidecar.token("alice", PASSWORD).await;
    let keys = sidecar.accounts("GET", "/.well-known/jwks.json").send().await.json();
    let header = jsonwebtoken::decode_header(&token).unwrap();
    let set: jsonwebtoken::jwk::JwkSet = serde_json::from_value(keys).unwrap();
    let key = set.find(header.kid.as_deref().unwrap()).unwrap();
    let key = jsonwebtoken::DecodingKey::from_jwk(key).unwrap();
    let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::EdDSA);
    rules.set_audience(&["doorward"]);
    let claims = jsonwebtoken::decode::<serde_json::Value>(&token, &key, &rules).unwrap().claims;
    assert_eq!(claims["username"], "alice");
    assert!(uuid::Uuid::parse_str(claims["sub"].as_str().unwrap()).is_ok());
}
