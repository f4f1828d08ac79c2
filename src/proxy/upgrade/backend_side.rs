//! [`BackendSide`]: the backend's side of a WebSocket, and the place that it takes among the user's.
//!
//! A backend may mix up two sockets of one user: so the place is free when the backend has ended its
//! side, not when we have ended ours. However a socket comes to its end, what is dropped here is
//! shut down, and the place kept until the backend has followed, or [`PARTING`] has passed.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::time::timeout_at;

use crate::proxy::scratch::Scratch;
use crate::proxy::upstream::BackendStream;
use crate::sessions::{PARTING, Place};

/// A connection to the backend with the place that goes with it.
pub(in crate::proxy) struct BackendSide {
    /// There until it is dropped.
    stream: Option<BackendStream>,
    /// `None` for a user nobody knows, and when it has been given back.
    place: Option<Place>,
    hearing: Hearing,
    scratch: Scratch,
}

/// Whether the backend has more to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hearing {
    Open,
    Ended,
}

impl BackendSide {
    pub(super) fn new(stream: BackendStream, place: Option<Place>, scratch: Scratch) -> Self {
        Self {
            stream: Some(stream),
            place,
            hearing: Hearing::Open,
            scratch,
        }
    }

    /// The backend has ended its side. A place that another waits for is free by that; else it is
    /// kept for as long as the client's side is open.
    fn has_ended(&mut self) {
        self.hearing = Hearing::Ended;
        let is_awaited = |place: &Place| place.replaced_at().is_some();
        if self.place.as_ref().is_some_and(is_awaited) {
            self.place = None;
        }
    }

    fn with_stream<T>(
        &mut self,
        poll: impl FnOnce(Pin<&mut BackendStream>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match &mut self.stream {
            Some(stream) => poll(Pin::new(stream)),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

impl Drop for BackendSide {
    fn drop(&mut self) {
        if self.hearing == Hearing::Ended {
            return;
        }
        if let (Some(stream), Some(place)) = (self.stream.take(), self.place.take()) {
            place.part();
            tokio::task::spawn_local(part(stream, place, self.scratch.clone()));
        }
    }
}

/// Says that nothing more comes, and waits for the backend to say so too.
async fn part(mut stream: BackendStream, place: Place, scratch: Scratch) {
    let since = place.replaced_at().unwrap_or_else(Instant::now);
    let parting = async {
        let _ = stream.shutdown().await;
        poll_fn(|cx| poll_end(cx, &mut stream, &scratch)).await;
    };
    let _ = timeout_at((since + PARTING).into(), parting).await;
    drop(stream);
    drop(place);
}

/// Reads for nothing; ready when the backend has ended.
fn poll_end(cx: &mut Context<'_>, stream: &mut BackendStream, scratch: &Scratch) -> Poll<()> {
    let mut scratch = scratch.lend();
    loop {
        let mut buffer = ReadBuf::new(&mut scratch);
        match Pin::new(&mut *stream).poll_read(cx, &mut buffer) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
            Poll::Ready(_) => return Poll::Ready(()),
        }
    }
}

impl AsyncRead for BackendSide {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let room = buffer.remaining();
        let poll = self.with_stream(|stream| stream.poll_read(cx, buffer));
        let nothing = room > 0 && buffer.remaining() == room;
        if poll.is_ready() && nothing {
            self.has_ended();
        }
        poll
    }
}

impl AsyncWrite for BackendSide {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.with_stream(|stream| stream.poll_write(cx, bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with_stream(|stream| stream.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(place) = &self.place {
            place.part();
        }
        self.with_stream(|stream| stream.poll_shutdown(cx))
    }
}
