//! The data plane: from a client's connection to the backend and back.
//!
//! ```text
//! worker ─ one thread a core, with everything it needs; no lock
//!  └ listener ─ accept, limits
//!     └ connection ─ TLS, ALPN, hyper, time
//!        ├ redirect ─ plain HTTP: 308
//!        └ handler ─ cors · gate · headers · body
//!           ├ upstream ─ pool of link ─▶ backend ─▶ answer
//!           ├ upgrade ─▶ tunnel · frames
//!           ├ own ─▶ who answers requests that are about accounts
//!           └ reply ─ the only place that picks a status
//! ```
//!
//! A request and its answer run within the task of the client's connection: a link to the
//! backend is polled by whoever uses it. So there are two reads and two writes a request, no task
//! is woken by another, and what a client leaves behind ends with its connection.

mod activity;
mod answer;
mod body;
mod connection;
mod cors;
mod exchange;
pub mod frames;
mod handler;
mod headers;
mod limits;
mod lingering;
mod listener;
mod location;
mod own;
mod redirect;
mod reply;
mod request_id;
mod scratch;
mod socket;
mod standing;
mod streams;
#[cfg(test)]
mod tests;
mod throttled;
pub mod tunnel;
mod unread;
mod unreadable;
mod upgrade;
mod upstream;
mod uses;
mod worker;

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::JoinHandle;

pub use limits::Limiter;
pub use own::{Call, Caller, Calls};

use connection::Purpose;
use tokio::sync::mpsc;
#[cfg(any(test, fuzzing))]
pub(crate) use upstream::reading;

use crate::runtime::drain::Draining;
use crate::sessions::{Oversight, Places};
use crate::snapshot::Snapshot;
use crate::snapshot::live::Reader;
use crate::store::Sighting;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::writer::LogSink;

/// Where to listen, and with how many threads. What only a restart changes.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Addresses for clients.
    pub addresses: Vec<SocketAddr>,
    /// Addresses that send plain HTTP to `https` on the first of `addresses`.
    pub redirects: Vec<SocketAddr>,
    /// Threads.
    pub workers: NonZeroUsize,
}

/// What all workers share.
#[derive(Clone)]
pub struct Shared {
    /// The snapshot in force.
    pub reader: Reader<Snapshot>,
    /// Where each worker has its own cells.
    pub metrics: Arc<Metrics>,
    /// Where access records go.
    pub log: LogSink,
    /// Tells when to stop.
    pub draining: Draining,
    /// Open WebSockets of each user.
    pub places: Places,
    /// Connections and rates.
    pub limiter: Arc<Limiter>,
    /// Where requests go that are about accounts.
    pub calls: Calls,
    /// Who notes when the store's keys are used.
    pub sightings: mpsc::Sender<Vec<Sighting>>,
}

/// The running data plane.
#[derive(Debug)]
pub struct DataPlane {
    addresses: Vec<SocketAddr>,
    redirects: Vec<SocketAddr>,
    oversight: Oversight,
    threads: Vec<JoinHandle<()>>,
}

impl DataPlane {
    /// Binds all addresses and starts the workers; when it returns, connections are accepted.
    ///
    /// # Errors
    /// When an address is in use or not ours, or a thread cannot be started. Nothing runs then.
    pub fn start(settings: &Settings, shared: &Shared) -> io::Result<Self> {
        let workers = settings.workers;
        let mut intakes: Vec<Vec<_>> = (0..workers.get()).map(|_| Vec::new()).collect();
        let mut open = |address, purpose| -> io::Result<SocketAddr> {
            let (bound, opened) = listener::open(address, purpose, workers)?;
            intakes
                .iter_mut()
                .zip(opened)
                .for_each(|(of_one, intake)| of_one.push(intake));
            Ok(bound)
        };
        let addresses = settings
            .addresses
            .iter()
            .map(|address| open(*address, Purpose::Gate))
            .collect::<io::Result<Vec<_>>>()?;
        let https_port = addresses.first().map_or(443, SocketAddr::port);
        let redirects = settings
            .redirects
            .iter()
            .map(|address| open(*address, Purpose::Redirect { https_port }))
            .collect::<io::Result<Vec<_>>>()?;
        let (oversight, desks) = Oversight::over(workers);
        let threads = intakes
            .into_iter()
            .zip(desks)
            .enumerate()
            .map(|(index, (intakes, desk))| worker::start(shared, index, intakes, desk))
            .collect::<io::Result<Vec<_>>>()?;
        Ok(Self {
            addresses,
            redirects,
            oversight,
            threads,
        })
    }

    /// The addresses for clients, with the ports that were given for port 0.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The addresses of the redirect.
    #[must_use]
    pub fn redirects(&self) -> &[SocketAddr] {
        &self.redirects
    }

    /// Lists what is open, and closes it.
    #[must_use]
    pub fn oversight(&self) -> &Oversight {
        &self.oversight
    }

    /// Waits until all workers have ended, which they do once the drain has started and their
    /// connections are gone, or the limit for that has passed.
    pub fn join(self) {
        for thread in self.threads {
            // A worker that panicked has ended too, and its panic has been reported.
            let _ = thread.join();
        }
    }
}
