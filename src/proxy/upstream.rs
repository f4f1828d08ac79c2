//! The way to the backend: a pool of idle connections, and when a request may be sent again.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Method, Request, Response, request};
use hyper::body::Incoming;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::body::{RequestBody, Upload, UploadFault};
use super::link::{Link, Unanswered, UnansweredKind};
use super::socket::BackendTransport;
use crate::snapshot::{Address, Backend, Limits};
use crate::telemetry::metrics::WorkerMetrics;

/// How long a connection may lie idle: less than the 5 s after which uvicorn closes it, so that
/// it is we who close, and no request meets a connection that the backend is closing.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// The most idle connections of one worker.
const MAX_IDLE: usize = 256;

/// Why the backend gave no usable answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    /// No connection: refused, unreachable, unknown host.
    #[error("cannot connect")]
    Connect,
    /// The TLS handshake failed.
    #[error("TLS handshake failed")]
    Tls,
    /// No connection in time.
    #[error("no connection in time")]
    ConnectTimeout,
    /// The connection broke before an answer.
    #[error("connection closed before an answer")]
    Closed,
    /// The answer is not valid HTTP, or its framing is ambiguous.
    #[error("answer is not valid HTTP")]
    Garbage,
    /// A `101` that nobody asked for, or that does not fit the handshake.
    #[error("answer does not fit the upgrade")]
    BadUpgrade,
    /// No answer in time.
    #[error("no answer in time")]
    FirstByteTimeout,
    /// The client's body is malformed: not the backend's fault.
    #[error("request body is malformed")]
    RequestBody,
    /// The client's body stopped arriving: not the backend's fault.
    #[error("request body stopped arriving")]
    RequestBodyTimeout,
}

impl Failure {
    /// A short name for logs and metrics.
    #[must_use]
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::ConnectTimeout => "connect_timeout",
            Self::Closed => "closed",
            Self::Garbage => "garbage",
            Self::BadUpgrade => "bad_upgrade",
            Self::FirstByteTimeout => "first_byte_timeout",
            Self::RequestBody => "request_body",
            Self::RequestBodyTimeout => "request_body_timeout",
        }
    }
}

/// A worker's connections to the backend that wait for a request, the last used on top.
#[derive(Debug)]
pub(super) struct Pool {
    #[expect(
        clippy::vec_box,
        reason = "a link is large, and goes in and out with each request"
    )]
    idle: RefCell<Vec<Box<Link>>>,
    backend: RefCell<Rc<Backend>>,
    /// Grows when the backend changes; a connection of an older epoch doesn't come back.
    epoch: Cell<u64>,
    metrics: Arc<WorkerMetrics>,
}

/// An answer whose body is still to be read over its link.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) response: Response<Incoming>,
    pub(super) lease: Lease,
}

/// A link on loan from a pool.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) link: Box<Link>,
    epoch: u64,
}

impl Pool {
    pub(super) fn new(backend: &Backend, metrics: Arc<WorkerMetrics>) -> Self {
        Self {
            idle: RefCell::new(Vec::new()),
            backend: RefCell::new(Rc::new(backend.clone())),
            epoch: Cell::new(0),
            metrics,
        }
    }

    /// Sends a request; again only when that is safe: nothing of it was sent, or the connection
    /// had lain idle, the backend said nothing, and the request may be repeated (RFC 9110 §9.2.2)
    /// and has no body.
    pub(super) async fn send(
        &self,
        mut request: Box<Request<RequestBody>>,
        upload: Option<&Upload>,
        limits: &Limits,
    ) -> Result<Answered, Failure> {
        let repeatable = is_repeatable(&request);
        loop {
            let mut lease = match self.take() {
                Some(lease) => lease,
                None => self.connect(limits).await?,
            };
            let link = &mut lease.link;
            let reused = link.is_reused();
            let unanswered = match link.exchange(request, upload, limits.first_byte).await {
                Ok(response) => return Ok(Answered { response, lease }),
                Err(unanswered) => unanswered,
            };
            request = match unanswered {
                Unanswered {
                    unsent: Some(unsent),
                    ..
                } if reused => unsent,
                Unanswered {
                    kind: UnansweredKind::Closed,
                    heard: false,
                    ..
                } if reused && repeatable => {
                    // Where nobody else has closed it: a request that ends backends ends two.
                    let again = link.last_request().ok_or(Failure::Closed)?;
                    return self.send_alone(again, limits).await;
                }
                _ => return Err(failure(unanswered.kind, upload)),
            };
        }
    }

    /// Sends a request over a connection of its own, which never had another.
    pub(super) async fn send_alone(
        &self,
        request: Box<Request<RequestBody>>,
        limits: &Limits,
    ) -> Result<Answered, Failure> {
        let mut lease = self.connect(limits).await?;
        match lease.link.exchange(request, None, limits.first_byte).await {
            Ok(response) => Ok(Answered { response, lease }),
            Err(unanswered) => Err(failure(unanswered.kind, None)),
        }
    }

