//! [`Link`]: one HTTP/1.1 connection to the backend.
//!
//! It has no task of its own: whoever holds it polls it, so a request and its answer run within
//! the client's task, and an answer's head and body leave together.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::body::{RequestBody, Upload};
use super::limits::Lapse;
use super::socket::{BackendStream, BackendTransport};
use super::wire::Wire;

/// The longest head of an answer, and the most of a body that is read ahead.
const MAX_BUFFER: usize = 64 * 1024;

/// How often to look again at once before other tasks have their turn.
const LOOKS: usize = 4;

/// An HTTP/1.1 connection to the backend, driven by its holder.
pub(super) struct Link {
    sender: http1::SendRequest<RequestBody>,
    /// None once it has been dropped after its end.
    connection: Option<http1::Connection<TokioIo<BackendStream>, RequestBody>>,
    /// Whether the connection is over.
    ended: bool,
    wire: Rc<Wire>,
    first_byte: Lapse,
    calls: Arc<Calls>,
    /// Calls `calls`.
    waker: Waker,
    /// When it went idle last; `None` before its first request is answered.
    idle_since: Option<Instant>,
}

/// Why a request had no answer.
#[derive(Debug)]
pub(super) struct Unanswered {
    pub(super) kind: UnansweredKind,
    /// The request, when nothing of it was sent.
    pub(super) unsent: Option<Box<Request<RequestBody>>>,
    /// Whether the backend had begun an answer.
    pub(super) heard: bool,
}

/// How a request came to have no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UnansweredKind {
    /// The backend closed or reset the connection.
    Closed,
    /// What it said is not HTTP.
    Garbage,
    /// It said nothing in time.
    Silent,
    /// The client's body broke off.
    Upload,
}

impl Link {
    /// Speaks HTTP/1.1 over a fresh transport.
    pub(super) async fn new(transport: BackendTransport) -> Result<Box<Self>, hyper::Error> {
        let wire = Rc::new(Wire::default());
        let stream = BackendStream::new(transport, Rc::clone(&wire));
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(MAX_BUFFER)
            .handshake(TokioIo::new(stream))
            .await?;
        let calls = Arc::new(Calls::default());
        Ok(Box::new(Self {
            waker: Waker::from(Arc::clone(&calls)),
            calls,
            sender,
            connection: Some(connection),
            ended: false,
            wire,
            first_byte: Lapse::default(),
            idle_since: None,
        }))
    }

    /// Whether a request has been answered over it before.
    pub(super) fn is_reused(&self) -> bool {
        self.idle_since.is_some()
    }

    /// Sends a request and waits for the head of its answer, at most `patience` after the last
    /// part of the request went out.
    pub(super) async fn exchange(
        &mut self,
        request: Box<Request<RequestBody>>,
        upload: Option<&Upload>,
        patience: Duration,
    ) -> Result<Response<Incoming>, Unanswered> {
        self.wire.begin();
        if upload.is_none() {
            self.wire.keep();
        }
        let sent = Instant::now();
        let mut answer = pin!(self.sender.try_send_request(*request));
        let mut poll_answer = |link: &mut Self, cx: &mut Context<'_>| {
            let closed = link.drive(cx).is_ready();
            if let Poll::Ready(result) = answer.as_mut().poll(cx) {
                return Poll::Ready(result.map_err(|error| link.unanswered(error, upload)));
            }
            if closed {
                // A request that it never took up comes back when the connection is dropped.
                link.connection = None;
                let result = answer.as_mut().poll(cx);
                return result.map_err(|error| link.unanswered(error, upload));
            }
            let progress = upload.and_then(Upload::progress).unwrap_or(sent);
            let silence = link.first_byte.poll(cx, progress + patience);
            match silence {
                Poll::Ready(()) => Poll::Ready(Err(link.no_answer(UnansweredKind::Silent))),
                Poll::Pending => Poll::Pending,
            }
        };
        poll_fn(|cx| self.attend(cx, &mut poll_answer)).await
    }

    /// Polls something that this link drives.
    ///
    /// What the connection reads it hands to us, and would wake us for it, which is to say the
    /// task that is polling right now. That would be one more round for nothing with each answer:
    /// instead we look again at once.
    pub(super) fn attend<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut poll: impl FnMut(&mut Self, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        self.calls.owner.register(cx.waker());
        let waker = Waker::clone(&self.waker);
        for _ in 0..LOOKS {
            self.calls.attended.store(true, Ordering::Relaxed);
            let polled = poll(self, &mut Context::from_waker(&waker));
            self.calls.attended.store(false, Ordering::Relaxed);
            let called = self.calls.missed.swap(false, Ordering::Relaxed);
            if polled.is_ready() || !called {
                return polled;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Moves bytes. Ready when the connection is over.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // Polled once more after its end, hyper would shut down a stream that is upgraded.
        if let (false, Some(connection)) = (self.ended, &mut self.connection) {
            self.ended = Pin::new(connection).poll(cx).is_ready();
        }
        if self.ended {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// The bodiless request that was sent last; `None` when it wasn't sent whole.
    pub(super) fn last_request(&self) -> Option<Box<Request<RequestBody>>> {
        self.wire.request().map(Box::new)
    }

    /// Whether it can take another request: both messages have ended, and the backend has closed
    /// nothing and said nothing more.
    pub(super) fn is_reusable(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        self.drive(&mut cx).is_pending() && self.sender.is_ready()
    }

    /// Remembers since when it is idle.
    pub(super) fn rest(&mut self) {
        self.idle_since = Some(Instant::now());
    }

    /// How long it has been idle.
    pub(super) fn idle_for(&self, now: Instant) -> Duration {
        self.idle_since
            .map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// The bare stream after a `101`, and what had been read from it beyond that.
    pub(super) async fn into_upgraded(mut self: Box<Self>) -> Option<(BackendStream, Bytes)> {
        poll_fn(|cx| self.drive(cx)).await;
        self.wire.retire();
        let parts = self.connection?.into_parts();
        Some((parts.io.into_inner(), parts.read_buf))
    }

    fn unanswered(
        &self,
        mut error: hyper::client::conn::TrySendError<Request<RequestBody>>,
        upload: Option<&Upload>,
    ) -> Unanswered {
        let unsent = error.take_message().map(Box::new);
        let error = error.into_error();
        let kind = if upload.and_then(Upload::fault).is_some() {
            UnansweredKind::Upload
        } else if error.is_parse() {
            UnansweredKind::Garbage
        } else {
            UnansweredKind::Closed
        };
        Unanswered {
            unsent,
            ..self.no_answer(kind)
        }
    }

    fn no_answer(&self, kind: UnansweredKind) -> Unanswered {
        Unanswered {
            kind,
            unsent: None,
            heard: self.wire.has_heard(),
        }
    }
}

/// Wakes the holder of a link, unless it is awake and looking.
///
/// A waker has to be `Sync`; all calls are made on the worker's thread.
#[derive(Default)]
struct Calls {
    owner: AtomicWaker,
    attended: AtomicBool,
    missed: AtomicBool,
}

impl Wake for Calls {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.attended.load(Ordering::Relaxed) {
            self.missed.store(true, Ordering::Relaxed);
        } else {
            self.owner.wake();
        }
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("idle_since", &self.idle_since)
            .finish_non_exhaustive()
    }
}
