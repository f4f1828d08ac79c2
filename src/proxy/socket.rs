//! The two ends of a worker's traffic as byte streams: [`ClientStream`] and [`BackendStream`].

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

use super::activity::Activity;
use super::limits::Lapse;
use super::wire::Wire;

/// A client's TCP socket. It tells the connection's [`Activity`] what moves, and gives up on a
/// client that takes nothing for the stall limit while bytes wait for it.
#[derive(Debug)]
pub(super) struct ClientSocket {
    tcp: TcpStream,
    activity: Rc<Activity>,
    stall_limit: Duration,
    /// Since when the kernel has refused our bytes.
    blocked_since: Option<Instant>,
    lapse: Lapse,
}

impl ClientSocket {
    pub(super) fn new(tcp: TcpStream, activity: Rc<Activity>, stall_limit: Duration) -> Self {
        Self {
            tcp,
            activity,
            stall_limit,
            blocked_since: None,
            lapse: Lapse::default(),
        }
    }

    fn wrote(
        &mut self,
        cx: &mut Context<'_>,
        poll: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(result) = poll {
            self.blocked_since = None;
            self.activity.wrote();
            return Poll::Ready(result);
        }
        let since = *self.blocked_since.get_or_insert_with(Instant::now);
        match self.lapse.poll(cx, since + self.stall_limit) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for ClientSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let poll = Pin::new(&mut self.tcp).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.activity.read();
        }
        poll
    }
}

impl AsyncWrite for ClientSocket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.tcp).poll_write(cx, bytes);
        self.wrote(cx, poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.tcp).poll_write_vectored(cx, slices);
        self.wrote(cx, poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

/// A client's byte stream, inside TLS or plain.
#[derive(Debug)]
pub(super) enum ClientStream {
    Plain(ClientSocket),
    Tls(Box<tokio_rustls::server::TlsStream<ClientSocket>>),
}

/// Bytes to and from the backend.
#[derive(Debug)]
pub(super) struct BackendStream {
    transport: BackendTransport,
    wire: Rc<Wire>,
}

/// What carries the bytes to the backend.
#[derive(Debug)]
pub(super) enum BackendTransport {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
    Tls(Box<tokio_rustls::client::TlsStream<TcpStream>>),
}

impl BackendStream {
    /// `wire` is told of what moves.
    pub(super) fn new(transport: BackendTransport, wire: Rc<Wire>) -> Self {
        Self { transport, wire }
    }
}

/// Forwards a call to whichever stream is there.
macro_rules! either {
    ($self:expr, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            ClientStream::Plain($stream) => $call,
            ClientStream::Tls($stream) => $call,
        }
    };
}

impl AsyncRead for ClientStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self, stream => Pin::new(stream).poll_read(cx, buffer))
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        either!(self, stream => Pin::new(stream).poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self, stream => Pin::new(stream).poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}

/// Forwards a call to whatever carries the bytes.
macro_rules! carrier {
    ($self:expr, $stream:ident => $call:expr) => {
        match &mut $self.transport {
            BackendTransport::Tcp($stream) => $call,
            #[cfg(unix)]
            BackendTransport::Unix($stream) => $call,
            BackendTransport::Tls($stream) => $call,
        }
    };
}

impl AsyncRead for BackendStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let poll = carrier!(self, stream => Pin::new(stream).poll_read(cx, buffer));
        if buffer.filled().len() > before {
            self.wire.hears();
        }
        poll
    }
}

impl AsyncWrite for BackendStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = carrier!(self, stream => Pin::new(stream).poll_write_vectored(cx, slices));
        if let Poll::Ready(Ok(count)) = poll {
            self.wire.tells(slices, count);
        }
        poll
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        carrier!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        carrier!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}
