//! Connections of operators: accepted, served one request each, and gone.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, Request, header};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tower::ServiceExt as _;

use super::door::{Content, Door};
use super::listener::{Listener, Opened};
use super::office::Office;
use super::refusal::Refusal;

/// Connections at a time; the others wait in the system's queue.
const CONNECTIONS: usize = 64;

/// How long a request's head may take.
const HEAD: Duration = Duration::from_secs(10);

/// How long its body and the answer may take.
const ANSWER: Duration = Duration::from_secs(30);

/// How long a connection may take: it serves one request.
const LIFETIME: Duration = Duration::from_mins(1);

/// How long to wait where the system has no descriptor left.
const BACKOFF: Duration = Duration::from_millis(100);

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Serves operators at `listener`, until dropped. Each connection is a task on the current runtime.
///
/// # Errors
/// When the runtime does not take the listener.
pub async fn serve(listener: Listener, office: Arc<Office>) -> io::Result<()> {
    let door = Door {
        office: Arc::clone(&office),
        entrance: listener.entrance(),
    };
    let (listener, router) = (listener.opened()?, super::router(office));
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        // The semaphore is never closed.
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
            return Ok(());
        };
        let Ok((stream, from)) = listener.accept().await else {
            sleep(BACKOFF).await;
            continue;
        };
        let (door, router) = (door.clone(), router.clone());
        tokio::spawn(async move {
            // A client that breaks off or dawdles is nobody's concern.
            let _ = timeout(LIFETIME, connection(stream, from, door, router)).await;
            drop(slot);
        });
    }
}

impl Opened {
    /// A connection, and where it comes from.
    async fn accept(&self) -> io::Result<(Box<dyn Stream>, String)> {
        Ok(match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                (Box::new(stream), peer.ip().to_canonical().to_string())
            }
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                (Box::new(stream), "unix".to_owned())
            }
        })
    }
}

async fn connection(
    stream: Box<dyn Stream>,
    from: String,
    door: Door,
    router: Router,
) -> hyper::Result<()> {
    let answer = service_fn(async |request| {
        let answer = answer(&door, router.clone(), request, from.clone()).await;
        Ok::<_, Infallible>(lasting_nowhere(answer))
    });
    let mut server = http1::Builder::new();
    server
        .keep_alive(false)
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD);
    server.serve_connection(TokioIo::new(stream), answer).await
}

async fn answer(door: &Door, router: Router, request: Request<Incoming>, from: String) -> Response {
    let content = if request.body().is_end_stream() {
        Content::None
    } else {
        Content::Some
    };
    let (head, body) = request.into_parts();
    let actor = match door.admit(&head, content, from.clone()) {
        Ok(actor) => actor,
        Err(refusal) => {
            tracing::warn!(%refusal, from, "an operator's request is refused");
            return refusal.into_response();
        }
    };
    let mut request = Request::from_parts(head, Body::new(body));
    request.extensions_mut().insert(actor);
    match timeout(ANSWER, router.oneshot(request)).await {
        // The router itself never fails.
        Ok(Ok(response)) => response,
        Err(_) => Refusal::TooSlow.into_response(),
    }
}

/// Answers hold keys and names: nobody keeps them, or takes them for something else.
fn lasting_nowhere(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    response
}
