//! Where connections come in.
//!
//! On Linux each worker has a socket of its own on the same address, and the kernel spreads
//! connections over them. Elsewhere one worker accepts and hands the streams out in turn.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::connection::{self, Purpose};
use super::worker::Worker;

/// Connections that the kernel holds for us until we accept.
const BACKLOG: i32 = 4096;

/// A vanished peer is found after 60 s and four unanswered probes: within 120 s.
const KEEPALIVE_AFTER: Duration = Duration::from_mins(1);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(12);
const KEEPALIVE_PROBES: u32 = 4;

/// How long to leave the kernel alone when it has no more descriptors or memory for us.
const BACK_OFF: Duration = Duration::from_millis(100);

/// How long to be silent after a complaint: what lasts needs no line for each second.
const SILENCE: Duration = Duration::from_secs(2);

/// So many clients may have gone in a row before we came; more is no accident.
const MAX_GONE: u32 = 16;

/// Streams that wait to be taken over by their worker.
const HANDED_QUEUE: usize = 128;

/// One worker's source of connections.
#[derive(Debug)]
pub(super) struct Intake {
    pub(super) purpose: Purpose,
    source: Source,
    complaints: Arc<Complaints>,
}

#[derive(Debug)]
enum Source {
    /// A socket of its own.
    Own(std::net::TcpListener),
    /// The only socket, and the workers to hand streams to in turn, this one included.
    Shared(
        std::net::TcpListener,
        Vec<mpsc::Sender<Handed>>,
        mpsc::Receiver<Handed>,
    ),
    /// What the accepting worker hands over.
    Handed(mpsc::Receiver<Handed>),
}

type Handed = (std::net::TcpStream, SocketAddr);

/// How an address is shared among workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sharing {
    /// By the kernel.
    ReusePort,
    /// By one acceptor.
    Handing,
}

impl Sharing {
    /// Other systems have the option but give all connections to one of the sockets.
    const fn of_this_system() -> Self {
        if cfg!(target_os = "linux") {
            Self::ReusePort
        } else {
            Self::Handing
        }
    }
}

/// Opens an address for so many workers; the address is returned as it was bound.
///
/// # Errors
/// When it is in use or not ours.
pub(super) fn open(
    address: SocketAddr,
    purpose: Purpose,
    workers: NonZeroUsize,
) -> io::Result<(SocketAddr, Vec<Intake>)> {
    open_shared(address, purpose, workers, Sharing::of_this_system())
}

fn open_shared(
    address: SocketAddr,
    purpose: Purpose,
    workers: NonZeroUsize,
    sharing: Sharing,
) -> io::Result<(SocketAddr, Vec<Intake>)> {
    // A socket that doesn't share finds out whether another process is listening.
    let alone = bind(address, Sharing::Handing)?;
    let bound = alone.local_addr()?;
    let sources = match sharing {
        Sharing::ReusePort => {
            drop(alone);
            (0..workers.get())
                .map(|_| bind(bound, Sharing::ReusePort).map(Source::Own))
                .collect::<io::Result<Vec<_>>>()?
        }
        Sharing::Handing => hand_out(alone, workers),
    };
    let complaints = Complaints::new();
    let intake = |source| Intake {
        purpose,
        source,
        complaints: Arc::clone(&complaints),
    };
    let intakes = sources.into_iter().map(intake).collect();
    Ok((bound, intakes))
}

fn hand_out(listener: std::net::TcpListener, workers: NonZeroUsize) -> Vec<Source> {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..workers.get())
        .map(|_| mpsc::channel(HANDED_QUEUE))
        .unzip();
    let mut shared = Some((listener, senders));
    receivers
        .into_iter()
        .map(|receiver| match shared.take() {
            Some((listener, senders)) => Source::Shared(listener, senders, receiver),
            None => Source::Handed(receiver),
        })
        .collect()
}

fn bind(address: SocketAddr, sharing: Sharing) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // A restart must not wait for the connections of the process before.
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    if sharing == Sharing::ReusePort {
        socket.set_reuse_port(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

impl Intake {
    /// Takes connections in until the process drains, and then those that are in the queue
    /// already: closing the socket would reset them.
    pub(super) async fn run(self, worker: Rc<Worker>) -> io::Result<()> {
        let (purpose, complaints) = (self.purpose, self.complaints);
        match self.source {
            Source::Own(listener) => {
                let listener = TcpListener::from_std(listener)?;
                accept(&worker, listener, &complaints, |tcp, peer| {
                    admit(&worker, tcp, peer, purpose);
                })
                .await;
            }
            Source::Handed(streams) => take_over(worker, streams, purpose).await,
            Source::Shared(listener, workers, streams) => {
                let listener = TcpListener::from_std(listener)?;
                tokio::task::spawn_local(take_over(Rc::clone(&worker), streams, purpose));
                let next = Cell::new(0_usize);
                accept(&worker, listener, &complaints, |tcp, peer| {
                    let turn = next.replace(next.get().wrapping_add(1)) % workers.len().max(1);
                    if let (Some(to), Ok(tcp)) = (workers.get(turn), tcp.into_std()) {
                        let _ = to.try_send((tcp, peer));
                    }
                })
                .await;
            }
        }
        Ok(())
    }
}

async fn take_over(worker: Rc<Worker>, mut streams: mpsc::Receiver<Handed>, purpose: Purpose) {
    while let Some((tcp, peer)) = streams.recv().await {
        if let Ok(tcp) = TcpStream::from_std(tcp) {
            admit(&worker, tcp, peer, purpose);
        }
    }
}

async fn accept(
    worker: &Worker,
    listener: TcpListener,
    complaints: &Complaints,
    take: impl Fn(TcpStream, SocketAddr),
) {
    let mut in_a_row = 0_u32;
    let mut draining = std::pin::pin!(worker.draining.started());
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut draining => return take_queued(listener, take),
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((tcp, peer)) => {
                in_a_row = 0;
                take(tcp, peer);
            }
            Err(error) => {
                worker.metrics.accept_failed();
                complaints.log(&error);
                in_a_row = in_a_row.saturating_add(1);
                if !is_of_one_connection(&error) || in_a_row > MAX_GONE {
                    tokio::time::sleep(BACK_OFF).await;
                }
            }
        }
    }
}

