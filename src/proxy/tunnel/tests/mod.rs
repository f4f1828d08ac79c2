//! Tunnels between two ends of ours; the clock stands still unless everything waits for it.

mod carrying;
mod closing;
mod ends;
mod tls;

use std::task::Waker;

use futures_util::{SinkExt, StreamExt};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig, frame::coding::CloseCode};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::*;
use crate::auth::Ending;
use crate::clock::Timestamp;
use crate::proxy::frames::{FrameTracker, close_frame};
use crate::sessions::Sessions;

const NOON: Timestamp = Timestamp::from_secs(1_800_000_000);
const LIMIT: u64 = 16 << 20;
const HELLO: &[u8] = b"\x81\x05hello";
const MASKED_HELLO: &[u8] = b"\x81\x85\x00\x00\x00\x00hello";

/// A tunnel and what its two sides and its session are held by.
struct Rig {
    tunnel: Tunnel<DuplexStream, DuplexStream, &'static str>,
    client: DuplexStream,
    backend: DuplexStream,
    sessions: Sessions<&'static str>,
}

fn rig_with(buffer: usize, max_message: u64, early: [&'static [u8]; 2]) -> Rig {
    let (client, client_side) = duplex(buffer);
    let (backend, backend_side) = duplex(buffer);
    let sessions = Sessions::new();
    let [from_client, from_backend] = early.map(Bytes::from_static);
    let tunnel = Tunnel::new(
        Side {
            stream: client_side,
            read: from_client,
        },
        Side {
            stream: backend_side,
            read: from_backend,
        },
        sessions.register("alice", Some(NOON), 1, NOON),
        max_message,
        Scratch::new(),
    );
    Rig {
        tunnel,
        client,
        backend,
        sessions,
    }
}

fn rig() -> Rig {
    rig_with(1024, LIMIT, [b"", b""])
}

type TcpTunnel = Tunnel<TcpStream, TcpStream, &'static str>;

/// Two ends of one loopback connection.
async fn connected() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
    (near.unwrap(), far.unwrap().0)
}

/// A tunnel between real sockets, and the other ends of them.
async fn over_tcp() -> (TcpTunnel, TcpStream, TcpStream, Sessions<&'static str>) {
    let (client, client_side) = connected().await;
    let (backend, backend_side) = connected().await;
    let sessions = Sessions::new();
    let tunnel = Tunnel::new(
        Side {
            stream: client_side,
            read: Bytes::new(),
        },
        Side {
            stream: backend_side,
            read: Bytes::new(),
        },
        sessions.register("alice", None, 1, NOON),
        LIMIT,
        Scratch::new(),
    );
    (tunnel, client, backend, sessions)
}

async fn read(stream: &mut DuplexStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).await.unwrap();
    bytes
}

async fn read_to_end(stream: &mut DuplexStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    bytes
}
