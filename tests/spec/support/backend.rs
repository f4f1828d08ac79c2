//! A backend over real sockets that records what reaches it, byte for byte.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::watch,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::{
    Authority, Script,
    exchange::{After, Exchange},
    soon,
    wire::{End, Head, Wire},
};

/// One request as the backend saw it.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// On which of the backend's connections, from 0.
    pub connection: usize,
    pub head: Head,
    pub body: Vec<u8>,
    /// Trailer fields, one a line.
    pub trailers: String,
    /// How its body ended.
    pub end: End,
    /// The bytes that came after an answer of 101, or during an answer under control.
    pub after: Vec<u8>,
    /// Whether the connection was closed by the other side.
    pub gone: bool,
    /// When it came.
    pub began: Option<Instant>,
    /// When the backend closed the connection, or learned that the other side had.
    pub ended: Option<Instant>,
}

impl Seen {
    pub fn method(&self) -> &str {
        self.head.start().split(' ').next().unwrap()
    }

    pub fn target(&self) -> &str {
        self.head.start().split(' ').nth(1).unwrap()
    }

    /// The values of all headers that equal a name once case, `-` and `_` are folded.
    pub fn folded(&self, name: &str) -> Vec<&str> {
        let fold = |name: &str| name.to_ascii_lowercase().replace('-', "_");
        let fields = self.head.fields().filter(|(field, _)| fold(field) == fold(name));
        fields.map(|(_, value)| value).collect()
    }

    /// Everything that was received, as text.
    pub fn everything(&self) -> String {
        let body = String::from_utf8_lossy(&self.body);
        let after = String::from_utf8_lossy(&self.after);
        format!("{}\n{body}\n{}\n{after}", self.head.text, self.trailers)
    }
}

type Play = Box<dyn Fn(&Seen) -> Script + Send + Sync>;

/// A running backend; it stops with the test.
pub struct Backend {
    url: String,
    stage: Arc<Stage>,
}

struct Stage {
    play: Play,
    seen: watch::Sender<Vec<Seen>>,
    connections: AtomicUsize,
}

impl Backend {
    /// Answers 200 `ok`, and echoes on WebSockets.
    pub async fn start() -> Self {
        Self::playing(|_| Script::Usual).await
    }

    /// Always does the same.
    pub async fn always(script: Script) -> Self {
        Self::playing(move |_| script.clone()).await
    }

    /// Does what the request deserves.
    pub async fn playing(play: impl Fn(&Seen) -> Script + Send + Sync + 'static) -> Self {
        Self::listening("127.0.0.1:0".parse().unwrap(), play).await
    }

    /// At an address of the test's choice.
    pub async fn at(address: SocketAddr) -> Self {
        Self::listening(address, |_| Script::Usual).await
    }

    async fn listening(
        address: SocketAddr,
        play: impl Fn(&Seen) -> Script + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        Self::serve(url, Door::Tcp(listener), play)
    }

    /// On a socket file.
    pub fn on_unix(path: &Path) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let url = format!("unix://{}", path.display());
        Self::serve(url, Door::Unix(listener), |_| Script::Usual)
    }

    /// Over TLS, as `localhost`, with a certificate of this authority.
    pub async fn over_tls(authority: &Authority) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let acceptor = TlsAcceptor::from(authority.server_config(&["localhost"]));
        Self::serve(url, Door::Tls(listener, acceptor), |_| Script::Usual)
    }

    fn serve(
        url: String,
        door: Door,
        play: impl Fn(&Seen) -> Script + Send + Sync + 'static,
    ) -> Self {
        let stage = Arc::new(Stage {
            play: Box::new(play),
            seen: watch::Sender::default(),
            connections: AtomicUsize::new(0),
        });
        tokio::spawn(Arc::clone(&stage).open(door));
        Self { url, stage }
    }

    /// For `backend.url`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How many connections it has accepted.
    pub fn connections(&self) -> usize {
        self.stage.connections.load(Ordering::Relaxed)
    }

    /// What it has seen so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.stage.seen.borrow().clone()
    }

    /// The one request it has seen.
    pub fn only(&self) -> Seen {
        let mut seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen.remove(0)
    }

    /// Waits until what it has seen is as said.
    pub async fn until(&self, what: &str, mut is_so: impl FnMut(&[Seen]) -> bool) {
        let mut seen = self.stage.seen.subscribe();
        soon(what, seen.wait_for(|seen| is_so(seen))).await.unwrap();
    }

    /// Waits until the first request's sender has gone.
    pub async fn until_gone(&self) {
        self.until("the connection ends", |seen| seen.first().is_some_and(|seen| seen.gone)).await;
    }
}

impl Stage {
    async fn open(self: Arc<Self>, door: Door) {
        loop {
            let Some(socket) = door.accept().await else {
                continue;
            };
            let connection = self.connections.fetch_add(1, Ordering::Relaxed);
            let stage = Arc::clone(&self);
            tokio::spawn(async move { stage.converse(Wire::new(socket), connection).await });
        }
    }

    async fn converse(&self, mut wire: Wire<Box<dyn Socket>>, connection: usize) {
        while let Some(head) = wire.head().await {
            let began = Some(Instant::now());
            let seen = Seen { connection, head, began, ..Seen::default() };
            let script = (self.play)(&seen);
            let exchange = Exchange::begin(&self.seen, seen, &mut wire);
            if exchange.perform(script).await == After::Leave {
                return;
            }
        }
    }
}

/// Where connections come from.
enum Door {
    Tcp(TcpListener),
    Unix(UnixListener),
    Tls(TcpListener, TlsAcceptor),
}

impl Door {
    /// The next connection; none when its TLS handshake failed.
    async fn accept(&self) -> Option<Box<dyn Socket>> {
        Some(match self {
            Self::Tcp(listener) => Box::new(listener.accept().await.unwrap().0),
            Self::Unix(listener) => Box::new(listener.accept().await.unwrap().0),
            Self::Tls(listener, acceptor) => {
                Box::new(acceptor.accept(listener.accept().await.unwrap().0).await.ok()?)
            }
        })
    }
}

/// A stream that can be torn down rudely.
pub(super) trait Socket: AsyncRead + AsyncWrite + Unpin + Send {
    fn reset_on_close(&self);
}

impl Socket for TcpStream {
    fn reset_on_close(&self) {
        self.set_zero_linger().unwrap();
    }
}

impl Socket for UnixStream {
    fn reset_on_close(&self) {}
}

impl Socket for TlsStream<TcpStream> {
    fn reset_on_close(&self) {
        self.get_ref().0.reset_on_close();
    }
}
