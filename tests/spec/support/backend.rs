//! A backend over real sockets that records what reaches it, byte for byte.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::watch,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{
    Authority, Script,
    script::{Feed, Step},
    soon,
    wire::{End, Framing, Head, Piece, Wire},
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
        let fields = self
            .head
            .fields()
            .filter(|(field, _)| fold(field) == fold(name));
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
    accepting: tokio::task::JoinHandle<()>,
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
        let url = format!(
            "https://localhost:{}",
            listener.local_addr().unwrap().port()
        );
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
        let accepting = tokio::spawn(Arc::clone(&stage).open(door));
        Self {
            url,
            stage,
            accepting,
        }
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
        self.until("the connection ends", |seen| {
            seen.first().is_some_and(|seen| seen.gone)
        })
        .await;
    }

    /// Takes no more connections.
    pub fn stop_listening(&self) {
        self.accepting.abort();
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
            let seen = Seen {
                connection,
                head,
                ..Seen::default()
            };
            let script = (self.play)(&seen);
            let mut record = Record {
                stage: self,
                index: 0,
            };
            self.seen.send_modify(|all| {
                record.index = all.len();
                all.push(seen.clone());
            });
            let exchange = Exchange {
                record,
                seen,
                wire: &mut wire,
            };
            if exchange.perform(script).await == After::Leave {
                return;
            }
        }
    }
}

/// Where a request is written down.
#[derive(Clone, Copy)]
struct Record<'s> {
    stage: &'s Stage,
    index: usize,
}

impl Record<'_> {
    fn note(&self, note: impl FnOnce(&mut Seen)) {
        self.stage
            .seen
            .send_modify(|all| note(&mut all[self.index]));
    }
}

#[derive(PartialEq, Eq)]
enum After {
    Stay,
    Leave,
}

struct Exchange<'s> {
    record: Record<'s>,
    seen: Seen,
    wire: &'s mut Wire<Box<dyn Socket>>,
}

impl Exchange<'_> {
    async fn perform(mut self, script: Script) -> After {
        match script {
            Script::Early(bytes) => {
                self.write(&bytes).await;
                self.linger().await
            }
            Script::Feed(head, feed) => {
                let head = if head.is_empty() {
                    self.switching()
                } else {
                    head
                };
                self.write(&head).await;
                self.follow(&feed).await
            }
            script => {
                if self.read_body().await == End::Truncated {
                    self.record.note(|seen| seen.gone = true);
                    return After::Leave;
                }
                self.answer(script).await
            }
        }
    }

    async fn answer(mut self, script: Script) -> After {
        match script {
            Script::Answer(bytes) => {
                self.write(&bytes).await;
                return After::Stay;
            }
            Script::AnswerAndReset(bytes) => {
                self.write(&bytes).await;
                self.wire.stream.reset_on_close();
            }
            Script::AnswerAndClose(bytes) => self.write(&bytes).await,
            Script::Silence => return self.linger().await,
            _ if self.seen.head.is_upgrade() => {
                let head = self.switching();
                self.write(&head).await;
                return self.echo().await;
            }
            _ => {
                self.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                    .await;
                return After::Stay;
            }
        }
        let _ = self.wire.stream.shutdown().await;
        After::Leave
    }

    /// The answer to a handshake that succeeds (RFC 6455 §4.2.2).
    fn switching(&self) -> Vec<u8> {
        let key = self
            .seen
            .head
            .field("sec-websocket-key")
            .unwrap_or_default();
        let accept = derive_accept_key(key.as_bytes());
        let head =
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
        format!("{head}Sec-WebSocket-Accept: {accept}\r\n\r\n").into_bytes()
    }

    async fn write(&mut self, bytes: &[u8]) {
        let _ = self.wire.stream.write_all(bytes).await;
        let _ = self.wire.stream.flush().await;
    }

    async fn read_body(&mut self) -> End {
        let mut framing = self.seen.head.framing(Framing::Length(0));
        let end = loop {
            match self.wire.piece(&mut framing).await {
                Piece::Data(data) => self.record.note(|seen| seen.body.extend(data)),
                Piece::Last(trailers) => {
                    self.record.note(|seen| seen.trailers = trailers);
                    break End::Complete;
                }
                Piece::Broken => break End::Truncated,
            }
        };
        self.record.note(|seen| seen.end = end);
        end
    }

    /// Reads on until the other side leaves.
    async fn linger(self) -> After {
        loop {
            let bytes = self.wire.some().await;
            if bytes.is_empty() {
                self.record.note(|seen| seen.gone = true);
                return After::Leave;
            }
            self.record.note(|seen| seen.after.extend(bytes));
        }
    }

    async fn follow(mut self, feed: &Feed) -> After {
        let mut next = feed.next.lock().await;
        let mut reading = true;
        loop {
            let step = tokio::select! {
                step = next.recv() => step,
                bytes = self.wire.some(), if reading => {
                    reading = !bytes.is_empty();
                    self.record.note(|seen| {
                        seen.gone = bytes.is_empty();
                        seen.after.extend(bytes);
                    });
                    continue;
                }
            };
            match step {
                Some(Step::Write(bytes)) => self.write(&bytes).await,
                Some(Step::HalfClose) => drop(self.wire.stream.shutdown().await),
                Some(Step::Reset) => {
                    self.wire.stream.reset_on_close();
                    return After::Leave;
                }
                Some(Step::Close) | None => {
                    let _ = self.wire.stream.shutdown().await;
                    return After::Leave;
                }
            }
        }
    }

    /// Sends every frame back unmasked, everything else of it as it came (RFC 6455 §5.2).
    async fn echo(mut self) -> After {
        while let Some(frame) = self.frame().await {
            self.write(&frame).await;
            if frame[0] & 0x0f == 0x8 {
                break;
            }
        }
        let _ = self.wire.stream.shutdown().await;
        self.linger().await
    }

    async fn frame(&mut self) -> Option<Vec<u8>> {
        let mut raw = self.wire.take(2).await?;
        let extended = match raw[1] & 0x7f {
            126 => self.wire.take(2).await?,
            127 => self.wire.take(8).await?,
            _ => Vec::new(),
        };
        let length = match extended.is_empty() {
            true => usize::from(raw[1] & 0x7f),
            false => extended
                .iter()
                .fold(0, |length, &byte| length << 8 | usize::from(byte)),
        };
        let mut reply = vec![raw[0], raw[1] & 0x7f];
        reply.extend(&extended);
        let mask = self.wire.take(4).await?;
        let payload = self.wire.take(length).await?;
        reply.extend(
            payload
                .iter()
                .zip(mask.iter().cycle())
                .map(|(byte, mask)| byte ^ mask),
        );
        for part in [extended, mask, payload] {
            raw.extend(part);
        }
        self.record.note(|seen| seen.after.extend(raw));
        Some(reply)
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
            Self::Tcp(listener) => Box::new(listener.accept().await.ok()?.0),
            Self::Unix(listener) => Box::new(listener.accept().await.ok()?.0),
            Self::Tls(listener, acceptor) => Box::new(
                acceptor
                    .accept(listener.accept().await.ok()?.0)
                    .await
                    .ok()?,
            ),
        })
    }
}

/// A stream that can be torn down rudely.
trait Socket: AsyncRead + AsyncWrite + Unpin + Send {
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
