//! The data plane over loopback: a raw backend on one side, a raw client on the other, so that
//! each byte is the test's own.

mod bodies;
mod failures;
mod forwarding;
mod lifetime;
mod oversight;
mod tls;
mod websocket;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::{DataPlane, Limiter, Settings, Shared};
use crate::auth::{
    Access, Carrier, EncodedSlashes, Extraction, Gate, HostPattern, Hosts, KeyDigest, KeySettings,
    KeyTable, Methods, Origins, Pattern, Placement, Policy, Protected, Rewrite, Rule, SpeaksFor,
    Transports, UpstreamCredential, UserId, Verifiers,
};
use crate::runtime::drain::Drain;
use crate::sessions::Places;
use crate::snapshot::live::{FIRST, Publisher, live};
use crate::snapshot::{
    Address, Answer, Backend, Cors, Form, Generation, Limits, Replies, Snapshot, WebSocketSettings,
};
use crate::telemetry::LogFormat;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::writer::LogSink;

/// Longer than anything here takes, shorter than patience.
const LONG: Duration = Duration::from_secs(10);

/// The key of `alice`.
const KEY: &str = "a-key-of-alice";

/// The key of `bob`, where there is one.
const BOBS_KEY: &str = "a-key-of-bob";

/// A header line that makes the handler panic, for want of a defect that does.
const PANIC: &str = "X-Panic: now";

/// Panics if the request bears [`PANIC`].
pub(super) fn panic_if_asked(headers: &http::HeaderMap) {
    assert!(!headers.contains_key("x-panic"), "asked to");
}

fn gate(keys: &[&str]) -> Gate {
    let mut table = KeyTable::builder();
    for key in keys {
        let user = if *key == BOBS_KEY { "bob" } else { "alice" };
        let settings = KeySettings {
            name: (*key).into(),
            speaks_for: SpeaksFor::Bound(UserId::parse(user).unwrap()),
            permissions: std::iter::empty().collect(),
            transports: Transports::Both,
            expires: None,
        };
        table.key(KeyDigest::of(key.as_bytes()), settings).unwrap();
    }
    let header = HeaderName::from_static("user_id");
    Gate {
        hosts: Hosts::new(vec![HostPattern::parse("localhost")]),
        origins: Origins::default(),
        extraction: Extraction {
            http: vec![Carrier::Bearer],
            websocket: vec![Carrier::Bearer, Carrier::Query("token".into())],
            token_size: 8192,
        },
        verifiers: Verifiers {
            keys: table.build(),
            ..Verifiers::default()
        },
        policy: Policy::new(vec![Rule {
            name: "all".into(),
            pattern: Pattern::parse("/**").unwrap(),
            methods: Methods::All,
            access: Access::Authenticated,
            others: None,
            cookie_credential: crate::auth::CookieCredential::Accept,
            login_cookies: crate::auth::LoginCookies::Strip,
            encoded_slash: EncodedSlashes::Refuse,
            destination: crate::auth::Destination::Backend,
        }]),
        rewrite: Rewrite {
            protected: Protected::new(["user_id"]),
            cookies: Vec::new(),
            login_cookies: Vec::new(),
            backend_cookie: None,
            credential_parameter: Some("token".into()),
            http: Placement::Headers(vec![header.clone()]),
            websocket: Placement::Headers(vec![header]),
            http_credential: UpstreamCredential::None,
            websocket_credential: UpstreamCredential::None,
        },
        visitors: crate::auth::Visitors::new(
            &crate::secret::Secret::new("a secret of this test"),
            std::time::Duration::from_hours(1),
            Vec::new(),
        ),
    }
}

fn replies() -> Replies {
    let answer = |status| Answer {
        status,
        headers: vec![(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))],
        body: Bytes::from_static(b"refused"),
    };
    Replies {
        unauthenticated: answer(StatusCode::UNAUTHORIZED),
        unauthenticated_handshake: answer(StatusCode::UNAUTHORIZED),
        forbidden: answer(StatusCode::FORBIDDEN),
        forbidden_handshake: answer(StatusCode::FORBIDDEN),
        form: Form::Json,
    }
}

fn snapshot(generation: Generation, backend: SocketAddr, keys: &[&str]) -> Snapshot {
    Snapshot {
        generation,
        gate: gate(keys),
        tls: None,
        backend: Backend {
            address: Address::Socket(backend),
            tls: None,
            authority: backend.to_string(),
        },
        replies: replies(),
        cors: Cors::Off,
        accounts: None,
        websocket: WebSocketSettings::default(),
        limits: Limits::default(),
        hsts: None,
        trusted_proxies: Vec::new(),
        log_format: LogFormat::Json,
    }
}

/// The data plane with one worker, and a listener that plays its backend.
struct Sidecar {
    address: SocketAddr,
    plane: DataPlane,
    drain: Drain,
    publisher: Publisher<Snapshot>,
    backend: TcpListener,
    log: SharedLog,
}

