//! One client's connection: TLS within its time, the protocol that ALPN chose, and an end when
//! it is idle, overdue, or the process stops.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use http::HeaderValue;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::activity::{Activity, Protocol};
use super::exchange::Exchange;
use super::handler;
use super::headers::Scheme;
use super::limits::{ConnectionPlace, Lapse};
use super::lingering::linger;
use super::socket::{ClientSocket, ClientStream};
use super::streams::{Reader, Streams};
use super::tunnel::Side;
use super::unread::Unread;
use super::unreadable;
use super::upgrade::{self, Opened};
use super::worker::Worker;
use crate::snapshot::Limits;

/// The most that is read ahead of a client, or waits for it.
const MAX_BUFFER: usize = 64 * 1024;

/// What an HTTP/2 stream, and a connection, may send before we say more.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// How often a silent HTTP/2 peer is asked whether it is there, and how long it has to answer.
const PING_INTERVAL: Duration = Duration::from_mins(1);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// Streams that a client may reset before we have looked at them (rapid reset).
const MAX_RESET_STREAMS: usize = 20;

/// Streams that we reset because of what the client sent on them ("made you reset"); each is kept
/// for a while, and costs more memory than it took to send.
const MAX_MALFORMED_STREAMS: usize = 32;

/// A client, as long as its connection or its WebSocket lives.
pub(super) struct Client {
    pub(super) worker: Rc<Worker>,
    pub(super) peer: SocketAddr,
    /// The peer's address as the backend is told it.
    pub(super) peer_value: HeaderValue,
    pub(super) scheme: Scheme,
    /// `h1` or `h2`, for the log.
    pub(super) protocol: Cell<&'static str>,
    pub(super) activity: Rc<Activity>,
    /// How the HTTP/2 stream that runs now gets on with its client.
    pub(super) reader: RefCell<Option<Rc<Reader>>>,
    /// What nobody reads of a request over HTTP/1.1.
    pub(super) unread: Rc<Unread>,
    /// A WebSocket that waits for hyper to let go of the client's stream.
    opened: RefCell<Option<(Opened, Box<Exchange>)>>,
    _place: ConnectionPlace,
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Requests for the backend.
    Gate,
    /// Plain HTTP that is sent to `https` on this port.
    Redirect { https_port: u16 },
}

impl Client {
    fn new(
        worker: &Rc<Worker>,
        peer: SocketAddr,
        scheme: Scheme,
        place: ConnectionPlace,
    ) -> Rc<Self> {
        worker.metrics.connection_opened();
        let address = peer.ip().to_canonical().to_string();
        let activity = Activity::new(Instant::now());
        worker.watch(&activity);
        Rc::new(Self {
            worker: Rc::clone(worker),
            peer,
            peer_value: HeaderValue::try_from(address)
                .unwrap_or_else(|_| HeaderValue::from_static("unknown")),
            scheme,
            protocol: Cell::new("h1"),
            activity,
            reader: RefCell::default(),
            unread: Rc::default(),
            opened: RefCell::default(),
            _place: place,
        })
    }

    /// Leaves a WebSocket for the connection to take up once the `101` is out.
    pub(super) fn hand_off(&self, opened: Opened, exchange: Box<Exchange>) {
        *self.opened.borrow_mut() = Some((opened, exchange));
    }

    /// Whether the connection may be told to end: not while a `101` is being written, which would
    /// lose its `Connection: upgrade`.
    fn may_close(&self) -> bool {
        self.activity.is_closing() && self.opened.borrow().is_none()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.worker.metrics.connection_closed();
    }
}

/// Serves a connection to its end.
pub(super) async fn serve(
    worker: Rc<Worker>,
    tcp: TcpStream,
    peer: SocketAddr,
    purpose: Purpose,
    place: ConnectionPlace,
) {
    // Not the snapshot itself: a connection may outlive it by days.
    let (limits, tls) = {
        let snapshot = worker.snapshot();
        (snapshot.limits, snapshot.tls.clone())
    };
    let tls = tls.filter(|_| purpose == Purpose::Gate);
    let scheme = tls.as_ref().map_or(Scheme::Http, |_| Scheme::Https);
    let client = Client::new(&worker, peer, scheme, place);
    let socket = ClientSocket::new(tcp, Rc::clone(&client.activity), limits.write_stall);
    let Some(tls) = tls else {
        return serve_http1(client, ClientStream::Plain(socket), purpose, &limits).await;
    };
    match shake_hands(tls, socket, limits.tls_handshake).await {
        Err(kind) => worker.metrics.tls_handshake_failed(kind),
        Ok((stream, Protocol::Http2)) => serve_http2(client, stream, &limits).await,
        Ok((stream, Protocol::Http1)) => serve_http1(client, stream, purpose, &limits).await,
    }
}

