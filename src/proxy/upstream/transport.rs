//! [`BackendStream`]: the bytes to and from the backend, over whatever carries them.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio_rustls::TlsConnector;

use super::Failure;
use crate::snapshot::{Address, Backend};

/// A connection to the backend.
#[derive(Debug)]
pub(in crate::proxy) enum BackendStream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
    Tls(Box<tokio_rustls::client::TlsStream<TcpStream>>),
}

impl BackendStream {
    /// Connects. Boxed, as that is rare: its future stays out of the size of every request's.
    pub(super) fn open(
        backend: &Backend,
    ) -> Pin<Box<dyn Future<Output = Result<Self, Failure>> + '_>> {
        Box::pin(async move {
            let tcp = match &backend.address {
                Address::Socket(address) => TcpStream::connect(address).await,
                Address::Name { host, port } => TcpStream::connect((host.as_str(), *port)).await,
                Address::Unix(path) => return open_unix(path).await,
            };
            let tcp = tcp.map_err(|_| Failure::Connect)?;
            tcp.set_nodelay(true).map_err(|_| Failure::Connect)?;
            let Some(tls) = &backend.tls else {
                return Ok(Self::Tcp(tcp));
            };
            TlsConnector::from(Arc::clone(&tls.config))
                .connect(tls.name.clone(), tcp)
                .await
                .map(|stream| Self::Tls(Box::new(stream)))
                .map_err(|_| Failure::Tls)
        })
    }
}

#[cfg(unix)]
async fn open_unix(path: &std::path::Path) -> Result<BackendStream, Failure> {
    UnixStream::connect(path)
        .await
        .map(BackendStream::Unix)
        .map_err(|_| Failure::Connect)
}

#[cfg(not(unix))]
async fn open_unix(_path: &std::path::Path) -> Result<BackendStream, Failure> {
    Err(Failure::Connect)
}

/// Forwards a call to whatever carries the bytes.
macro_rules! carrier {
    ($self:expr, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            BackendStream::Tcp($stream) => $call,
            #[cfg(unix)]
            BackendStream::Unix($stream) => $call,
            BackendStream::Tls($stream) => $call,
        }
    };
}

impl AsyncRead for BackendStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        carrier!(self, stream => Pin::new(stream).poll_read(cx, buffer))
    }
}

impl AsyncWrite for BackendStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        carrier!(self, stream => Pin::new(stream).poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        carrier!(self, stream => Pin::new(stream).poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        carrier!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        carrier!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}