/// What was logged.
#[derive(Clone, Default)]
struct SharedLog(Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for SharedLog {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Sidecar {
    async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// With these keys instead of [`KEY`].
    async fn with_keys(keys: &[&str]) -> Self {
        Self::with(|snapshot| snapshot.gate = gate(keys)).await
    }

    async fn with(change: impl FnOnce(&mut Snapshot)) -> Self {
        let backend = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = backend.local_addr().unwrap();
        let mut first = snapshot(FIRST, address, &[KEY]);
        change(&mut first);
        let (publisher, reader) = live(first);
        let (drain, draining) = Drain::new();
        let log = SharedLog::default();
        let shared = Shared {
            sightings: tokio::sync::mpsc::channel(1).0,
            reader,
            metrics: Arc::new(Metrics::new(1)),
            log: LogSink::new(log.clone()),
            draining,
            places: Places::new(),
            limiter: Limiter::new(),
            calls: crate::proxy::Calls::new().0,
        };
        let settings = Settings {
            addresses: vec!["127.0.0.1:0".parse().unwrap()],
            redirects: vec!["127.0.0.1:0".parse().unwrap()],
            workers: NonZeroUsize::MIN,
        };
        let plane = DataPlane::start(&settings, &shared).unwrap();
        Self {
            address: plane.addresses()[0],
            plane,
            drain,
            publisher,
            backend,
            log,
        }
    }

    async fn connect(&self) -> Peer<TcpStream> {
        Peer::new(TcpStream::connect(self.address).await.unwrap())
    }

    /// The backend's side of the next connection.
    async fn accept(&self) -> Peer<TcpStream> {
        Peer::new(
            timeout(LONG, self.backend.accept())
                .await
                .unwrap()
                .unwrap()
                .0,
        )
    }

    /// Whether nobody has come to the backend yet.
    async fn backend_is_untouched(&self) -> bool {
        timeout(Duration::from_millis(50), self.backend.accept())
            .await
            .is_err()
    }

    fn publish(&mut self, keys: &[&str]) {
        let address = self.backend.local_addr().unwrap();
        let next = snapshot(self.publisher.next(), address, keys);
        self.publisher.publish(next);
    }

    /// Waits for a record in the access log that holds `text`.
    async fn logged(&self, text: &str) -> String {
        for _ in 0..100 {
            let log = String::from_utf8(self.log.0.lock().unwrap().clone()).unwrap();
            if let Some(line) = log.lines().find(|line| line.contains(text)) {
                return line.to_owned();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{text} was never logged");
    }
}

/// One end of a connection, byte for byte.
struct Peer<S> {
    stream: S,
    read: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    fn new(stream: S) -> Self {
        Self {
            stream,
            read: Vec::new(),
        }
    }

    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        timeout(LONG, self.stream.write_all(bytes.as_ref()))
            .await
            .unwrap()
            .unwrap();
        self.stream.flush().await.unwrap();
    }

    /// Sends a request head with `KEY` and these further lines.
    async fn ask(&mut self, line: &str, lines: &[&str]) {
        self.ask_with(KEY, line, lines).await;
    }

    /// The same with another key.
    async fn ask_with(&mut self, key: &str, line: &str, lines: &[&str]) {
        let mut head =
            format!("{line} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n");
        for line in lines {
            head.push_str(line);
            head.push_str("\r\n");
        }
        self.send(head + "\r\n").await;
    }

    /// Everything up to and with `end`.
    async fn until(&mut self, end: &str) -> String {
        loop {
            let found = self
                .read
                .windows(end.len())
                .position(|window| window == end.as_bytes());
            if let Some(at) = found {
                let rest = self.read.split_off(at + end.len());
                return String::from_utf8(std::mem::replace(&mut self.read, rest)).unwrap();
            }
            let some = self.more().await;
            assert!(
                some,
                "ended before {end:?}: {:?}",
                String::from_utf8_lossy(&self.read)
            );
        }
    }

    /// The next message's head.
    async fn head(&mut self) -> String {
        self.until("\r\n\r\n").await
    }

    async fn exactly(&mut self, length: usize) -> Vec<u8> {
        while self.read.len() < length {
            assert!(self.more().await, "ended after {:?}", self.read);
        }
        let rest = self.read.split_off(length);
        std::mem::replace(&mut self.read, rest)
    }

    /// Everything until the other side ends, however it does.
    async fn rest(&mut self) -> String {
        while self.more().await {}
        String::from_utf8(std::mem::take(&mut self.read)).unwrap()
    }

    async fn more(&mut self) -> bool {
        self.read.reserve(64 * 1024);
        let read = timeout(LONG, self.stream.read_buf(&mut self.read)).await;
        matches!(read.expect("the other side is silent"), Ok(length) if length > 0)
    }

    /// Answers a request that was read.
    async fn answer(&mut self, status: &str, lines: &[&str], body: &str) {
        let length = body.len();
        let mut head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n");
        for line in lines {
            head.push_str(line);
            head.push_str("\r\n");
        }
        self.send(head + "\r\n" + body).await;
    }
}

fn values<'h>(head: &'h str, name: &str) -> Vec<&'h str> {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    lines
        .filter(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
        .collect()
}
