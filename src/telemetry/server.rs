//! The telemetry address: alive, ready, and how it goes.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::metrics::Metrics;

/// Connections at a time; the others wait in the system's queue.
const CONNECTIONS: usize = 32;

/// A connection serves one request and is gone, all within this.
const LIFETIME: Duration = Duration::from_secs(10);

/// How long to wait where the system has no descriptor left.
const BACKOFF: Duration = Duration::from_millis(100);

/// The type of Prometheus's text format.
const PROMETHEUS: HeaderValue =
    HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

const PLAIN: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// What must be true before requests should come; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<Mutex<BTreeSet<&'static str>>>);

impl Readiness {
    /// None of these conditions holds yet.
    #[must_use]
    pub fn awaiting(conditions: impl IntoIterator<Item = &'static str>) -> Self {
        Self(Arc::new(Mutex::new(conditions.into_iter().collect())))
    }

    /// The condition holds.
    pub fn met(&self, condition: &'static str) {
        self.lock().remove(condition);
    }

    /// It does not hold any more, such as when the process drains.
    pub fn missing(&self, condition: &'static str) {
        self.lock().insert(condition);
    }

    /// What does not hold, in alphabetical order; nothing when ready.
    #[must_use]
    pub fn wanting(&self) -> Vec<&'static str> {
        self.lock().iter().copied().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<&'static str>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves `/healthz`, `/readyz` and `/metrics` on `listener`, until dropped.
///
/// It needs no credential and shows no secret. Each connection is a task on the current runtime.
pub async fn serve(listener: TcpListener, metrics: Arc<Metrics>, readiness: Readiness) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        // The semaphore is never closed.
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            sleep(BACKOFF).await;
            continue;
        };
        let (metrics, readiness) = (Arc::clone(&metrics), readiness.clone());
        tokio::spawn(async move {
            // A client that breaks off or dawdles is nobody's concern.
            let _ = timeout(LIFETIME, connection(stream, &metrics, &readiness)).await;
            drop(slot);
        });
    }
}

async fn connection(
    stream: TcpStream,
    metrics: &Metrics,
    readiness: &Readiness,
) -> hyper::Result<()> {
    let answer = service_fn(async |request: Request<_>| {
        Ok::<_, Infallible>(respond(&request, metrics, readiness))
    });
    let mut server = http1::Builder::new();
    server
        .keep_alive(false)
        .timer(TokioTimer::new())
        .header_read_timeout(LIFETIME);
    server.serve_connection(TokioIo::new(stream), answer).await
}

fn respond<B>(
    request: &Request<B>,
    metrics: &Metrics,
    readiness: &Readiness,
) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return page(StatusCode::NOT_FOUND, PLAIN, "not found\n".to_owned());
    }
    match request.uri().path() {
        "/healthz" => page(StatusCode::OK, PLAIN, "alive\n".to_owned()),
        "/readyz" => ready(&readiness.wanting()),
        "/metrics" => page(StatusCode::OK, PROMETHEUS, metrics.render()),
        _ => page(StatusCode::NOT_FOUND, PLAIN, "not found\n".to_owned()),
    }
}

fn ready(wanting: &[&str]) -> Response<Full<Bytes>> {
    if wanting.is_empty() {
        page(StatusCode::OK, PLAIN, "ready\n".to_owned())
    } else {
        let text = format!("not ready: {}\n", wanting.join(", "));
        page(StatusCode::SERVICE_UNAVAILABLE, PLAIN, text)
    }
}

fn page(status: StatusCode, content_type: HeaderValue, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn started(readiness: Readiness) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, Arc::new(Metrics::new(1)), readiness));
        address
    }

    async fn answer(address: SocketAddr, head: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(format!("{head} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
            .await
            .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }

    #[tokio::test]
    async fn readiness_names_what_is_missing() {
        let readiness = Readiness::awaiting(["listening", "configuration"]);
        let address = started(readiness.clone()).await;
        let text = answer(address, "GET /readyz").await;
        assert!(text.starts_with("HTTP/1.1 503 ") && text.ends_with("configuration, listening\n"));
        readiness.met("listening");
        readiness.met("configuration");
        assert!(
            answer(address, "GET /readyz")
                .await
                .starts_with("HTTP/1.1 200 ")
        );
        readiness.missing("draining");
        assert!(
            answer(address, "GET /readyz")
                .await
                .starts_with("HTTP/1.1 503 ")
        );
        assert!(
            answer(address, "GET /healthz")
                .await
                .starts_with("HTTP/1.1 200 ")
        );
    }

    #[tokio::test]
    async fn metrics_are_prometheus_text() {
        let text = answer(started(Readiness::default()).await, "GET /metrics").await;
        assert!(text.contains("content-type: text/plain; version=0.0.4"));
        assert!(text.contains("\ndoorward_connections_total 0\n"));
    }

    #[tokio::test]
    async fn nothing_else_is_there() {
        let address = started(Readiness::default()).await;
        for head in ["GET /", "GET /metrics/", "POST /metrics", "DELETE /healthz"] {
            assert!(
                answer(address, head).await.starts_with("HTTP/1.1 404 "),
                "{head}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_says_nothing_is_put_out() {
        let address = started(Readiness::default()).await;
        let mut silent: Vec<_> = Vec::new();
        for _ in 0..CONNECTIONS {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        assert!(
            answer(address, "GET /healthz")
                .await
                .starts_with("HTTP/1.1 200 ")
        );
    }
}
