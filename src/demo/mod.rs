//! The embedded demonstration backend: a small chat server that speaks the wire protocol of
//! Cheshire Cat 1.x, weaknesses included, so that the sidecar has something real to protect.
//!
//! It believes whatever identity it is told (`user_id` on HTTP, the path on a WebSocket), and with
//! neither key set it lets everybody in, as the Cat does. Two endpoints are its own: `GET /who`
//! shows the request head that reached it, `GET /demo/events` streams server-sent events.
//!
//! ```text
//!  request ─▶ routes ─▶ authentication ─▶ chat | who | events
//!                └ Upgrade: websocket ─▶ authentication ─▶ socket (until it closes)
//! ```

mod authentication;
mod chat;
mod cors;
mod events;
mod reply;
mod rooms;
mod routes;
mod socket;
mod target;
#[cfg(test)]
mod tests;
mod who;

use std::{io, net::SocketAddr, sync::Arc, sync::Mutex, time::Duration};

use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

pub use authentication::Keys;
use rooms::Rooms;
use routes::Visit;
use socket::Handshake;

/// How the backend behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The backend's own keys, `CCAT_API_KEY` and `CCAT_API_KEY_WS`; by default neither is set,
    /// which opens every door.
    pub keys: Keys,
    /// Pause between two `chat_token` frames, so that a reader sees the answer stream. By default
    /// none.
    pub token_pause: Duration,
    /// Numbers in the embedding that a `chat` object carries. The default makes even a trivial
    /// answer about 10 kB, as on the original.
    pub embedding: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            keys: Keys::default(),
            token_pause: Duration::ZERO,
            embedding: 512,
        }
    }
}

/// A running backend. It stops, and every connection with it, when this is dropped.
#[derive(Debug)]
pub struct Backend {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Backend {
    /// Serves on `listener` until the returned handle is dropped. To be called within a runtime.
    ///
    /// # Errors
    /// When the listener's own address cannot be read.
    pub fn start(listener: TcpListener, settings: Settings) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let accepting = tokio::spawn(accept(listener, Arc::new(State::new(settings))));
        Ok(Self { address, accepting })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// What all connections share.
struct State {
    settings: Settings,
    rooms: Rooms,
}

impl State {
    fn new(settings: Settings) -> Self {
        Self {
            settings,
            rooms: Rooms::default(),
        }
    }
}

/// Accepts until aborted. The connections live in this future, so they end with it.
async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => drop(connections.spawn(connection(stream, peer, Arc::clone(&state)))),
                // Out of file descriptors, most likely: let some connections end first.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Serves one connection: requests, then, after a `101`, its WebSocket.
async fn connection(stream: TcpStream, peer: SocketAddr, state: Arc<State>) {
    // Token frames are small and must not wait for each other's acknowledgement.
    let _ = stream.set_nodelay(true);
    let upgrade: Mutex<Option<Handshake>> = Mutex::new(None);
    let service = service_fn(async |request: Request<Incoming>| {
        let visit = Visit {
            state: &state,
            peer,
        };
        let (response, handshake) = visit.answer(request).await;
        if let (Some(handshake), Ok(mut slot)) = (handshake, upgrade.lock()) {
            *slot = Some(handshake);
        }
        Ok::<_, std::convert::Infallible>(response)
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
    let handshake = upgrade.into_inner().ok().flatten();
    if let (Ok(()), Some(handshake)) = (served, handshake) {
        handshake.converse(&state).await;
    }
}
