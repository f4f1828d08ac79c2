//! [`ClientStream`]: the bytes from and to a client.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::activity::Activity;
use super::limits::Lapse;
use super::lingering::Lingering;

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
    /// Set where the end of what we say is the end of the connection.
    lingering: Option<Lingering>,
}

impl ClientSocket {
    pub(super) fn new(tcp: TcpStream, activity: Rc<Activity>, stall_limit: Duration) -> Self {
        Self {
            tcp,
            activity,
            stall_limit,
            blocked_since: None,
            lapse: Lapse::default(),
            lingering: None,
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
        let mut tcp = Pin::new(&mut self.tcp);
        let poll = match slices {
            // For the kernel, the cheaper way.
            [only] => tcp.as_mut().poll_write(cx, only),
            _ => tcp.as_mut().poll_write_vectored(cx, slices),
        };
        self.wrote(cx, poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let socket = &mut *self;
        match &mut socket.lingering {
            Some(lingering) => {
                socket.activity.lingers();
                lingering.poll(cx, &mut socket.tcp)
            }
            None => Pin::new(&mut socket.tcp).poll_shutdown(cx),
        }
    }
}

/// A client's byte stream, inside TLS or plain.
#[derive(Debug)]
pub(super) enum ClientStream {
    Plain(ClientSocket),
    Tls(Box<tokio_rustls::server::TlsStream<ClientSocket>>),
}

impl ClientStream {
    /// For whoever keeps the stream to himself to its end: to shut it down is to linger.
    pub(super) fn lingering(mut self) -> Self {
        let socket = match &mut self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => stream.get_mut().0,
        };
        socket.lingering = Some(Lingering::default());
        self
    }

    /// The socket underneath, without another word of TLS.
    pub(super) fn into_tcp(self) -> TcpStream {
        match self {
            Self::Plain(socket) => socket.tcp,
            Self::Tls(stream) => stream.into_inner().0.tcp,
        }
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (TcpStream, ClientStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap());
        let (client, accepted) = tokio::join!(client, listener.accept());
        let activity = Activity::new(Instant::now());
        let stall_limit = Duration::from_mins(1);
        let socket = ClientSocket::new(accepted.unwrap().0, activity, stall_limit);
        (client.unwrap(), ClientStream::Plain(socket))
    }

    #[tokio::test]
    async fn a_shutdown_leaves_what_the_client_says_to_who_reads_it() {
        let (mut client, mut stream) = pair().await;
        client.write_all(b"more").await.unwrap();
        client.shutdown().await.unwrap();
        stream.shutdown().await.unwrap();
        let mut read = String::new();
        stream.read_to_string(&mut read).await.unwrap();
        assert_eq!(read, "more");
    }

    #[tokio::test]
    async fn a_lingering_one_reads_until_the_client_has_closed_too() {
        let (mut client, stream) = pair().await;
        let mut stream = stream.lingering();
        let script = async {
            client.write_all(&vec![0; 100_000]).await.unwrap();
            assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
            client.write_all(&vec![0; 1_000_000]).await.unwrap();
            client.shutdown().await.unwrap();
        };
        let (shut, ()) = tokio::join!(stream.shutdown(), script);
        shut.unwrap();
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    }
}
