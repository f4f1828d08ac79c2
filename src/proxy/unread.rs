//! [`Unread`]: what becomes of a request's body that nobody reads to its end. In HTTP/1.1 the next
//! request begins behind it (RFC 9112 §9.3), so either it is read for nothing, or the connection
//! ends and the client is told (§9.6).

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{Response, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

/// The most that is read of a body for nothing: as much as costs less than a new connection.
const MOST: u64 = 64 * 1024;

/// The rest of a body on a connection of HTTP/1.1, which has one at a time.
#[derive(Debug, Default)]
pub(super) struct Unread {
    rest: RefCell<Option<Incoming>>,
    ends_connection: Cell<bool>,
}

impl Unread {
    /// Says in an answer that no other request can follow on its connection, if that is so.
    pub(super) fn announce<B>(&self, response: &mut Response<B>) {
        if self.ends_connection.get() {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
    }

    /// Reads for nothing. Ready when it just came to the end of the body.
    pub(super) fn poll_discard(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut rest = self.rest.borrow_mut();
        let Some(incoming) = rest.as_mut() else {
            return Poll::Pending;
        };
        while let Some(Ok(_)) = ready!(Pin::new(&mut *incoming).poll_frame(cx)) {}
        *rest = None;
        Poll::Ready(())
    }

    fn leave(&self, incoming: Incoming) {
        *self.rest.borrow_mut() = Some(incoming);
    }
}

/// A request's body as it arrives. Dropped before its end, it leaves the rest to be read for
/// nothing, or the connection to be ended.
#[derive(Debug)]
pub(super) struct Arrival {
    incoming: Option<Incoming>,
    /// None in HTTP/2, where each body has a stream of its own.
    unread: Option<Rc<Unread>>,
    /// The client waits for a `100`, and sends nothing or everything after another answer.
    waits: bool,
}

impl Arrival {
    pub(super) fn new(incoming: Incoming, head: &Parts, unread: &Rc<Unread>) -> Self {
        Self {
            unread: (head.version != Version::HTTP_2).then(|| Rc::clone(unread)),
            waits: head.headers.contains_key(header::EXPECT),
            incoming: Some(incoming),
        }
    }

    fn is_short(&self, incoming: &Incoming) -> bool {
        let left = incoming.size_hint().upper();
        !self.waits && left.is_some_and(|left| left <= MOST)
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
        let (Some(incoming), Some(unread)) = (self.incoming.take(), self.unread.take()) else {
            return;
        };
        if incoming.is_end_stream() {
            return;
        }
        if self.is_short(&incoming) {
            unread.leave(incoming);
        } else {
            unread.ends_connection.set(true);
        }
    }
}
