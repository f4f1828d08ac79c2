//! One direction of a tunnel.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::proxy::frames::FrameTracker;

/// Buffers carried in one turn, before the other direction and other tasks get theirs.
const TURN: usize = 8;

/// Carries bytes from a source to a sink, and knows where frames begin and end among them.
///
/// It reads into a buffer that belongs to the thread and writes from there. Only what the sink does
/// not take at once is kept, and nothing more is read until that is gone: so a direction never has
/// more than one buffer in flight, and none while it is idle.
pub(super) struct Flow {
    pub(super) frames: FrameTracker,
    /// What the sink has not taken yet; holds no memory when that is nothing.
    held: Vec<u8>,
    /// How much of `held` it has taken.
    taken: usize,
    /// Bytes the sink has taken, all together.
    pub(super) carried: u64,
    /// The sink has taken bytes that it has not sent on.
    unflushed: bool,
    /// Why there is nothing more to read; told once everything held is gone.
    stop: Option<Stop>,
    /// Set when a message was refused: what [`Flow::may_close`] said before it.
    may_close_before: Option<bool>,
    pub(super) stage: Stage,
}

/// How far a direction has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Bytes are carried.
    Open,
    /// The source has ended; the sink is being told.
    Ending,
    /// The sink is gone; what the source still says is dropped.
    Unheard,
    /// Nothing more will be read or written.
    Ended,
}

/// Why a direction carries no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The source said that it has no more to say.
    SourceEnded,
    /// The source broke.
    SourceBroke,
    /// The sink takes no more.
    SinkBroke,
    /// The source sends a message beyond the limit.
    MessageTooBig,
}

/// What filling the buffer found.
enum Source {
    Waiting,
    More,
    Stopped(Stop),
}

impl Flow {
    /// Begins with what had been read from the source already.
    pub(super) fn new(max_message: u64, read: &Bytes) -> Self {
        let mut flow = Self {
            frames: FrameTracker::new(max_message),
            held: Vec::new(),
            taken: 0,
            carried: 0,
            unflushed: false,
            stop: None,
            may_close_before: None,
            stage: Stage::Open,
        };
        let admitted = flow.admit(read).len();
        flow.hold(read.get(..admitted).unwrap_or_default());
        flow
    }

    /// Whether a close frame of ours may follow what was let through.
    pub(super) fn may_close(&self) -> bool {
        let follows = self.frames.at_boundary() && self.frames.close_code().is_none();
        self.may_close_before.unwrap_or(follows)
    }

    /// Whether bytes wait for the sink.
    pub(super) const fn is_blocked(&self) -> bool {
        !self.held.is_empty() || self.unflushed
    }

    /// Whether a buffer of its own exists; never while idle.
    #[cfg(test)]
    pub(super) const fn holds_memory(&self) -> bool {
        self.held.capacity() > 0
    }

    /// Puts bytes after those that wait for the sink.
    pub(super) fn hold(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
    }

