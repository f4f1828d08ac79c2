//! What runs: the compiled, immutable [`Snapshot`] that a worker reads a request against.
//!
//! Everything here is plain data. Whatever can fail has failed in [`compile`]; the data plane
//! never sees the configuration itself. The control plane publishes snapshots through [`live`],
//! and that is the only joint between the two planes.

mod accounts;
pub mod compile;
pub mod live;
mod materials;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, StatusCode};
use ipnet::IpNet;
use rustls::pki_types::ServerName;

pub use self::live::Generation;
use crate::auth::{Directory, Gate};
use crate::telemetry::LogFormat;

pub use accounts::{AccountsService, HashingCost, Vocabulary};
pub use materials::{Material, Materials};

/// Everything a worker needs to serve requests, immutable once published.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Which publication this is.
    pub generation: Generation,
    /// Decides who is calling and what the backend is told.
    pub gate: Gate,
    /// Certificates towards clients; `None` serves plain HTTP.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Where admitted requests go.
    pub backend: Backend,
    /// How our own answers look.
    pub replies: Replies,
    /// Which browser origins may call.
    pub cors: Cors,
    /// Settings of WebSocket tunnels.
    pub websocket: WebSocketSettings,
    /// How users of ours log in and are kept, where there are any.
    pub accounts: Option<Arc<AccountsService>>,
    /// Sizes, counts and times.
    pub limits: Limits,
    /// `Strict-Transport-Security` to add to every answer over TLS.
    pub hsts: Option<HeaderValue>,
    /// Peers whose `X-Forwarded-*` count.
    pub trusted_proxies: Vec<IpNet>,
    /// The form of the access log.
    pub log_format: LogFormat,
}

impl Snapshot {
    /// The same by what the store says now. It costs as little as the configuration is long.
    #[must_use]
    pub fn with_directory(&self, directory: Arc<Directory>, generation: Generation) -> Self {
        let mut next = self.clone();
        let accounts = next.gate.verifiers.accounts.as_mut();
        if let Some(accounts) = accounts {
            *accounts = accounts.with(directory);
        }
        Self { generation, ..next }
    }

    /// Whether this peer's forwarding headers count.
    #[must_use]
    pub fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted_proxies
            .iter()
            .any(|net| net.contains(&peer.to_canonical()))
    }
}

/// The one backend behind us.
#[derive(Clone, Debug)]
pub struct Backend {
    /// Where to connect.
    pub address: Address,
    /// TLS towards it, with the name its certificate must bear.
    pub tls: Option<BackendTls>,
    /// Host and port as they stand in its URL; `Location` headers with this origin are ours.
    pub authority: String,
}

/// TLS towards the backend.
#[derive(Clone, Debug)]
pub struct BackendTls {
    /// Roots and protocol, ALPN `http/1.1`.
    pub config: Arc<rustls::ClientConfig>,
    /// The name its certificate must bear.
    pub name: ServerName<'static>,
}

/// A place to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// An IP literal and port: no name resolution.
    Socket(SocketAddr),
    /// A host name to resolve at each connect, and port.
    Name {
        /// The host name.
        host: String,
        /// The TCP port.
        port: u16,
    },
    /// A Unix domain socket.
    Unix(PathBuf),
}

/// Sizes in bytes, counts, and times of `[limits]`.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The largest request head, and on HTTP/2 the largest header list.
    pub header_size: usize,
    /// The most header fields of a request.
    pub header_count: usize,
    /// The longest request target.
    pub target_size: usize,
    /// The longest credential.
    pub token_size: usize,
    /// From accepting a connection to the end of its TLS handshake.
    pub tls_handshake: Duration,
    /// For a request head to arrive.
    pub header_timeout: Duration,
    /// The longest silence while a request body is arriving.
    pub body_gap: Duration,
    /// The longest time a client may take nothing of an answer that is ready.
    pub write_stall: Duration,
    /// The longest idle time of a client's connection between requests.
    pub keep_alive: Duration,
    /// To connect to the backend, TLS included.
    pub connect: Duration,
    /// From a sent request to the head of the backend's answer.
    pub first_byte: Duration,
    /// Concurrent streams of one HTTP/2 connection.
    pub h2_streams: u32,
    /// Open client connections of all workers.
    pub connections: usize,
    /// Open client connections of one address; `None`: no limit.
    pub connections_per_address: Option<usize>,
    /// Requests of one user in one period; `None`: no limit.
    pub requests_per_user: Option<Rate>,
    /// Refused credentials of one address in one period; `None`: no limit.
    pub failures_per_address: Option<Rate>,
    /// New visitors of one address.
    pub ids_per_address: Option<Rate>,
    /// How long a stopping process waits for requests in flight.
    pub drain: Duration,
}

