//! One record a request, in which no secret can be (interface §4, promise 3).

use serde_json::Value;

use crate::support::{Backend, Claims, SECRET, Setup, Sidecar, key_of};

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
    let answer = sidecar
        .request("POST", "/a?b=c")
        .key("alice")
        .body("hello")
        .send()
        .await;
    let record = record_of(&sidecar, "/a").await;
    for (name, value) in [
        ("method", "POST"),
        ("user", "alice"),
        ("credential", "alice"),
        ("protocol", "h1"),
        ("peer", "127.0.0.1"),
        ("level", "INFO"),
    ] {
        assert_eq!(record[name], value, "{record}");
    }
    for (name, value) in [("status", 200), ("bytes_received", 5), ("bytes_sent", 2)] {
        assert_eq!(record[name], value, "{record}");
    }
    assert_eq!(record["request_id"].as_str(), answer.header("x-request-id"));
    assert_eq!(
        record["request_id"].as_str(),
        backend.only().head.field("x-request-id")
    );
    assert!(
        record["duration_ms"].is_number()
            && record["upstream_ms"].is_number()
            && record["rule"].is_string()
    );
}

#[tokio::test]
async fn every_denial_has_its_record_and_its_reason() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend)
        .key("alice")
        .issuer()
        .route("/closed", "access = \"deny\"")
        .start()
        .await;
    let expired = Claims::of("alice").with("exp", 1_000_000).sign();
    let requests = [
        ("/none", sidecar.get("/none"), 401),
        ("/unknown", sidecar.get("/unknown").key("nobody"), 401),
        ("/expired", sidecar.get("/expired").bearer(&expired), 401),
        (
            "/twice",
            sidecar
                .get("/twice")
                .key("alice")
                .header("X-API-Key", "other"),
            400,
        ),
        ("/closed", sidecar.get("/closed").key("alice"), 403),
        (
            "/host",
            sidecar.get("/host").header("Host", "evil.example"),
            421,
        ),
        ("/trace", sidecar.request("TRACE", "/trace"), 405),
        ("/a//b", sidecar.get("/a//b"), 400),
    ];
    let mut reasons = std::collections::BTreeSet::new();
    for (path, request, status) in requests {
        assert_eq!(request.status().await, status, "{path}");
        let record = record_of(&sidecar, path).await;
        assert_eq!(record["status"], status, "{record}");
        reasons.insert(record["reason"].as_str().unwrap().to_owned());
    }
    assert_eq!(reasons.len(), 8, "{reasons:?}");
}

#[tokio::test]
async fn every_denial_is_counted_by_its_reason() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    assert_eq!(sidecar.get("/").status().await, 401);
    assert_eq!(sidecar.get("/").key("nobody").status().await, 401);
    let page = sidecar.telemetry("/metrics").await;
    let denied: Vec<&str> = page
        .lines()
        .filter(|line| line.starts_with("doorward_requests_denied_total{"))
        .collect();
    assert_eq!(
        denied.iter().filter(|line| line.ends_with(" 1")).count(),
        2,
        "{denied:?}"
    );
    assert_eq!(
        sidecar
            .metric("doorward_requests_total{status=\"401\"}")
            .await,
        Some(2.0)
    );
}

#[tokio::test]
async fn a_socket_has_its_record_when_it_ends() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    sidecar
        .websocket("/ws")
        .key("alice")
        .open()
        .await
        .close()
        .await;
    let record = record_of(&sidecar, "/ws").await;
    assert_eq!(
        (&record["protocol"], &record["status"], &record["user"]),
        (&"ws".into(), &101.into(), &"alice".into())
    );
}

#[tokio::test]
async fn no_secret_is_ever_in_the_log() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let (token, key) = (Claims::of("alice").sign(), key_of("alice"));
    for credential in [
        token.as_str(),
        &key,
        &key[..20],
        "a-mistyped-secret-of-somebody",
    ] {
        sidecar
            .get(&format!("/?token={credential}&password={credential}"))
            .bearer(credential)
            .status()
            .await;
        sidecar
            .get(&format!("/a&token={credential}"))
            .header("X-API-Key", credential)
            .status()
            .await;
        sidecar
            .get("/b")
            .header("Authorization", &format!("Basic {credential}"))
            .header("Cookie", credential)
            .status()
            .await;
        sidecar.websocket("/ws").token(credential).answer().await;
        sidecar
            .websocket("/ws")
            .header("Sec-WebSocket-Protocol", &format!("bearer, {credential}"))
            .answer()
            .await;
    }
    let page = sidecar.telemetry("/metrics").await;
    let (code, log) = sidecar.stop().await;
    assert_eq!(code, 0);
    assert!(log.lines().count() >= 20);
    for secret in [
        token.as_str(),
        token.rsplit('.').next().unwrap(),
        &key,
        &key[..20],
        "a-mistyped-secret",
        "backend-key",
        SECRET,
    ] {
        assert!(!log.contains(secret), "{secret} in the log:\n{log}");
        assert!(!page.contains(secret), "{secret} in the metrics");
    }
}

#[tokio::test]
async fn hostile_bytes_stay_in_their_line() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let long = format!("/{}", "x".repeat(6000));
    for target in [
        "/a%0d%0a{}",
        "/%1b[2J",
        "/%e2%80%ae",
        "/\"}{\"",
        "/\u{9b}31m",
        "/'\\n",
        &long,
    ] {
        sidecar
            .get(target)
            .header("User-Agent", "\u{1b}[31m\u{202e}")
            .status()
            .await;
    }
    let strange = sidecar.request("GET\u{b7}", "/").status().await;
    assert!(strange == 400 || strange == 401);
    let (_, log) = sidecar.stop().await;
    for line in log.lines() {
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
    let sidecar = Setup::before(&backend)
        .key("alice")
        .set("log", "format = \"text\"")
        .start()
        .await;
    assert_eq!(sidecar.get("/a").key("alice").status().await, 200);
    let (_, log) = sidecar.stop().await;
    let line = log
        .lines()
        .find(|line| line.contains("GET /a 200"))
        .expect("a record");
    assert!(line.contains("user=alice"), "{line}");
}

#[tokio::test]
async fn health_readiness_and_metrics_are_told_without_a_credential() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    assert!(
        sidecar
            .telemetry("/healthz")
            .await
            .starts_with("HTTP/1.1 200")
    );
    assert!(
        sidecar
            .telemetry("/readyz")
            .await
            .starts_with("HTTP/1.1 200")
    );
    let page = sidecar.telemetry("/metrics").await;
    assert!(
        page.contains("# TYPE doorward_requests_total counter"),
        "{page}"
    );
    assert!(
        sidecar
            .telemetry("/other")
            .await
            .starts_with("HTTP/1.1 404")
    );
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(
            sidecar.get(path).status().await,
            401,
            "{path} on the public listener"
        );
    }
}
