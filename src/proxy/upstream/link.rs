//! [`Link`]: one HTTP/1.1 connection to the backend.
//!
//! It has no task of its own: whoever holds it polls it, so a request and its answer run within
//! the client's task, and an answer's head and body leave together. It has no buffer of its own
//! either: it reads into the worker's, and keeps what was not asked for yet.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use http_body::{Frame, SizeHint};
use tokio::io::{AsyncRead, ReadBuf};

use super::answer_head::{After, AnswerHead, Garbage, Reading};
use super::content::{Content, Malformed, Understood};
use super::message::{Message, Unsent};
use super::transport::BackendStream;
use crate::proxy::body::UploadFault;
use crate::proxy::limits::Lapse;
use crate::proxy::scratch::Scratch;

/// The most that is read of a body together with its head.
const FIRST_READ: usize = 16 * 1024;

/// An HTTP/1.1 connection to the backend, driven by its holder.
#[derive(Debug)]
pub(super) struct Link {
    stream: BackendStream,
    scratch: Scratch,
    /// The request that is out, or was last.
    message: Option<Box<Message>>,
    sending: Sending,
    /// What has been read and not been taken yet.
    inbox: Bytes,
    /// Whether the backend has said anything since the request began.
    heard: bool,
    content: Content,
    after: After,
    first_byte: Lapse,
    /// When it went idle last; `None` before its first request is answered.
    idle_since: Option<Instant>,
    /// How the head of the answer is read.
    reading: Reading,
}

/// What becomes of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sending {
    /// It is on its way.
    Ongoing,
    /// All of it has gone out.
    Done,
    /// The rest will not go out.
    Stopped,
}

/// Why a request had no answer.
#[derive(Debug)]
pub(super) struct Unanswered {
    pub(super) kind: UnansweredKind,
    /// The request.
    pub(super) message: Option<Box<Message>>,
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
    Upload(UploadFault),
}

impl Link {
    /// Speaks HTTP/1.1 over a fresh connection.
    pub(super) fn new(stream: BackendStream, scratch: Scratch) -> Box<Self> {
        Box::new(Self {
            stream,
            scratch,
            message: None,
            sending: Sending::Done,
            inbox: Bytes::new(),
            heard: false,
            content: Content::Ended,
            after: After::Persist,
            first_byte: Lapse::default(),
            idle_since: None,
            reading: Reading::default(),
        })
    }

    /// Sends a request and waits for the head of its answer, at most `patience` after the last
    /// part of the request went out.
    pub(super) async fn exchange(
        &mut self,
        message: Box<Message>,
        patience: Duration,
    ) -> Result<Response<()>, Unanswered> {
        let message = self.message.insert(message);
        self.reading = Reading::new(message.take_spare());
        self.sending = Sending::Ongoing;
        self.heard = false;
        let begun = Instant::now();
        let answered = poll_fn(|cx| {
            let answered = self.poll_answer(cx);
            if answered.is_ready() {
                return answered;
            }
            let message = self.message.as_ref();
            if message.is_some_and(|message| message.waits_for_client()) {
                return Poll::Pending;
            }
            let progress = message.and_then(|message| message.progress());
            let deadline = progress.unwrap_or(begun) + patience;
            let silent = self.first_byte.poll(cx, deadline);
            silent.map(|()| Err(UnansweredKind::Silent))
        });
        let answered = answered.await;
        if answered.is_ok() && self.sending == Sending::Done {
            // A client that takes its time for the answer need not have us keep its request.
            self.message = None;
        }
        answered.map_err(|kind| Unanswered {
            kind,
            message: self.message.take(),
            heard: self.heard,
        })
    }

    /// The next part of the answer's body.
    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Malformed>>> {
        loop {
            match self.content.take(&mut self.inbox)? {
                Understood::Frame(frame) => return Poll::Ready(Some(Ok(frame))),
                Understood::End => return Poll::Ready(None),
                Understood::Nothing => {}
            }
            // The answer may be long while the request is still being sent. That the rest of the
            // request cannot go out is no fault of the answer.
            let _ = self.poll_send(cx);
            match ready!(self.poll_fill(cx)) {
                Ok(0) => self.content.close()?,
                Ok(_) => {}
                Err(_) => return Poll::Ready(Some(Err(Malformed))),
            }
        }
    }