/// So many events in a period, as in `"20/1m"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub count: u32,
    /// In how long.
    pub period: Duration,
}

impl Default for Limits {
    /// The documented defaults.
    fn default() -> Self {
        Self {
            header_size: 32 * 1024,
            header_count: 100,
            target_size: 8 * 1024,
            token_size: 8 * 1024,
            tls_handshake: Duration::from_secs(10),
            header_timeout: Duration::from_secs(10),
            body_gap: Duration::from_secs(30),
            write_stall: Duration::from_mins(1),
            keep_alive: Duration::from_secs(75),
            connect: Duration::from_secs(5),
            first_byte: Duration::from_mins(5),
            h2_streams: 100,
            connections: 10_000,
            connections_per_address: None,
            requests_per_user: None,
            failures_per_address: Some(Rate {
                count: 20,
                period: Duration::from_mins(1),
            }),
            ids_per_address: None,
            drain: Duration::from_secs(30),
        }
    }
}

/// Settings of WebSocket tunnels.
#[derive(Clone, Copy, Debug)]
pub struct WebSocketSettings {
    /// The largest message from a client, in bytes on the wire; beyond it the socket is closed
    /// with 1009.
    pub max_message: u64,
    /// Close a socket that was silent for this long; `None`: never.
    pub idle_timeout: Option<Duration>,
    /// Open sockets of one user, over all workers.
    pub per_user: SocketLimit,
}

/// How many sockets a user may have open, and what happens when one more is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SocketLimit {
    /// Any number.
    #[default]
    Off,
    /// So many; one more is refused.
    Refuse(u32),
    /// So many; for one more the oldest is closed.
    Replace(u32),
}

impl Default for WebSocketSettings {
    fn default() -> Self {
        Self {
            max_message: 16 * 1024 * 1024,
            idle_timeout: None,
            per_user: SocketLimit::Off,
        }
    }
}

/// Which origins a browser may call from (Fetch standard, "CORS protocol").
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Cors {
    /// No `[cors]`: preflights are ordinary requests, no headers are added or removed.
    #[default]
    Off,
    /// Every origin, reflected and without credentials.
    Any,
    /// Exactly these origins, as a browser writes them (`https://app.example`), with credentials.
    Origins(Vec<HeaderValue>),
}

/// How our own answers look: the profile's forms of a refusal, as data.
#[derive(Clone, Debug)]
pub struct Replies {
    /// No credential, or a bad one, on plain HTTP.
    pub unauthenticated: Answer,
    /// The same on a WebSocket handshake.
    pub unauthenticated_handshake: Answer,
    /// A good credential without the permission, on plain HTTP.
    pub forbidden: Answer,
    /// The same on a WebSocket handshake.
    pub forbidden_handshake: Answer,
    /// The body of every other answer of ours (400, 404, 429, 502, …).
    pub form: Form,
}

/// One whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers, `Content-Type` included, `Content-Length` not.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Its body.
    pub body: bytes::Bytes,
}

/// How a body is made of an error's short name and its sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `{"error":"bad_gateway","message":"…"}`.
    Json,
    /// `{"detail":{"error":"…"}}`, as Cheshire Cat writes it.
    Detail,
    /// The sentence alone, `text/plain`.
    Text,
}
