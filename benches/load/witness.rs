//! WebSockets that remember when and how they were closed.

use std::cell::{Cell, RefCell};
use std::io::BufRead;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc, watch};
use tokio_rustls::client::TlsStream;

use super::Outcome;
use super::target::Target;
use super::websocket::{MESSAGE, open};

/// How long an echo, or a close that was announced, may take before the answer is what there is.
const PATIENCE: Duration = Duration::from_secs(15);

/// What RFC 6455 §7.1.5 calls a connection that ended without a close frame.
const ABNORMAL: u16 = 1006;

/// What all sockets together have seen.
#[derive(Default)]
struct Seen {
    echoes: Cell<usize>,
    open: Cell<usize>,
    closes: RefCell<Vec<Close>>,
    news: Notify,
}

/// The end of a socket: its code, and when the frame and the end of the connection came, in
/// microseconds since 1970.
struct Close {
    code: u16,
    frame: u128,
    end: u128,
}

/// Opens `count` WebSockets, says `open`, and answers the lines of stdin until it ends:
///
/// - `echo`: sends a message on each socket that is open, and prints `ECHOES OPEN`;
/// - `closes N`: waits until N sockets are closed, prints how many are, and `CODE FRAME END` of each.
pub(super) async fn stand(target: Rc<Target>, count: usize) -> Outcome {
    let seen = Rc::new(Seen::default());
    let (ask, asked) = watch::channel(());
    for stream in open(&target, count).await? {
        seen.open.set(seen.open.get() + 1);
        tokio::task::spawn_local(watch_over(stream, asked.clone(), Rc::clone(&seen)));
    }
    println!("open");
    let (sender, mut lines) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    while let Some(line) = lines.recv().await {
        match line.split_once(' ') {
            None => {
                seen.echoes.set(0);
                ask.send_replace(());
                seen.until(|seen| seen.echoes.get() >= seen.open.get())
                    .await;
                println!("{} {}", seen.echoes.get(), seen.open.get());
            }
            Some((_, count)) => {
                let count = count.parse()?;
                seen.until(|seen| seen.closes.borrow().len() >= count).await;
                let closes = seen.closes.borrow();
                println!("{}", closes.len());
                for Close { code, frame, end } in closes.iter() {
                    println!("{code} {frame} {end}");
                }
            }
        }
    }
    Ok(())
}

impl Seen {
    /// Waits until it is so, or patience ends.
    async fn until(&self, so: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !so(self) {
                self.news.notified().await;
            }
        };
        // Whoever asked sees in the numbers that it is not so.
        let _ = tokio::time::timeout(PATIENCE, waiting).await;
    }
}

async fn watch_over(
    mut stream: TlsStream<TcpStream>,
    mut asked: watch::Receiver<()>,
    seen: Rc<Seen>,
) {
    let mut buffer = Vec::new();
    let mut closed = None;
    loop {
        tokio::select! {
            read = stream.read_buf(&mut buffer) => if !matches!(read, Ok(1..)) {
                break;
            },
            Ok(()) = asked.changed(), if closed.is_none() => {
                // A failure shows as a missing echo, and as the end of the connection.
                let _ = stream.write_all(MESSAGE).await;
            }
        }
        while let Some((opcode, payload)) = frame(&mut buffer) {
            match (opcode & 0x0f, payload.as_slice()) {
                (8, [high, low, ..]) => {
                    closed = Some((u16::from_be_bytes([*high, *low]), now()));
                    let echo = [0x88, 0x82, 0, 0, 0, 0, *high, *low];
                    let _ = stream.write_all(&echo).await;
                }
                (_, payload) if MESSAGE.get(6..) == Some(payload) => {
                    seen.echoes.set(seen.echoes.get() + 1);
                    seen.news.notify_one();
                }
                _ => eprintln!("a frame that nobody asked for: {opcode:x} {payload:x?}"),
            }
        }
    }
    let end = now();
    let (code, frame) = closed.unwrap_or((ABNORMAL, end));
    seen.closes.borrow_mut().push(Close { code, frame, end });
    seen.open.set(seen.open.get() - 1);
    seen.news.notify_one();
}

/// Takes the first whole frame off the buffer (RFC 6455 §5.2); small ones without a mask only.
fn frame(buffer: &mut Vec<u8>) -> Option<(u8, Vec<u8>)> {
    let [opcode, length, rest @ ..] = buffer.as_slice() else {
        return None;
    };
    let (opcode, length) = (*opcode, usize::from(*length));
    let payload = rest.get(..length)?.to_vec();
    buffer.drain(..length + 2);
    Some((opcode, payload))
}

#[expect(
    clippy::disallowed_methods,
    reason = "compared with the moment at which another process changed a file"
)]
fn now() -> u128 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_micros())
}
