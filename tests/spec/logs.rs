//! One record a request, in which no secret can be (interface §4, promise 3).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Backend, Claims, SECRET, Setup, Sidecar, eventually, key_of};

async fn sidecar(backend: &Backend) -> Sidecar {
    Setup::before(backend)
        .key("alice")
        .issuer()
        .set("backend", "http_key = \"backend-key-0123456789\"")
        .start()
        .await
}

async fn record_of(sidecar: &Sidecar, path: &str) -> Value {
    let is_it = |record: &Value| record["target"] == "access" && record["path"] == path;
    sidecar.record("the request's record", is_it).await
}

#[tokio::test]
async fn an_answered_request_has_its_record() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let answer = sidecar.request("POST", "/a?b=c").key("alice").body("hello").send().await;
    let record = record_of(&sidecar, "/a").await;
    let expected = json!({
        "level": "INFO", "target": "access", "method": "POST", "path": "/a", "status": 200,
        "protocol": "h1", "peer": "127.0.0.1", "user": "alice", "credential": "alice",
        "rule": record["rule"], "bytes_received": 5, "bytes_sent": 2,
        "request_id": answer.header("x-request-id"), "timestamp": record["timestamp"],
        "duration_ms": record["duration_ms"], "upstream_ms": record["upstream_ms"],
    });
    assert_eq!(record, expected);
    assert_eq!(record["request_id"].as_str(), backend.only().head.field("x-request-id"));
}

#[tokio::test]
async fn every_denial_has_its_record_and_its_reason() {
    let backend = Backend::start().await;
    let setup = Setup::before(&backend).key("alice").route("/closed", "access = \"deny\"");
    let sidecar = setup.key_with("site", "acts_as = [\"visitor-*\"]").start().await;
    let alice = |path: &str| sidecar.get(path).key("alice");
    let mut reasons = BTreeSet::new();
    for (path, request, status) in [
        ("/none", sidecar.get("/none"), 401),
        ("/unknown", sidecar.get("/unknown").key("nobody"), 401),
        ("/twice", alice("/twice").header("X-API-Key", "other"), 400),
        ("/closed", alice("/closed"), 403),
        ("/host", alice("/host").header("Host", "evil.example"), 421),
        ("/trace", sidecar.request("TRACE", "/trace"), 405),
        ("/expect", alice("/expect").header("Expect", "more"), 417),
        ("/as", sidecar.get("/as").key("site").header("user_id", "alice"), 403),
        ("/a//b", alice("/a//b"), 400),
    ] {
        assert_eq!(request.status().await, status, "{path}");
        let record = record_of(&sidecar, path).await;
        assert_eq!(record["status"], status, "{record}");
        assert!(reasons.insert(record["reason"].to_string()), "{record}");
    }
}

#[tokio::test]
async fn what_no_parser_takes_is_recorded_and_counted() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let long = format!("x: {}", "x".repeat(40_000));
    for (line, status, reason) in [
        ("Content-Length: +1", 400, "unreadable head"),
        ("a b: c", 400, "unreadable head"),
        (&*long, 431, "head too large"),
    ] {
        let mut raw = sidecar.raw().await;
        raw.write(format!("GET /hidden HTTP/1.1\r\nHost: chat.example\r\n{line}\r\n\r\n")).await;
        assert_eq!(raw.answer().await.status, status, "{line:.20}");
        assert!(raw.answer_or_close().await.is_none());
        let is_it = |record: &Value| record["status"] == status && record["reason"] == reason;
        let record = sidecar.record("the refusal's record", is_it).await;
        assert_eq!((&record["method"], &record["path"]), (&"".into(), &"".into()));
    }
    let counted = async |series: &str| sidecar.metric(series).await;
    let denied = |reason| format!("doorward_requests_denied_total{{reason=\"{reason}\"}}");
    assert_eq!(counted(&denied("unreadable head")).await, Some(2.0));
    assert_eq!(counted(&denied("head too large")).await, Some(1.0));
    assert_eq!(counted("doorward_requests_total{status=\"400\"}").await, Some(2.0));
    assert!(!sidecar.log().contains("hidden"));
}

#[tokio::test]
async fn every_denial_is_counted_by_its_reason() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    assert_eq!(sidecar.get("/").status().await, 401);
    assert_eq!(sidecar.get("/").key("nobody").status().await, 401);
    let page = sidecar.telemetry("/metrics").await;
    let denied: Vec<&str> =
        page.lines().filter(|line| line.starts_with("doorward_requests_denied_total{")).collect();
    assert_eq!(denied.iter().filter(|line| line.ends_with(" 1")).count(), 2, "{denied:?}");
    assert_eq!(sidecar.metric("doorward_requests_total{status=\"401\"}").await, Some(2.0));
}