/// Takes what the kernel has queued, which closing the socket would reset. The kernel itself is
/// asked: the runtime hears of a connection only when it next waits.
fn take_queued(listener: TcpListener, take: impl Fn(TcpStream, SocketAddr)) {
    let Ok(listener) = listener.into_std() else {
        return;
    };
    for _ in 0..BACKLOG {
        match listener.accept() {
            Ok((tcp, peer)) => {
                if let Ok(tcp) = asynchronous(tcp) {
                    take(tcp, peer);
                }
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(_) => return,
        }
    }
}

fn asynchronous(tcp: std::net::TcpStream) -> io::Result<TcpStream> {
    tcp.set_nonblocking(true)?;
    TcpStream::from_std(tcp)
}

/// The client had gone before we came; the next may be fine.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

/// Says that connections can't be accepted, for all workers together, and not too often.
#[derive(Debug)]
struct Complaints {
    since: Instant,
    /// When it may be said again, in milliseconds.
    next: AtomicU64,
    unsaid: AtomicU64,
}

impl Complaints {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            since: Instant::now(),
            next: AtomicU64::new(0),
            unsaid: AtomicU64::new(0),
        })
    }

    fn log(&self, error: &io::Error) {
        self.unsaid.fetch_add(1, Ordering::Relaxed);
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let now = milliseconds(self.since.elapsed());
        let next = self.next.load(Ordering::Relaxed);
        let (relaxed, again) = (Ordering::Relaxed, now.saturating_add(milliseconds(SILENCE)));
        let swap = |next| self.next.compare_exchange(next, again, relaxed, relaxed);
        if now >= next && swap(next).is_ok() {
            let times = self.unsaid.swap(0, Ordering::Relaxed);
            tracing::warn!(%error, times, "cannot accept connections");
        }
    }
}

/// Finds a place for a connection and serves it, or lets it go.
fn admit(worker: &Rc<Worker>, tcp: TcpStream, peer: SocketAddr, purpose: Purpose) {
    let limits = worker.snapshot().limits;
    let place = worker.limiter.connect(
        peer.ip(),
        limits.connections,
        limits.connections_per_address,
    );
    let Some(place) = place else {
        worker.metrics.connection_refused("limit");
        return;
    };
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_AFTER)
        .with_interval(KEEPALIVE_INTERVAL);
    #[cfg(unix)]
    let keepalive = keepalive.with_retries(KEEPALIVE_PROBES);
    // Neither is worth refusing a connection for.
    let _ = tcp.set_nodelay(true);
    let _ = SockRef::from(&tcp).set_tcp_keepalive(&keepalive);
    tokio::task::spawn_local(connection::serve(
        Rc::clone(worker),
        tcp,
        peer,
        purpose,
        place,
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: &str = "127.0.0.1:0";

    fn two() -> NonZeroUsize {
        NonZeroUsize::new(2).unwrap()
    }

    #[test]
    fn every_worker_gets_an_intake_on_the_same_port() {
        for sharing in [Sharing::ReusePort, Sharing::Handing] {
            let address = ANY.parse().unwrap();
            let (bound, intakes) = open_shared(address, Purpose::Gate, two(), sharing).unwrap();
            assert_ne!(bound.port(), 0);
            assert_eq!(intakes.len(), 2);
        }
    }

    #[test]
    fn an_address_in_use_is_an_error() {
        let (bound, _held) = open(ANY.parse().unwrap(), Purpose::Gate, two()).unwrap();
        let error = open(bound, Purpose::Gate, two()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }

    #[tokio::test]
    async fn what_the_kernel_has_queued_is_taken_at_the_end() {
        let listener = bind(ANY.parse().unwrap(), Sharing::Handing).unwrap();
        let (address, taken) = (listener.local_addr().unwrap(), Cell::new(0));
        let listener = TcpListener::from_std(listener).unwrap();
        // The runtime has not looked yet: nothing waits in between.
        let connect = |_| std::net::TcpStream::connect(address).unwrap();
        let _clients: Vec<_> = (0..3).map(connect).collect();
        take_queued(listener, |_, _| taken.set(taken.get() + 1));
        assert_eq!(taken.get(), 3);
    }

    #[test]
    fn a_complaint_is_followed_by_silence() {
        let complaints = Complaints::new();
        let error = io::Error::other("no descriptors");
        for _ in 0..10 {
            complaints.log(&error);
        }
        assert_eq!(complaints.unsaid.load(Ordering::Relaxed), 9);
    }
}
