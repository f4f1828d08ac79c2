//! Pages of other origins (interface §2 `[cors]`): asked before authentication, answered by us.

use crate::support::{Backend, Script, Setup, Sidecar};

const APP: &str = "https://app.example";

async fn sidecar(backend: &Backend) -> Sidecar {
    Setup::before(backend)
        .key("alice")
        .set("cors", "origins = [\"https://app.example\"]")
        .start()
        .await
}

#[tokio::test]
async fn a_preflight_is_answered_without_a_credential_and_without_the_backend() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let request = sidecar.request("OPTIONS", "/message").header("Origin", APP);
    let request = request.header("Access-Control-Request-Method", "POST");
    let answer =
        request.header("Access-Control-Request-Headers", "authorization, user_id").send().await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-origin"), Some(APP));
    assert_eq!(answer.header("access-control-allow-headers"), Some("authorization, user_id"));
    assert_eq!(backend.connections(), 0);
}

#[tokio::test]
async fn a_preflight_of_another_origin_permits_nothing() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    for origin in ["https://evil.example", "null", "https://app.example.evil", "http://app.example"]
    {
        let request = sidecar.request("OPTIONS", "/").header("Origin", origin);
        let answer = request.header("Access-Control-Request-Method", "POST").send().await;
        assert!(
            !answer.head.text.to_lowercase().contains("access-control-allow"),
            "{origin}: {answer:?}"
        );
    }
    assert_eq!(backend.connections(), 0);
}

#[tokio::test]
async fn other_options_requests_need_a_credential() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    assert_eq!(sidecar.request("OPTIONS", "/").status().await, 401);
    assert_eq!(sidecar.request("OPTIONS", "/").header("Origin", APP).status().await, 401);
    let off = Setup::before(&backend).key("alice").start().await;
    let request = off.request("OPTIONS", "/").header("Origin", APP);
    assert_eq!(request.header("Access-Control-Request-Method", "POST").status().await, 401);
}

#[tokio::test]
async fn a_page_may_read_our_refusals() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let answer = sidecar.get("/").header("Origin", APP).send().await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (401, Some(APP)));
    assert!(answer.header("vary").unwrap().to_lowercase().contains("origin"));
    let answer = sidecar.get("/").header("Origin", "https://evil.example").send().await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (401, None));
}

#[tokio::test]
async fn the_backends_own_word_is_replaced() {
    let answer = "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nAccess-Control-Allow-Credentials: true\r\nContent-Length: 2\r\n\r\nok";
    let backend = Backend::always(Script::answer(answer)).await;
    let sidecar = sidecar(&backend).await;
    let of =
        async |origin: &str| sidecar.get("/").key("alice").header("Origin", origin).send().await;
    assert_eq!(of(APP).await.header("access-control-allow-origin"), Some(APP));
    let evil = of("https://evil.example").await;
    assert!(!evil.head.text.to_lowercase().contains("access-control-allow"), "{evil:?}");
}
