//! [`AnswerBody`]: an answer's body towards the client, the backend's or our own.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::exchange::Exchange;
use super::streams::Reader;
use super::upstream::{Lease, Malformed};
use crate::sessions::{Caller, EndReason, Session};

/// Why an answer broke off; the client sees a truncated answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Truncated {
    /// The backend's answer broke off.
    #[error("the backend's answer broke off")]
    Backend,
    /// The session ended, and the answer with it.
    #[error("the session of this answer has ended")]
    Session,
}

/// A body, and the record that is written when it is over.
pub(super) struct AnswerBody {
    content: Content,
    /// None for a `101`: the record is the tunnel's.
    exchange: Option<Box<Exchange>>,
}

enum Content {
    /// Nothing, or nothing more.
    None,
    /// Our own words.
    Own(Bytes),
    /// The backend's.
    Relayed(Relayed),
}

struct Relayed {
    lease: Lease,
    on_end: OnEnd,
    session: Option<Session<Caller>>,
}

/// What becomes of an answer whose session ends before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnEnd {
    /// A stream of events can end anywhere.
    Terminate,
    /// Anything else must not look complete.
    Truncate,
}

impl AnswerBody {
    pub(super) fn own(bytes: Bytes, exchange: Box<Exchange>) -> Self {
        let content = if bytes.is_empty() {
            Content::None
        } else {
            Content::Own(bytes)
        };
        Self {
            content,
            exchange: Some(exchange),
        }
    }

    pub(super) fn none() -> Self {
        Self {
            content: Content::None,
            exchange: None,
        }
    }

    pub(super) fn relayed(lease: Lease, on_end: OnEnd, exchange: Box<Exchange>) -> Self {
        let relayed = Relayed {
            lease,
            on_end,
            session: None,
        };
        Self {
            content: Content::Relayed(relayed),
            exchange: Some(exchange),
        }
    }

    /// Ready when the answer is to end now, since its session has.
    ///
    /// Only an answer that had to wait is registered: most are over before.
    fn poll_ended(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Truncated>>> {
        let (Content::Relayed(relayed), Some(exchange)) = (&mut self.content, &mut self.exchange)
        else {
            return Poll::Pending;
        };
        if relayed.session.is_none() {
            relayed.session = exchange.register(&exchange.client.worker.streams);
        }
        let Some(session) = &relayed.session else {
            return Poll::Pending;
        };
        session.carried(exchange.traffic());
        let reason = ready!(session.poll_ended(cx));
        match (relayed.on_end, reason) {
            // What has begun may be finished, except what never ends.
            (OnEnd::Truncate, EndReason::Draining) => Poll::Pending,
            (on_end, _) => {
                exchange.reason = Some(reason.as_str());
                self.content = Content::None;
                let truncated = (on_end == OnEnd::Truncate).then_some(Err(Truncated::Session));
                Poll::Ready(truncated)
            }
        }
    }
}

impl AnswerBody {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Truncated>>> {
        let next = match &mut self.content {
            Content::None => return Poll::Ready(None),
            Content::Own(bytes) => {
                let bytes = std::mem::take(bytes);
                self.content = Content::None;
                Some(Ok(Frame::data(bytes)))
            }
            Content::Relayed(relayed) => match relayed.lease.poll_frame(cx) {
                Poll::Ready(next) => next,
                Poll::Pending => return self.poll_ended(cx),
            },
        };
        Poll::Ready(self.note(next))
    }

    /// Only HTTP/2 has one.
    fn reader(&self) -> Option<Rc<Reader>> {
        self.exchange.as_ref()?.reader.clone()
    }

    /// Counts what leaves, and notes a break.
    fn note(
        &mut self,
        next: Option<Result<Frame<Bytes>, Malformed>>,
    ) -> Option<Result<Frame<Bytes>, Truncated>> {
        let exchange = self.exchange.as_mut()?;
        let Ok(frame) = next? else {
            exchange.reason = Some("backend broke off");
            exchange.client.worker.metrics.upstream_failed("truncated");
            return Some(Err(Truncated::Backend));
        };
        exchange.sent += frame.data_ref().map_or(0, |data| data.len() as u64);
        Some(Ok(frame))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Truncated;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Truncated>>> {
        let reader = self.reader();
        if let Some(reader) = &reader {
            reader.asked();
        }
        let next = self.poll_next(cx);
        if let (Some(reader), Poll::Ready(Some(_))) = (reader, &next) {
            reader.given();
        }
        next
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::None => true,
            Content::Own(_) => false,
            Content::Relayed(relayed) => relayed.lease.is_answered(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::None => SizeHint::with_exact(0),
            Content::Own(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Relayed(relayed) => relayed.lease.size_hint(),
        }
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        let content = std::mem::replace(&mut self.content, Content::None);
        if let (Content::Relayed(relayed), Some(exchange)) = (content, &self.exchange) {
            exchange.client.worker.pool.give_back(relayed.lease);
        }
    }
}
