//! The streams of an HTTP/2 connection: each a task on the worker's own thread, which ends when
//! its client stops reading.
//!
//! On HTTP/1.1 the socket tells that ([`super::socket::ClientSocket`]). Here the socket goes on
//! for the other streams, and hyper waits for flow control without a limit (RFC 9113 §5.2).

use std::cell::Cell;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::connection::Client;
use super::limits::Lapse;

/// How a stream gets on with its client.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// When the answer last had a part ready, if the next has not been asked for since.
    full_since: Cell<Option<Instant>>,
    stalled: Cell<bool>,
}

impl Reader {
    /// The next part is asked for: there is room for it.
    pub(super) fn asked(&self) {
        self.full_since.set(None);
    }

    /// A part was given.
    pub(super) fn given(&self) {
        self.full_since.set(Some(Instant::now()));
    }

    /// Whether the stream was ended since its client does not read.
    pub(super) fn is_stalled(&self) -> bool {
        self.stalled.get()
    }
}

/// Runs the streams of one connection.
#[derive(Clone)]
pub(super) struct Streams {
    client: Weak<Client>,
    stall_limit: Duration,
}

impl Streams {
    pub(super) fn new(client: &Rc<Client>, stall_limit: Duration) -> Self {
        Self {
            client: Rc::downgrade(client),
            stall_limit,
        }
    }
}

impl<F: Future<Output = ()> + 'static> hyper::rt::Executor<F> for Streams {
    fn execute(&self, stream: F) {
        tokio::task::spawn_local(Stream {
            inner: Box::pin(stream),
            client: Weak::clone(&self.client),
            reader: Rc::default(),
            stall_limit: self.stall_limit,
            lapse: Lapse::default(),
        });
    }
}

/// One stream. Dropped before its end, it is reset.
struct Stream<F> {
    inner: Pin<Box<F>>,
    client: Weak<Client>,
    reader: Rc<Reader>,
    stall_limit: Duration,
    lapse: Lapse,
}

impl<F: Future<Output = ()>> Future for Stream<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        // A request that begins within this poll takes it from here.
        if let Some(client) = this.client.upgrade() {
            *client.reader.borrow_mut() = Some(Rc::clone(&this.reader));
        }
        if this.inner.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let Some(since) = this.reader.full_since.get() else {
            return Poll::Pending;
        };
        let overdue = this.lapse.poll(cx, since + this.stall_limit);
        this.reader.stalled.set(overdue.is_ready());
        overdue
    }
}
