//! The way to the backend: a pool of idle connections, and when a request may be sent again.
//!
//! HTTP/1.1 is spoken here: what goes out is in [`message`], what comes back in [`answer_head`] and
//! [`content`]. Whoever holds a connection polls it, so that a request costs no task and no channel.

mod answer_head;
mod content;
mod link;
mod message;
#[cfg(any(test, fuzzing))]
pub(crate) mod reading;
#[cfg(test)]
mod tests;
mod transport;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Response;
use http_body::{Frame, SizeHint};

pub(super) use content::Malformed;
use link::{Link, Unanswered, UnansweredKind};
pub(super) use message::Message;
pub(super) use transport::BackendStream;

use super::body::UploadFault;
use super::scratch::Scratch;
use crate::snapshot::{Backend, Limits};
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
    scratch: Scratch,
    metrics: Arc<WorkerMetrics>,
}

/// An answer whose body is still to be read over its link.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) response: Response<()>,
    pub(super) lease: Lease,
}

/// A link on loan from a pool.
#[derive(Debug)]
pub(super) struct Lease {
    link: Box<Link>,
    epoch: u64,
}

impl Pool {
    /// A pool that has no connection yet, whose connections read into `scratch`.
    pub(super) fn new(backend: &Backend, scratch: Scratch, metrics: Arc<WorkerMetrics>) -> Self {
        Self {
            idle: RefCell::new(Vec::new()),
            backend: RefCell::new(Rc::new(backend.clone())),
            epoch: Cell::new(0),
            scratch,
            metrics,
        }
    }

    /// Sends a request; again only when that is safe: nothing of it was sent, or the connection
    /// had lain idle, the backend said nothing, and the request may be repeated (RFC 9110 §9.2.2)
    /// and has no body.
    pub(super) async fn send(
        &self,
        mut message: Box<Message>,
        limits: &Limits,
    ) -> Result<Answered, Failure> {
        loop {
            let Some(mut lease) = self.take() else {
                return self.send_alone(message, limits).await;
            };
            let unanswered = match lease.link.exchange(message, limits.first_byte).await {
                Ok(response) => return Ok(Answered { response, lease }),
                Err(unanswered) => unanswered,
            };
            let kind = unanswered.kind;
            message = match unanswered {
                Unanswered {
                    kind: UnansweredKind::Closed,
                    message: Some(message),
                    heard: false,
                } => {
                    if !message.is_untouched() {
                        // Where nobody else has closed it: a request that ends backends ends two.
                        let again = message.repeated().ok_or(Failure::Closed)?;
                        return self.send_alone(again, limits).await;
                    }
                    message
                }
                _ => return Err(kind.into()),
            };
        }
    }

    /// Sends a request over a connection of its own, which never had another.
    pub(super) async fn send_alone(
        &self,
        message: Box<Message>,
        limits: &Limits,
    ) -> Result<Answered, Failure> {
        let mut lease = self.connect(limits).await?;
        let response = lease.exchange(message, limits).await?;
        Ok(Answered { response, lease })
    }

    /// Takes a connection back, if both messages on it have ended cleanly.
    pub(super) fn give_back(&self, mut lease: Lease) {
        if lease.epoch == self.epoch.get() && lease.link.is_free() {
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
            .retain_mut(|link| link.idle_for(now) < IDLE_TIMEOUT && link.is_open());
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

    /// A connection that never had a request.
    pub(super) async fn connect(&self, limits: &Limits) -> Result<Lease, Failure> {
        let (backend, epoch) = (Rc::clone(&self.backend.borrow()), self.epoch.get());
        let stream = tokio::time::timeout(limits.connect, BackendStream::open(&backend))
            .await
            .map_err(|_| Failure::ConnectTimeout)??;
        self.metrics.upstream_connection_opened();
        let link = Link::new(stream, self.scratch.clone());
        Ok(Lease { link, epoch })
    }
}

impl Lease {
    /// Sends a request and waits for the head of its answer.
    pub(super) async fn exchange(
        &mut self,
        message: Box<Message>,
        limits: &Limits,
    ) -> Result<Response<()>, Failure> {
        let answered = self.link.exchange(message, limits.first_byte).await;
        answered.map_err(|unanswered| unanswered.kind.into())
    }

    /// The next part of the answer's body.
    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Malformed>>> {
        self.link.poll_frame(cx)
    }

    /// Whether the answer is over.
    pub(super) fn is_answered(&self) -> bool {
        self.link.is_answered()
    }

    /// How much of the answer's body is to come.
    pub(super) fn size_hint(&self) -> SizeHint {
        self.link.size_hint()
    }

    /// The bare stream after a `101`, and what had been read from it beyond that.
    pub(super) fn into_upgraded(self) -> (BackendStream, Bytes) {
        self.link.into_upgraded()
    }
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

impl From<UnansweredKind> for Failure {
    fn from(kind: UnansweredKind) -> Self {
        match kind {
            UnansweredKind::Closed => Self::Closed,
            UnansweredKind::Garbage => Self::Garbage,
            UnansweredKind::Silent => Self::FirstByteTimeout,
            // What has ended is refused for that, whatever came of it.
            UnansweredKind::Upload(UploadFault::Broken | UploadFault::Ended) => Self::RequestBody,
            UnansweredKind::Upload(UploadFault::Stalled) => Self::RequestBodyTimeout,
        }
    }
}
