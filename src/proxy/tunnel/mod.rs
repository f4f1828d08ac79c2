//! The bytes after `101`: carried untouched both ways until a side ends, or until we end it.
//!
//! An idle tunnel is this one future with its two sockets: no buffer, no timer, no task of its own
//! a direction. Both directions read into one [`Scratch`] a thread. Ends pass in the direction in
//! which they happened: a half-close as a half-close, a broken connection as an end without a close
//! frame. Only when the backend falls silent in the midst of things is there a word of ours (1011),
//! and when the session ends ([`closing`]).

mod closing;
mod flow;
#[cfg(test)]
mod tests;

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep};

use self::closing::Closing;
use self::flow::{Flow, Stage, Stop, poll_discard};
use super::frames::{self, ABNORMAL, MESSAGE_TOO_BIG};
pub use super::scratch::Scratch;
use crate::sessions::{EndReason, Session, Traffic};

/// How long a peer has to answer our close, or to say more after the other side has ended.
const GRACE: Duration = Duration::from_secs(1);
const BACKEND_BROKE: u16 = 1011;

/// One end of a tunnel.
#[derive(Debug)]
pub struct Side<S> {
    /// The socket.
    pub stream: S,
    /// What had been read from it beyond the upgrade; goes first.
    pub read: Bytes,
}

/// Why a tunnel is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The two sides ended it between themselves.
    Closed,
    /// The client's connection broke.
    ClientLost,
    /// The backend ended or broke without a close frame.
    BackendBroke,
    /// A message of the client was longer than the limit.
    MessageTooBig,
    /// The session had to end.
    Ended(EndReason),
}

impl Cause {
    /// In a few words, for the close frame and the log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::ClientLost => "client lost",
            Self::BackendBroke => "backend broke",
            Self::MessageTooBig => "message too big",
            Self::Ended(reason) => reason.as_str(),
        }
    }

    /// The code of the close frame that we send for it.
    const fn close_code(self) -> Option<u16> {
        match self {
            Self::Closed | Self::ClientLost => None,
            Self::BackendBroke => Some(BACKEND_BROKE),
            Self::MessageTooBig => Some(MESSAGE_TOO_BIG),
            Self::Ended(reason) => Some(reason.close_code()),
        }
    }
}

/// What became of a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TunnelEnd {
    /// Our close code if we ended it, else that of the first close frame that a side sent (any
    /// number that a client likes); 1006 when there was none.
    pub code: u16,
    /// Why it is over.
    pub cause: Cause,
    /// Bytes the client was sent.
    pub sent: u64,
    /// Bytes of the client that the backend was sent.
    pub received: u64,
}

/// A WebSocket after its upgrade, as a future that carries it to its end.
///
/// The sockets close when it is dropped: drop it once it is ready.
#[must_use = "a tunnel carries nothing unless polled"]
pub struct Tunnel<C, B, P> {
    client: C,
    backend: B,
    /// From the client to the backend.
    up: Flow,
    /// From the backend to the client.
    down: Flow,
    session: Session<P>,
    scratch: Scratch,
    cause: Cause,
    closing: Option<Box<Closing>>,
    /// Runs while only the client's direction is left, and the bytes carried when it was set.
    linger: Option<(Pin<Box<Sleep>>, u64)>,
}

