//! [`linger`]: how a connection ends whose client may still be sending.
//!
//! To close a socket with unread bytes in the kernel is to reset it, and a reset overtakes what was
//! said before: the client would see no answer to an upload that was refused. So we say that we are
//! done, and read for nothing until the client is done as well (RFC 9112 §9.6).

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::limits::Lapse;

/// How long a client may be silent that was told the end.
const SILENCE: Duration = Duration::from_secs(1);

/// How long a client may go on, if it never is.
const LONGEST: Duration = Duration::from_secs(30);

/// How much it may send meanwhile, in bytes.
const MOST_READ: usize = 64 * 1024 * 1024;

/// What is read at a time.
const PIECE: usize = 8 * 1024;

/// The end of a connection.
#[derive(Debug, Default)]
pub(super) struct Lingering {
    goodbye: Option<Goodbye>,
    lapse: Lapse,
}

/// The client was told the end.
#[derive(Debug)]
struct Goodbye {
    said: Instant,
    /// When it last sent something.
    heard: Instant,
    read: usize,
}

/// Ends a connection. Returns when the client has closed it too, or has had enough time.
pub(super) async fn linger(mut tcp: TcpStream) {
    let mut lingering = Lingering::default();
    // That the client is gone already is no error here.
    let _ = poll_fn(|cx| lingering.poll(cx, &mut tcp)).await;
}

impl Lingering {
    /// Tells the client that nothing follows; ready when it has closed too, or has had enough time.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        tcp: &mut TcpStream,
    ) -> Poll<io::Result<()>> {
        if self.goodbye.is_none() {
            ready!(Pin::new(&mut *tcp).poll_shutdown(cx))?;
        }
        let now = Instant::now();
        let goodbye = self.goodbye.get_or_insert(Goodbye {
            said: now,
            heard: now,
            read: 0,
        });
        while goodbye.read < MOST_READ {
            let mut piece = [MaybeUninit::uninit(); PIECE];
            let mut piece = ReadBuf::uninit(&mut piece);
            match Pin::new(&mut *tcp).poll_read(cx, &mut piece) {
                Poll::Ready(Ok(())) if !piece.filled().is_empty() => {
                    goodbye.heard = Instant::now();
                    goodbye.read += piece.filled().len();
                }
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => {
                    let deadline = (goodbye.heard + SILENCE).min(goodbye.said + LONGEST);
                    return self.lapse.poll(cx, deadline.into_std()).map(Ok);
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap());
        let (client, accepted) = tokio::join!(client, listener.accept());
        (client.unwrap(), accepted.unwrap().0)
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_says_nothing_has_a_second() {
        let (_client, tcp) = pair().await;
        let began = Instant::now();
        linger(tcp).await;
        assert_eq!(began.elapsed().as_secs(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_never_ends_has_half_a_minute() {
        let (mut client, tcp) = pair().await;
        let began = Instant::now();
        let trickle = async {
            while client.write_all(b"x").await.is_ok() {
                tokio::time::sleep(SILENCE * 9 / 10).await;
            }
        };
        tokio::select! {
            () = linger(tcp) => {}
            () = trickle => {}
        }
        assert_eq!(began.elapsed().as_secs(), 30);
    }

    #[tokio::test]
    async fn a_client_that_sends_all_it_can_is_cut() {
        let (mut client, tcp) = pair().await;
        let flood = async {
            let mut sent = 0;
            while client.write_all(&[0; PIECE]).await.is_ok() {
                sent += PIECE;
            }
            sent
        };
        let (sent, ()) = tokio::join!(flood, linger(tcp));
        assert!(sent >= MOST_READ);
    }
}