    /// Carries bytes for as long as there are any; ready when there will be no more, and the sink
    /// has all of those before.
    pub(super) fn poll_carry<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut R,
        sink: &mut W,
        scratch: &mut [u8],
    ) -> Poll<Stop>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        for _ in 0..TURN {
            if ready!(self.poll_drain(cx, sink)).is_err() {
                return Poll::Ready(Stop::SinkBroke);
            }
            if let Some(stop) = self.stop {
                return Poll::Ready(stop);
            }
            let mut buffer = ReadBuf::new(scratch);
            let found = fill(cx, source, &mut buffer);
            let admitted = self.admit(buffer.filled());
            if self.send(cx, sink, admitted).is_err() {
                return Poll::Ready(Stop::SinkBroke);
            }
            match found {
                Source::Waiting if self.stop.is_none() => return Poll::Pending,
                Source::Stopped(stop) => self.stop = self.stop.or(Some(stop)),
                Source::Waiting | Source::More => {}
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Reads on, but lets through no more than the frame that has begun. Ready at its end.
    ///
    /// # Errors
    ///
    /// When either side breaks or ends before.
    pub(super) fn poll_finish_frame<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut R,
        sink: &mut W,
        scratch: &mut [u8],
    ) -> Poll<io::Result<()>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        loop {
            if self.frames.at_boundary() {
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_drain(cx, sink))?;
            let mut buffer = ReadBuf::new(scratch);
            ready!(Pin::new(&mut *source).poll_read(cx, &mut buffer))?;
            let bytes = buffer.filled();
            if bytes.is_empty() {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            let end = self.frames.advance_to_boundary(bytes);
            self.send(cx, sink, bytes.get(..end).unwrap_or(bytes))?;
        }
    }

    /// Writes what is held, and sees that it is sent.
    pub(super) fn poll_drain<W>(
        &mut self,
        cx: &mut Context<'_>,
        sink: &mut W,
    ) -> Poll<io::Result<()>>
    where
        W: AsyncWrite + Unpin,
    {
        while let Some(rest) = self.held.get(self.taken..).filter(|rest| !rest.is_empty()) {
            let written = ready!(Pin::new(&mut *sink).poll_write(cx, rest))?;
            self.wrote(written)?;
            self.taken += written;
        }
        self.held = Vec::new();
        self.taken = 0;
        if self.unflushed {
            ready!(Pin::new(sink).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// In [`Stage::Ending`]: sends what is held, then the end itself. Ready when it has ended.
    pub(super) fn poll_end<W>(&mut self, cx: &mut Context<'_>, sink: &mut W) -> Poll<()>
    where
        W: AsyncWrite + Unpin,
    {
        if self.stage == Stage::Ending {
            if ready!(self.poll_drain(cx, sink)).is_ok() {
                drop(ready!(Pin::new(sink).poll_shutdown(cx)));
            }
            self.stage = Stage::Ended;
        }
        Poll::Ready(())
    }

    /// Writes straight from the buffer, and holds what the sink does not take.
    fn send<W>(&mut self, cx: &mut Context<'_>, sink: &mut W, bytes: &[u8]) -> io::Result<()>
    where
        W: AsyncWrite + Unpin,
    {
        let mut rest = bytes;
        while !rest.is_empty() {
            match Pin::new(&mut *sink).poll_write(cx, rest)? {
                Poll::Ready(written) => {
                    self.wrote(written)?;
                    rest = rest.get(written..).unwrap_or_default();
                }
                Poll::Pending => {
                    self.hold(rest);
                    return Ok(());
                }
            }
        }
        if self.unflushed && Pin::new(sink).poll_flush(cx)?.is_ready() {
            self.unflushed = false;
        }
        Ok(())
    }

    fn wrote(&mut self, written: usize) -> io::Result<()> {
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.carried += written as u64;
        self.unflushed = true;
        Ok(())
    }

    /// Follows `bytes`, and cuts off what must not pass.
    fn admit<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let Err(too_big) = self.frames.advance(bytes) else {
            return bytes;
        };
        self.stop = Some(Stop::MessageTooBig);
        self.may_close_before = Some(self.may_close());
        let (admitted, refused) = bytes.split_at_checked(too_big.at).unwrap_or((bytes, &[]));
        // Followed on, so that the client's close frame behind it is recognised.
        self.frames.lift_limit();
        let _ = self.frames.advance(refused);
        admitted
    }
}

/// Reads until the buffer is full or the source has no more for now.
///
/// A source that has said "no more for now" will wake us: it need not be asked again. What came in
/// several pieces (TLS records) goes out in one.
fn fill<R>(cx: &mut Context<'_>, source: &mut R, buffer: &mut ReadBuf<'_>) -> Source
where
    R: AsyncRead + Unpin,
{
    while buffer.remaining() > 0 {
        let before = buffer.filled().len();
        match Pin::new(&mut *source).poll_read(cx, buffer) {
            Poll::Pending => return Source::Waiting,
            Poll::Ready(Err(_)) => return Source::Stopped(Stop::SourceBroke),
            Poll::Ready(Ok(())) if buffer.filled().len() == before => {
                return Source::Stopped(Stop::SourceEnded);
            }
            Poll::Ready(Ok(())) => {}
        }
    }
    Source::More
}

/// Reads and drops what a source sends, telling `frames` of it; ready when it ends or breaks.
pub(super) fn poll_discard<R>(
    cx: &mut Context<'_>,
    source: &mut R,
    frames: &mut FrameTracker,
    scratch: &mut [u8],
) -> Poll<()>
where
    R: AsyncRead + Unpin,
{
    for _ in 0..TURN {
        let mut buffer = ReadBuf::new(scratch);
        let found = fill(cx, source, &mut buffer);
        let _ = frames.advance(buffer.filled());
        match found {
            Source::Waiting => return Poll::Pending,
            Source::Stopped(_) => return Poll::Ready(()),
            Source::More => {}
        }
    }
    cx.waker().wake_by_ref();
    Poll::Pending
}