async fn shake_hands(
    config: Arc<rustls::ServerConfig>,
    socket: ClientSocket,
    limit: Duration,
) -> Result<(ClientStream, Protocol), &'static str> {
    let accepting = Box::pin(TlsAcceptor::from(config).accept(socket));
    let stream = match tokio::time::timeout(limit, accepting).await {
        Err(_) => return Err("timeout"),
        Ok(Err(error)) => return Err(handshake_failure(&error)),
        Ok(Ok(stream)) => stream,
    };
    let protocol = match stream.get_ref().1.alpn_protocol() {
        Some(b"h2") => Protocol::Http2,
        _ => Protocol::Http1,
    };
    Ok((ClientStream::Tls(Box::new(stream)), protocol))
}

/// One of a few names, however the client words it.
fn handshake_failure(error: &std::io::Error) -> &'static str {
    match error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>())
    {
        Some(rustls::Error::InvalidMessage(_)) => "not_tls",
        Some(rustls::Error::PeerIncompatible(_)) => "incompatible",
        Some(rustls::Error::AlertReceived(_)) => "refused_by_client",
        Some(_) => "protocol",
        None => "closed",
    }
}

async fn serve_http1(client: Rc<Client>, stream: ClientStream, purpose: Purpose, limits: &Limits) {
    let service = service_fn(|request| handler::handle(Rc::clone(&client), purpose, request));
    let mut connection = http1(limits).serve_connection(TokioIo::new(stream), service);
    let close = http1::Connection::graceful_shutdown;
    let running = Pin::new(&mut connection);
    let ended = supervise(&client, running, close, Protocol::Http1, limits).await;
    if let End::Failed(error) = &ended {
        unreadable::record(&client, error);
    }
    // Taken in any case: the exchange keeps the client alive.
    let opened = client.opened.take();
    let (opened, exchange) = match (ended, opened) {
        (End::Well, Some(upgrade)) => upgrade,
        (End::Overdue, _) => return,
        (End::Well | End::Failed(_), _) => {
            return linger(connection.into_parts().io.into_inner().into_tcp()).await;
        }
    };
    client.activity.forget();
    let parts = connection.into_parts();
    let side = Side {
        stream: parts.io.into_inner(),
        read: parts.read_buf,
    };
    tokio::task::spawn_local(upgrade::carry(Rc::clone(&client), side, opened, exchange));
}

async fn serve_http2(client: Rc<Client>, stream: ClientStream, limits: &Limits) {
    client.protocol.set("h2");
    let purpose = Purpose::Gate;
    let service = service_fn(|request| handler::handle(Rc::clone(&client), purpose, request));
    let streams = Streams::new(&client, limits.write_stall);
    let connection =
        http2(streams, limits).serve_connection(TokioIo::new(stream.lingering()), service);
    let close = http2::Connection::graceful_shutdown;
    supervise(&client, pin!(connection), close, Protocol::Http2, limits).await;
}

/// How a connection came to its end.
enum End {
    Well,
    /// It was idle, or its head incomplete, for too long.
    Overdue,
    Failed(hyper::Error),
}

/// Runs a connection until it ends, is overdue, or was told to close and has.
async fn supervise<C: Future<Output = hyper::Result<()>>>(
    client: &Client,
    mut connection: Pin<&mut C>,
    close: fn(Pin<&mut C>),
    protocol: Protocol,
    limits: &Limits,
) -> End {
    let (mut told, mut lapse) = (false, Lapse::default());
    poll_fn(|cx| {
        client.activity.remember(cx);
        loop {
            if !told && client.may_close() {
                told = true;
                close(connection.as_mut());
            }
            if let Poll::Ready(result) = connection.as_mut().poll(cx) {
                return Poll::Ready(result.map_or_else(End::Failed, |()| End::Well));
            }
            // The poll may have answered the one request that was still to come.
            if told || !client.may_close() {
                break;
            }
        }
        if told {
            client.unread.end_connection();
        }
        if client.unread.poll_skip(cx).is_ready() {
            client.activity.idle();
        }
        client
            .activity
            .poll_overdue(cx, &mut lapse, protocol, limits)
            .map(|()| End::Overdue)
    })
    .await
}

fn http1(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // The connection keeps its own time, see `activity`.
        .header_read_timeout(None)
        .max_header_size(limits.header_size)
        .max_buf_size(MAX_BUFFER.max(limits.header_size));
    if limits.header_count != HYPER_MAX_HEADERS {
        builder.max_headers(limits.header_count);
    }
    builder
}

/// hyper's own limit, for which alone it needs no allocation a request.
const HYPER_MAX_HEADERS: usize = 100;

fn http2(streams: Streams, limits: &Limits) -> http2::Builder<Streams> {
    let mut builder = http2::Builder::new(streams);
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.h2_streams)
        .max_header_list_size(u32::try_from(limits.header_size).unwrap_or(u32::MAX))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(MAX_BUFFER)
        .max_pending_accept_reset_streams(MAX_RESET_STREAMS)
        .max_local_error_reset_streams(MAX_MALFORMED_STREAMS)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    builder
}
