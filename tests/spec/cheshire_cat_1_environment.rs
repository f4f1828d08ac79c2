//! What each choice of Cheshire Cat's own variables opens: in the Cat 1.9, and here (interface §2
//! "Environment alone").

use serde_json::{Value, json};

use crate::support::{
    Backend, Claims, Setup, Sidecar, Signer, differs_on_purpose, in_seconds, unsigned,
};

const HTTP: &str = "http-key-0123456789";
const WS: &str = "ws-key-0123456789";
const SECRET: &str = "a-secret-of-more-than-thirty-two-bytes";

/// The two keys, and what opens by them: the columns are HTTP without a key, with a good and with a
/// bad one; WebSocket without a token, with an empty, a good, and any other one. Where a key is not
/// set, `good` is what would be good if it were; `-` is where the Cat was not asked that.
struct Row {
    given: &'static str,
    http: Option<&'static str>,
    ws: Option<&'static str>,
    backend: [&'static str; 7],
    doorward: [&'static str; 7],
    said: &'static [&'static str],
    why: &'static str,
}

const NO_SECRET: &str = "CCAT_JWT_SECRET is not set";
const NOT_ASKED: &str = "the Cat was not asked; a key that is not set opens nothing";
const CLOSED: &str = "a key that is not set, or empty, opens nothing, rather than everything";

const MATRIX: &[Row] = &[
    Row {
        given: "neither",
        http: None,
        ws: None,
        backend: ["200", "200", "200", "open", "open", "open", "open"],
        doorward: ["403", "403", "403", "403", "403", "403", "403"],
        said: &["nobody can be authenticated"],
        why: CLOSED,
    },
    Row {
        given: "both",
        http: Some(HTTP),
        ws: Some(WS),
        backend: ["403", "200", "403", "403", "403", "open", "403"],
        doorward: ["403", "200", "403", "403", "403", "open", "403"],
        said: &[NO_SECRET],
        why: "",
    },
    Row {
        given: "HTTP only",
        http: Some(HTTP),
        ws: None,
        backend: ["403", "200", "403", "open", "403", "-", "403"],
        doorward: ["403", "200", "403", "403", "403", "403", "403"],
        said: &["CCAT_API_KEY_WS is not set", NO_SECRET],
        why: CLOSED,
    },
    Row {
        given: "WS only",
        http: None,
        ws: Some(WS),
        backend: ["200", "-", "403", "403", "403", "open", "403"],
        doorward: ["403", "403", "403", "403", "403", "open", "403"],
        said: &["CCAT_API_KEY is not set", NO_SECRET],
        why: CLOSED,
    },
    Row {
        given: "HTTP set, WS empty",
        http: Some(HTTP),
        ws: Some(""),
        backend: ["403", "200", "403", "403", "open", "-", "403"],
        doorward: ["403", "200", "403", "403", "403", "403", "403"],
        said: &["CCAT_API_KEY_WS is empty", NO_SECRET],
        why: CLOSED,
    },
    Row {
        given: "HTTP empty, WS set",
        http: Some(""),
        ws: Some(WS),
        backend: ["403", "-", "403", "403", "403", "open", "403"],
        doorward: ["403", "403", "403", "403", "403", "open", "403"],
        said: &["CCAT_API_KEY is empty", NO_SECRET],
        why: NOT_ASKED,
    },
];

async fn http(sidecar: &Sidecar, authorization: Option<&str>) -> String {
    let request = sidecar.get("/");
    let request = match authorization {
        Some(key) => request.bearer(key),
        None => request,
    };
    request.status().await.to_string()
}

async fn websocket(sidecar: &Sidecar, target: &str) -> String {
    match sidecar.websocket(target).answer().await.0.status {
        101 => "open".to_owned(),
        status => status.to_string(),
    }
}

/// The cells of a row; those of a wrong key are asked with the other transport's key as well.
async fn cells(sidecar: &Sidecar) -> [String; 7] {
    let bad = http(sidecar, Some("nonsense")).await;
    assert_eq!(http(sidecar, Some(WS)).await, bad, "the other key");
    let other = websocket(sidecar, "/ws/bob?token=nonsense").await;
    let other_key = websocket(sidecar, &format!("/ws/bob?token={HTTP}")).await;
    assert_eq!(other_key, other, "the other key");
    [
        http(sidecar, None).await,
        http(sidecar, Some(HTTP)).await,
        bad,
        websocket(sidecar, "/ws/bob").await,
        websocket(sidecar, "/ws/bob?token=").await,
        websocket(sidecar, &format!("/ws/bob?token={WS}")).await,
        other,
    ]
}

#[tokio::test]
async fn a_key_that_is_missing_or_empty_opens_nothing_and_that_is_said_once() {
    for Row { given, http, ws, backend: theirs, doorward, said, why } in MATRIX {
        differs_on_purpose(given, theirs, doorward, why);
        let backend = Backend::start().await;
        let mut setup =
            Setup::from_environment(&backend).environment("DOORWARD_PROFILE", "cheshire-cat-1");
        for (name, value) in [("CCAT_API_KEY", http), ("CCAT_API_KEY_WS", ws)] {
            if let Some(value) = value {
                setup = setup.environment(name, value);
            }
        }
        let sidecar = setup.start().await;
        assert_eq!(cells(&sidecar).await, *doorward, "{given}: {why}");
        let opened = doorward.iter().filter(|cell| **cell != "403").count();
        assert_eq!(backend.seen().len(), opened, "{given}");
        let is_last = |record: &Value| record["target"] == "access" && record["status"] != 200;
        sidecar.record("the records of these requests", is_last).await;
        let warned = sidecar.warnings();
        assert_eq!(warned.len(), said.len(), "{given}: {warned:?}");
        for (warning, words) in warned.iter().zip(*said) {
            assert!(warning.contains(words), "{given}: {warning}");
        }
    }
}

/// A token, the status that the Cat answers `GET /` with, and ours.
struct Signed {
    given: &'static str,
    token: String,
    backend: u16,
    doorward: u16,
    why: &'static str,
}

fn tokens() -> Vec<Signed> {
    let claims = || {
        Claims::of("8f0b")
            .with("username", "alice")
            .with("permissions", json!({"STATUS": ["READ"]}))
            .with("exp", in_seconds(3600))
    };
    let header = json!({"alg": "HS256", "typ": "JWT"});
    let sign = |claims: Claims| Signer::hs256(SECRET).sign(&header, &claims.0);
    let token =
        |given, token, backend, doorward, why| Signed { given, token, backend, doorward, why };
    let same =
        |given, token, status| Signed { given, token, backend: status, doorward: status, why: "" };
    let plain = Signer::hs256("another-secret-of-thirty-two-bytes!!").sign(&header, &claims().0);
    let other = Signer::hs512(SECRET).sign(&json!({"alg": "HS512", "typ": "JWT"}), &claims().0);
    let theirs = Signer::hs256("secret").sign(&header, &claims().0);
    vec![
        same("of the Cat", sign(claims()), 200),
        same("of another secret", plain, 403),
        same("without a signature", unsigned(&json!({"alg": "none"}), &claims()), 403),
        same("of another algorithm", other, 403),
        same("expired", sign(claims().with("exp", in_seconds(-60))), 403),
        same("not yet valid", sign(claims().with("nbf", in_seconds(60))), 403),
        same("with an audience", sign(claims().with("aud", "chat")), 403),
        same("without a username", sign(claims().without("username")), 403),
        same("without the permission", sign(claims().with("permissions", json!({}))), 403),
        same("of the Cat's public secret", theirs, 403),
        token(
            "without an end",
            sign(claims().without("exp")),
            200,
            403,
            "a token without an end could be taken back only by a new secret for all",
        ),
        token(
            "just expired",
            sign(claims().with("exp", in_seconds(-10))),
            403,
            200,
            "issuer.leeway, 30 s, since clocks differ",
        ),
        token(
            "of a user who is not stored",
            sign(claims().with("sub", "nobody")),
            403,
            200,
            "who is known is the issuer's to say: here are no stored users, and the backend is shown its key",
        ),
        token(
            "of a user whose name is no id",
            sign(claims().with("username", "a b")),
            200,
            403,
            "an id is short visible ASCII, so that it reads the same everywhere",
        ),
    ]
}

#[tokio::test]
async fn a_token_of_the_cats_counts_by_its_secret_and_its_claims() {
    let backend = Backend::start().await;
    let setup = Setup::from_environment(&backend)
        .environment("DOORWARD_LIMITS_FAILURES_PER_ADDRESS", "off")
        .environment("CCAT_API_KEY", HTTP)
        .environment("CCAT_API_KEY_WS", WS)
        .environment("CCAT_JWT_SECRET", SECRET);
    let sidecar = setup.start().await;
    for Signed { given, token, backend: theirs, doorward, why } in tokens() {
        differs_on_purpose(given, &theirs, &doorward, why);
        let before = backend.seen().len();
        assert_eq!(sidecar.get("/").bearer(&token).status().await, doorward, "{given}: {why}");
        for seen in backend.seen().split_off(before) {
            assert_eq!(seen.folded("user_id"), ["alice"], "{given}");
            assert_eq!(seen.folded("authorization"), [format!("Bearer {HTTP}")], "{given}");
            assert!(!seen.everything().contains(&token), "{given}: {seen:?}");
        }
    }
}

/// The Cat refuses what looks like a token and is none of its own even where nothing is locked, so
/// it must never see a client's.
#[tokio::test]
async fn a_token_that_the_cat_does_not_know_is_not_shown_to_it() {
    let backend = Backend::start().await;
    let setup = Setup::before(&backend).set("backend", "profile = \"cheshire-cat-1\"").issuer();
    let sidecar = setup.start().await;
    let token = Claims::of("alice")
        .with("permissions", json!(["STATUS:READ", "CONVERSATION:WRITE"]))
        .sign();
    assert_eq!(sidecar.get("/").bearer(&token).status().await, 200);
    assert_eq!(sidecar.websocket("/ws").token(&token).answer().await.0.status, 101);
    for seen in backend.seen() {
        assert!(seen.folded("authorization").is_empty(), "{seen:?}");
        assert!(!seen.everything().contains(&token), "{seen:?}");
    }
}