impl<C, B, P> Tunnel<C, B, P>
where
    C: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    /// Joins two sides for as long as `session` lives.
    ///
    /// A message of the client of more than `max_message` payload bytes, as they are on the wire,
    /// ends the tunnel with 1009.
    pub fn new(
        client: Side<C>,
        backend: Side<B>,
        session: Session<P>,
        max_message: u64,
        scratch: Scratch,
    ) -> Self {
        Self {
            up: Flow::new(max_message, &client.read),
            down: Flow::new(u64::MAX, &backend.read),
            client: client.stream,
            backend: backend.stream,
            session,
            scratch,
            cause: Cause::Closed,
            closing: None,
            linger: None,
        }
    }

    /// Carries both directions; ready when the tunnel is over, or has to be closed by us.
    fn poll_carry(&mut self, cx: &mut Context<'_>) -> Poll<Cause> {
        let before = self.carried();
        if let Poll::Ready(cause) = self.poll_up(cx) {
            return Poll::Ready(cause);
        }
        self.poll_down(cx);
        if self.carried() != before {
            self.session.moved();
            self.session.carried(Traffic {
                sent: self.down.carried,
                received: self.up.carried,
            });
        }
        if self.up.is_blocked() || self.down.is_blocked() {
            self.session.blocked();
        } else {
            self.session.unblocked();
        }
        if self.up.stage == Stage::Ended && self.down.stage == Stage::Ended {
            return Poll::Ready(self.cause);
        }
        self.poll_linger(cx)
    }

    fn poll_up(&mut self, cx: &mut Context<'_>) -> Poll<Cause> {
        let Self {
            client,
            backend,
            up,
            scratch,
            ..
        } = self;
        if up.stage == Stage::Open {
            let scratch = &mut scratch.lend();
            up.stage = match ready!(up.poll_carry(cx, client, backend, scratch)) {
                Stop::SourceEnded => Stage::Ending,
                Stop::SourceBroke => return Poll::Ready(Cause::ClientLost),
                Stop::SinkBroke => Stage::Unheard,
                Stop::MessageTooBig => return Poll::Ready(Cause::MessageTooBig),
            };
        }
        if up.stage == Stage::Unheard {
            // Taken from the client all the same: unread bytes would turn our end into a reset.
            ready!(poll_discard(
                cx,
                client,
                &mut up.frames,
                &mut scratch.lend()
            ));
            up.stage = Stage::Ended;
        }
        ready!(up.poll_end(cx, backend));
        Poll::Pending
    }

    fn poll_down(&mut self, cx: &mut Context<'_>) {
        if self.down.stage == Stage::Open {
            let Self {
                client,
                backend,
                down,
                scratch,
                ..
            } = &mut *self;
            let stop = down.poll_carry(cx, backend, client, &mut scratch.lend());
            match stop {
                Poll::Pending => return,
                Poll::Ready(Stop::SinkBroke) => {
                    self.cause = Cause::ClientLost;
                    self.down.stage = Stage::Ended;
                }
                Poll::Ready(_) => {
                    self.down.stage = Stage::Ending;
                    self.say_that_the_backend_broke();
                }
            }
        }
        let _ = self.down.poll_end(cx, &mut self.client);
    }

    /// The backend has ended. If nobody had said goodbye, and a frame may stand here, says why.
    fn say_that_the_backend_broke(&mut self) {
        let closing = self
            .up
            .frames
            .close_code()
            .or(self.down.frames.close_code())
            .is_some();
        if closing || self.up.stage == Stage::Ending || self.up.stage == Stage::Ended {
            return;
        }
        self.cause = Cause::BackendBroke;
        if self.down.may_close() {
            self.down
                .hold(&frames::close_frame(BACKEND_BROKE, self.cause.as_str()));
        }
    }

    /// Once the client has been told of the end, it may go on speaking, but not fall silent.
    ///
    /// So may a backend that takes nothing any more: what it has still to say may be on its way.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<Cause> {
        if self.down.stage != Stage::Ended && self.up.stage != Stage::Unheard {
            return Poll::Pending;
        }
        let carried = self.carried();
        let (timer, before) = self
            .linger
            .get_or_insert_with(|| (Box::pin(sleep(GRACE)), carried));
        while timer.as_mut().poll(cx).is_ready() {
            if *before == carried {
                if self.down.stage == Stage::Open {
                    return Poll::Ready(Cause::BackendBroke);
                }
                return Poll::Ready(self.cause);
            }
            *before = carried;
            timer.as_mut().reset(Instant::now() + GRACE);
        }
        Poll::Pending
    }

    const fn carried(&self) -> u64 {
        self.up.carried + self.down.carried
    }

    fn end(&self) -> TunnelEnd {
        let said = || {
            self.down
                .frames
                .close_code()
                .or(self.up.frames.close_code())
        };
        TunnelEnd {
            code: self.cause.close_code().or_else(said).unwrap_or(ABNORMAL),
            cause: self.cause,
            sent: self.down.carried,
            received: self.up.carried,
        }
    }
}

impl<C, B, P> Future for Tunnel<C, B, P>
where
    C: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    type Output = TunnelEnd;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<TunnelEnd> {
        let this = self.get_mut();
        if this.closing.is_none() {
            this.cause = match this.session.poll_ended(cx) {
                Poll::Ready(reason) => Cause::Ended(reason),
                Poll::Pending => ready!(this.poll_carry(cx)),
            };
            let ours = matches!(
                this.cause,
                Cause::Ended(_) | Cause::MessageTooBig | Cause::BackendBroke
            );
            if !ours || this.down.stage != Stage::Open {
                return Poll::Ready(this.end());
            }
            this.begin_close();
        }
        ready!(this.poll_close(cx));
        Poll::Ready(this.end())
    }
}