#[tokio::test]
async fn a_socket_has_its_record_when_it_ends() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    sidecar.websocket("/ws").key("alice").open().await.close().await;
    let record = record_of(&sidecar, "/ws").await;
    assert_eq!(
        (&record["protocol"], &record["status"], &record["user"]),
        (&"ws".into(), &101.into(), &"alice".into())
    );
}

/// Puts a credential wherever a client might.
async fn mislay(sidecar: &Sidecar, credential: &str) {
    let query = format!("/?token={credential}&password={credential}");
    sidecar.get(&query).bearer(credential).status().await;
    let path = format!("/a&token={credential}");
    sidecar.get(&path).header("X-API-Key", credential).status().await;
    let basic = format!("Basic {credential}");
    sidecar.get("/b").header("Authorization", &basic).header("Cookie", credential).status().await;
    sidecar.websocket("/ws").token(credential).answer().await;
    let offer = format!("bearer, {credential}");
    sidecar.websocket("/ws").header("Sec-WebSocket-Protocol", &offer).answer().await;
}

#[tokio::test]
async fn no_secret_is_ever_in_the_log() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let (token, key) = (Claims::of("alice").sign(), key_of("alice"));
    let (signature, mistyped) = (token.rsplit('.').next().unwrap(), &key[..20]);
    for credential in [&token, &key, mistyped] {
        mislay(&sidecar, credential).await;
    }
    let page = sidecar.telemetry("/metrics").await;
    let (code, log) = sidecar.stop().await;
    assert!(code == 0 && log.lines().count() >= 15, "{log}");
    for secret in [signature, mistyped, "backend-key", SECRET] {
        assert!(!log.contains(secret), "{secret} in the log:\n{log}");
        assert!(!page.contains(secret), "{secret} in the metrics");
    }
}

#[tokio::test]
async fn hostile_bytes_stay_in_their_line() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let long = format!("/{}", "x".repeat(6000));
    for target in ["/a%0d%0a{}", "/%1b[2J", "/%e2%80%ae", "/\"}{\"", "/\u{9b}31m", "/'\\n", &long] {
        sidecar.get(target).header("User-Agent", "\u{9b}31m\u{202e}").status().await;
    }
    let strange = sidecar.request("GET\u{b7}", "/").status().await;
    assert!(strange == 400 || strange == 401);
    let lines = sidecar.stop().await.1;
    let records = lines.lines().filter(|line| line.contains("\"access\"")).count();
    assert!(records >= 7, "who is refused before there is a request has no record: {lines}");
    for line in lines.lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "{line}");
        assert!(
            line.chars().all(|c| !c.is_control() && c != '\u{202e}') && line.len() < 4096,
            "{line}"
        );
    }
}

#[tokio::test]
async fn the_log_may_be_text() {
    let backend = Backend::start().await;
    let sidecar =
        Setup::before(&backend).key("alice").set("log", "format = \"text\"").start().await;
    assert_eq!(sidecar.get("/a").key("alice").status().await, 200);
    let lines = sidecar.stop().await.1;
    let line = lines.lines().find(|line| line.contains("GET /a 200")).expect("a record");
    assert!(line.contains("user=alice"), "{line}");
}

#[tokio::test]
async fn health_readiness_and_metrics_are_told_without_a_credential() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    assert!(sidecar.telemetry("/healthz").await.starts_with("HTTP/1.1 200"));
    assert!(sidecar.telemetry("/readyz").await.starts_with("HTTP/1.1 200"));
    let page = sidecar.telemetry("/metrics").await;
    assert!(page.contains("# TYPE doorward_requests_total counter"), "{page}");
    assert!(sidecar.telemetry("/other").await.starts_with("HTTP/1.1 404"));
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(sidecar.get(path).status().await, 401, "{path} on the public listener");
    }
}

#[tokio::test]
async fn a_secret_that_everybody_may_read_is_complained_of() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o604);
    std::fs::set_permissions(sidecar.path("jwt-secret"), readable).unwrap();
    sidecar.reconfigure(&Setup::before(&backend).key("bob").issuer()).await;
    eventually("it is complained of", async || {
        let log = sidecar.log();
        let complaint = "every user of this machine may read";
        log.lines().any(|line| line.contains(complaint) && line.contains("jwt-secret"))
    })
    .await;
}