    /// Whether the answer is over.
    pub(super) fn is_answered(&self) -> bool {
        self.content == Content::Ended
    }

    /// How much of the answer's body is to come.
    pub(super) fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }

    /// Whether it may take another request: both messages have ended, and nothing more was said.
    pub(super) fn is_free(&self) -> bool {
        self.sending == Sending::Done
            && self.is_answered()
            && self.after == After::Persist
            && self.inbox.is_empty()
    }

    /// Whether the backend has closed nothing and said nothing since the link is idle.
    pub(super) fn is_open(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        self.poll_fill(&mut cx).is_pending()
    }

    /// Remembers since when it is idle, and nothing of what it carried.
    pub(super) fn rest(&mut self) {
        self.message = None;
        self.inbox = Bytes::new();
        self.idle_since = Some(Instant::now());
    }

    /// How long it has been idle.
    pub(super) fn idle_for(&self, now: Instant) -> Duration {
        self.idle_since
            .map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// The bare stream after a `101`, and what had been read from it beyond that.
    pub(super) fn into_upgraded(self) -> (BackendStream, Bytes) {
        // Not the slice: it would keep the whole head for as long as the socket is open.
        (self.stream, Bytes::copy_from_slice(&self.inbox))
    }

    /// Whether the request is still here.
    #[cfg(test)]
    pub(super) fn holds_a_message(&self) -> bool {
        self.message.is_some()
    }

    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Result<Response<()>, UnansweredKind>> {
        // A connection that lay idle may have been closed meanwhile, or been spoken on out of turn.
        // That is found out before anything goes out, so that any request can take another one.
        let is_untouched = self
            .message
            .as_ref()
            .is_some_and(|message| message.is_untouched());
        if is_untouched && self.poll_fill(cx).is_ready() {
            return Poll::Ready(Err(UnansweredKind::Closed));
        }
        self.poll_send(cx).map_err(UnansweredKind::Upload)?;
        if is_untouched {
            return Poll::Pending;
        }
        loop {
            if !self.inbox.is_empty() {
                let method = self.message.as_ref().map(|message| message.method());
                let method = method.unwrap_or(&Method::GET);
                let head = AnswerHead::take(&mut self.inbox, method, &mut self.reading)?;
                if let Some(head) = head {
                    // What of the request has not gone out would go into the tunnel.
                    let switches = head.response.status() == StatusCode::SWITCHING_PROTOCOLS;
                    if switches && self.sending != Sending::Done {
                        return Poll::Ready(Err(UnansweredKind::Garbage));
                    }
                    self.content = head.content;
                    self.after = head.after;
                    return Poll::Ready(Ok(head.response));
                }
            }
            match ready!(self.poll_fill(cx)) {
                Ok(0) | Err(_) => return Poll::Ready(Err(UnansweredKind::Closed)),
                Ok(_) => self.heard = true,
            }
        }
    }

    /// Sends what can be sent. That the backend takes no more is no error: it may have answered.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Result<(), UploadFault> {
        let (Sending::Ongoing, Some(message)) = (self.sending, &mut self.message) else {
            return Ok(());
        };
        match message.poll_send(cx, &mut self.stream) {
            Poll::Pending => {}
            Poll::Ready(Ok(())) => self.sending = Sending::Done,
            Poll::Ready(Err(Unsent::Refused(_))) => self.sending = Sending::Stopped,
            Poll::Ready(Err(Unsent::Upload(fault))) => {
                self.sending = Sending::Stopped;
                return Err(fault);
            }
        }
        Ok(())
    }

    /// Reads what there is; 0 bytes when the backend has closed its side.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut scratch = self.scratch.lend();
        let scratch = match self.content {
            // What comes with the head waits for the client, who may take its time.
            Content::Ended => scratch.get_mut(..FIRST_READ).unwrap_or_default(),
            _ => &mut scratch[..],
        };
        let mut buffer = ReadBuf::new(scratch);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        let read = buffer.filled();
        self.inbox = if self.inbox.is_empty() {
            Bytes::copy_from_slice(read)
        } else {
            [&self.inbox, read].concat().into()
        };
        Poll::Ready(Ok(read.len()))
    }
}

impl From<Garbage> for UnansweredKind {
    fn from(_: Garbage) -> Self {
        Self::Garbage
    }
}