    /// Takes a connection back, if both messages on it have ended cleanly.
    pub(super) fn give_back(&self, mut lease: Lease) {
        if lease.epoch == self.epoch.get() && lease.link.is_reusable() {
            lease.link.rest();
            let mut idle = self.idle.borrow_mut();
            if idle.len() < MAX_IDLE {
                idle.push(lease.link);
            }
        }
    }

    /// Drops connections that have been idle for too long or that the backend has closed. For the
    /// worker's tick.
    pub(super) fn sweep(&self) {
        let now = Instant::now();
        self.idle
            .borrow_mut()
            .retain_mut(|link| link.idle_for(now) < IDLE_TIMEOUT && link.is_reusable());
    }

    /// Follows a new snapshot: connections to another backend are let go.
    pub(super) fn follow(&self, backend: &Backend) {
        if !is_same(&self.backend.borrow(), backend) {
            self.epoch.set(self.epoch.get() + 1);
            self.idle.borrow_mut().clear();
            *self.backend.borrow_mut() = Rc::new(backend.clone());
        }
    }

    fn take(&self) -> Option<Lease> {
        let link = self.idle.borrow_mut().pop()?;
        self.metrics.upstream_connection_reused();
        Some(Lease {
            link,
            epoch: self.epoch.get(),
        })
    }

    async fn connect(&self, limits: &Limits) -> Result<Lease, Failure> {
        let (backend, epoch) = (Rc::clone(&self.backend.borrow()), self.epoch.get());
        let transport = tokio::time::timeout(limits.connect, open(&backend))
            .await
            .map_err(|_| Failure::ConnectTimeout)??;
        let link = Link::new(transport).await.map_err(|_| Failure::Closed)?;
        self.metrics.upstream_connection_opened();
        Ok(Lease { link, epoch })
    }
}

/// A connection is opened rarely: its future stays out of the size of every request's.
fn open(
    backend: &Backend,
) -> std::pin::Pin<Box<dyn Future<Output = Result<BackendTransport, Failure>> + '_>> {
    Box::pin(async move {
        let tcp = match &backend.address {
            Address::Socket(address) => TcpStream::connect(address).await,
            Address::Name { host, port } => TcpStream::connect((host.as_str(), *port)).await,
            Address::Unix(path) => return open_unix(path).await,
        };
        let tcp = tcp.map_err(|_| Failure::Connect)?;
        tcp.set_nodelay(true).map_err(|_| Failure::Connect)?;
        let Some(tls) = &backend.tls else {
            return Ok(BackendTransport::Tcp(tcp));
        };
        TlsConnector::from(Arc::clone(&tls.config))
            .connect(tls.name.clone(), tcp)
            .await
            .map(|stream| BackendTransport::Tls(Box::new(stream)))
            .map_err(|_| Failure::Tls)
    })
}

#[cfg(unix)]
async fn open_unix(path: &std::path::Path) -> Result<BackendTransport, Failure> {
    tokio::net::UnixStream::connect(path)
        .await
        .map(BackendTransport::Unix)
        .map_err(|_| Failure::Connect)
}

#[cfg(not(unix))]
async fn open_unix(_path: &std::path::Path) -> Result<BackendTransport, Failure> {
    Err(Failure::Connect)
}

fn is_same(one: &Backend, other: &Backend) -> bool {
    let same_tls = match (&one.tls, &other.tls) {
        (None, None) => true,
        (Some(one), Some(other)) => {
            Arc::ptr_eq(&one.config, &other.config) && one.name == other.name
        }
        _ => false,
    };
    same_tls && one.address == other.address
}

fn is_repeatable(request: &Request<RequestBody>) -> bool {
    request.body().is_empty()
        && [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method())
}

fn failure(kind: UnansweredKind, upload: Option<&Upload>) -> Failure {
    match (kind, upload.and_then(Upload::fault)) {
        (_, Some(UploadFault::Broken)) | (UnansweredKind::Upload, None) => Failure::RequestBody,
        (_, Some(UploadFault::Stalled)) => Failure::RequestBodyTimeout,
        (UnansweredKind::Closed, None) => Failure::Closed,
        (UnansweredKind::Garbage, None) => Failure::Garbage,
        (UnansweredKind::Silent, None) => Failure::FirstByteTimeout,
    }
}

/// The request that goes out for this head and body. Boxed, so that the futures it passes through
/// stay small.
pub(super) fn assemble(head: request::Parts, body: RequestBody) -> Box<Request<RequestBody>> {
    let mut request = Request::from_parts(head, body);
    *request.version_mut() = http::Version::HTTP_11;
    Box::new(request)
}
