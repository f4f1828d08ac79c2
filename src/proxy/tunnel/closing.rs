//! How we end a tunnel: a close frame at the next boundary towards the client, and a moment for
//! its answer.
//!
//! Of what the client still sends nothing is forwarded. The backend hears a masked close if that
//! direction stands at a boundary, else it is cut off. A client that can not be reached within
//! [`GRACE`], for want of a boundary or because it does not read, is cut off too.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep};

use super::flow::{Stage, poll_discard};
use super::{GRACE, Tunnel};
use crate::proxy::frames::{close_frame, masked_close_frame};

/// How far our close has come.
pub(super) struct Closing {
    /// Set again once the close frame is placed.
    timer: Pin<Box<Sleep>>,
    /// Our close frame is on its way to the client, and nothing follows it.
    placed: bool,
    /// The client has said its own close, or is gone.
    answered: bool,
    /// A close frame is on its way to the backend.
    backend_told: bool,
}

impl<C, B, P> Tunnel<C, B, P>
where
    C: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    /// Stops forwarding what the client says, and tells the backend if it can be told.
    pub(super) fn begin_close(&mut self) {
        let mut closing = Closing {
            timer: Box::pin(sleep(GRACE)),
            placed: false,
            answered: self.up.stage != Stage::Open,
            backend_told: false,
        };
        if self.up.stage == Stage::Open && self.up.may_close() {
            let code = self.cause.close_code().unwrap_or_default();
            if let Some(frame) = masked_close_frame(code, self.cause.as_str()) {
                self.up.hold(&frame);
                closing.backend_told = true;
            }
        }
        self.closing = Some(Box::new(closing));
    }

    /// Ready when all is said, or when the time for it is over.
    pub(super) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(mut closing) = self.closing.take() else {
            return Poll::Ready(());
        };
        let done = self.poll_farewell(cx, &mut closing);
        let over = done.is_ready() || closing.timer.as_mut().poll(cx).is_ready();
        self.closing = Some(closing);
        if over { Poll::Ready(()) } else { Poll::Pending }
    }

    fn poll_farewell(&mut self, cx: &mut Context<'_>, closing: &mut Closing) -> Poll<()> {
        let Self {
            client,
            backend,
            up,
            down,
            scratch,
            ..
        } = self;
        let scratch = &mut scratch.lend();
        let told = up.poll_drain(cx, backend).is_ready();
        if !closing.answered {
            let gone = poll_discard(cx, client, &mut up.frames, scratch).is_ready();
            closing.answered = gone || up.frames.close_code().is_some();
        }
        if !closing.placed {
            if ready!(down.poll_finish_frame(cx, backend, client, scratch)).is_err() {
                return Poll::Ready(());
            }
            if down.may_close() {
                let code = self.cause.close_code().unwrap_or_default();
                down.hold(&close_frame(code, self.cause.as_str()));
            }
            closing.placed = true;
            closing.timer.as_mut().reset(Instant::now() + GRACE);
        }
        // What the backend still says goes nowhere, but is read, lest our end become a reset.
        let _ = poll_discard(cx, backend, &mut down.frames, scratch);
        if !closing.backend_told {
            let _ = Pin::new(backend).poll_shutdown(cx);
        }
        if ready!(down.poll_drain(cx, client)).is_err() {
            return Poll::Ready(());
        }
        if !closing.answered || !told {
            return Poll::Pending;
        }
        Pin::new(client).poll_shutdown(cx).map(drop)
    }
}
