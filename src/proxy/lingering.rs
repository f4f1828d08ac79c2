//! [`Lingering`]: how a connection ends whose client may still be sending.
//!
//! To close a socket with unread bytes in the kernel is to reset it, and a reset overtakes what was
//! said before: the client would see no answer to an upload that was refused. So we say that we are
//! done, and read for nothing until the client is done as well (RFC 9112 §9.6).

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::net::TcpStream;

use super::limits::Lapse;

/// How long a client may be silent that was told the end.
const SILENCE: Duration = Duration::from_secs(1);

/// How long a client may go on, if it never is.
const LONGEST: Duration = Duration::from_secs(30);

/// How much it may send meanwhile, in bytes.
const MOST: usize = 64 * 1024 * 1024;

/// What is read at a time.
const PIECE: usize = 8 * 1024;

/// The end of a connection.
#[derive(Debug, Default)]
pub(super) struct Lingering {
    told: Option<Told>,
    lapse: Lapse,
}

/// The client was told the end.
#[derive(Debug)]
struct Told {
    since: Instant,
    /// When it last sent something.
    heard: Instant,
    read: usize,
}

impl Lingering {
    /// Tells the client that nothing follows; ready when it has closed too, or has had enough time.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        tcp: &mut TcpStream,
    ) -> Poll<io::Result<()>> {
        if self.told.is_none() {
            ready!(Pin::new(&mut *tcp).poll_shutdown(cx))?;
        }
        let now = Instant::now();
        let told = self.told.get_or_insert(Told {
            since: now,
            heard: now,
            read: 0,
        });
        while told.read < MOST {
            let mut piece = [MaybeUninit::uninit(); PIECE];
            let mut piece = ReadBuf::uninit(&mut piece);
            match Pin::new(&mut *tcp).poll_read(cx, &mut piece) {
                Poll::Ready(Ok(())) if !piece.filled().is_empty() => {
                    told.heard = Instant::now();
                    told.read += piece.filled().len();
                }
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => {
                    let deadline = (told.heard + SILENCE).min(told.since + LONGEST);
                    return self.lapse.poll(cx, deadline).map(Ok);
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}
