//! [`Unread`]: what becomes of a request's body that nobody reads to its end. In HTTP/1.1 the next
//! request begins behind it (RFC 9112 §9.3), so either it is skipped, or the connection ends and
//! the client is told (§9.6). In HTTP/2 it has a stream of its own, and a short rest is skipped all
//! the same: some clients forget an answer when a reset follows it, as RFC 9113 §8.1 allows.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;
use http::{Response, Version};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::timeout;

/// The most that is skipped of a body: as much as costs less than a new connection.
const MOST_SKIPPED: u64 = 64 * 1024;

/// How long it may take in HTTP/2, where nothing waits for it but its own stream.
const PATIENCE: Duration = Duration::from_secs(2);

/// The rest of a body on a connection of HTTP/1.1, which has one at a time.
#[derive(Debug, Default)]
pub(super) struct Unread {
    rest: RefCell<Option<Incoming>>,
    ends_connection: Cell<bool>,
}

impl Unread {
    /// No other request is to follow on the connection: what is left of this one is not awaited.
    pub(super) fn end_connection(&self) {
        self.ends_connection.set(true);
        *self.rest.borrow_mut() = None;
    }

    /// Says in an answer that no other request can follow on its connection, if that is so.
    pub(super) fn announce<B>(&self, response: &mut Response<B>) {
        if says_close(response.headers()) {
            self.end_connection();
        } else if self.ends_connection.get() {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
    }

    /// Skips what has come. Ready when nothing more is to come, for whatever cause.
    pub(super) fn poll_skip(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut rest = self.rest.borrow_mut();
        let Some(incoming) = rest.as_mut() else {
            return Poll::Pending;
        };
        // hyper may keep the body open behind its last byte until the next request.
        while !incoming.is_end_stream() {
            if !matches!(ready!(Pin::new(&mut *incoming).poll_frame(cx)), Some(Ok(_))) {
                break;
            }
        }
        *rest = None;
        Poll::Ready(())
    }

    /// A request has come: with the body before it everything is settled.
    fn begin(&self) {
        self.ends_connection.set(false);
        *self.rest.borrow_mut() = None;
    }

    fn leave(&self, incoming: Incoming) {
        if !self.ends_connection.get() {
            *self.rest.borrow_mut() = Some(incoming);
        }
    }
}

/// A request's body as it arrives. Dropped before its end, it leaves the rest to be skipped, or
/// the connection to be ended.
#[derive(Debug)]
pub(super) struct Arrival {
    incoming: Option<Incoming>,
    /// None in HTTP/2, where each body has a stream of its own.
    unread: Option<Rc<Unread>>,
    /// No other request follows on the connection, whatever becomes of this one.
    is_last: bool,
    /// The client waits for a `100`, and sends nothing or everything after another answer.
    waits: bool,
}

impl Arrival {
    pub(super) fn new(incoming: Incoming, head: &Parts, unread: &Rc<Unread>) -> Self {
        unread.begin();
        let is_of_http1 = head.version != Version::HTTP_2;
        // Most requests have none, and nothing is to be known of them.
        let has_body = !incoming.is_end_stream();
        Self {
            unread: (has_body && is_of_http1).then(|| Rc::clone(unread)),
            is_last: head.version < Version::HTTP_11 || has_body && says_close(&head.headers),
            waits: has_body && head.headers.contains_key(header::EXPECT),
            incoming: Some(incoming),
        }
    }

    /// Whether another request may follow behind the rest, although nobody reads it.
    pub(super) fn can_be_skipped(&self) -> bool {
        let left = self.size_hint().upper();
        !self.is_last && !self.waits && left.is_some_and(|left| left <= MOST_SKIPPED)
    }
}

impl Body for Arrival {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.waits = false;
        let Some(incoming) = &mut self.incoming else {
            return Poll::Ready(None);
        };
        let next = ready!(Pin::new(incoming).poll_frame(cx));
        if !matches!(next, Some(Ok(_))) {
            self.incoming = None;
        }
        Poll::Ready(next)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let none = || SizeHint::with_exact(0);
        self.incoming.as_ref().map_or_else(none, Body::size_hint)
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        let (can_be_skipped, is_over) = (self.can_be_skipped(), self.is_end_stream());
        match (self.incoming.take(), self.unread.take()) {
            (Some(incoming), Some(unread)) if !is_over && can_be_skipped => unread.leave(incoming),
            (Some(_), Some(unread)) if !is_over => unread.end_connection(),
            (Some(incoming), None) if !is_over && is_short(&incoming) => {
                tokio::task::spawn_local(timeout(PATIENCE, skip(incoming)));
            }
            _ => {}
        }
    }
}

/// Whether no more may come than is skipped, as far as anybody knows.
fn is_short(incoming: &Incoming) -> bool {
    let left = incoming.size_hint().upper();
    left.is_none_or(|left| left <= MOST_SKIPPED)
}

/// Reads for nothing, but not without end.
async fn skip(mut incoming: Incoming) {
    let mut left = MOST_SKIPPED;
    while let Some(Ok(frame)) = incoming.frame().await {
        let size = frame.data_ref().map_or(0, |data| data.len() as u64);
        let Some(less) = left.checked_sub(size) else {
            return;
        };
        left = less;
    }
}

/// Whether a message is the last of its connection (RFC 9112 §9.6).
fn says_close(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::CONNECTION).iter();
    let mut options = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    options.any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"))
}
