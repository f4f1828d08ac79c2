//! HTTP/1.1 messages (RFC 9112) as they are on the wire, read strictly and kept verbatim.

use std::fmt;

use tokio::io::{AsyncRead, AsyncReadExt};

/// Start line and fields of a message, as received; bytes above 127 as Latin-1.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// Without the empty line that ends it.
    pub text: String,
}

impl Head {
    /// The first line.
    pub fn start(&self) -> &str {
        self.text.lines().next().unwrap_or_default()
    }

    /// The fields in their order, names as they were spelled.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        let fields = self.text.split("\r\n").skip(1);
        fields.filter_map(|line| line.split_once(':').map(|(name, value)| (name, value.trim())))
    }

    /// All values of the fields with this name, in any case.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let fields = self.fields().filter(|(field, _)| field.eq_ignore_ascii_case(name));
        fields.map(|(_, value)| value).collect()
    }

    /// The only value of this name.
    pub fn field(&self, name: &str) -> Option<&str> {
        match self.all(name)[..] {
            [] => None,
            [only] => Some(only),
            _ => panic!("several {name}: {self:?}"),
        }
    }

    /// Whether some field says this word, as one of its comma-separated words.
    fn says(&self, name: &str, word: &str) -> bool {
        let values = self.all(name);
        let mut words = values.iter().flat_map(|value| value.split(','));
        words.any(|said| said.trim().eq_ignore_ascii_case(word))
    }

    /// How the body after it is framed (RFC 9112 §6.3), `otherwise` when nothing is said.
    pub fn framing(&self, otherwise: Framing) -> Framing {
        if self.says("transfer-encoding", "chunked") {
            return Framing::Chunked;
        }
        match self.field("content-length") {
            Some(length) => Framing::Length(length.parse().unwrap()),
            None => otherwise,
        }
    }

    /// Whether it asks for a WebSocket, or agrees to one.
    pub fn is_upgrade(&self) -> bool {
        self.says("upgrade", "websocket")
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{}\n", self.text)
    }
}

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// After so many bytes.
    Length(usize),
    /// With the last chunk.
    Chunked,
    /// With the connection.
    UntilClose,
}

/// A part of a body.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// Some bytes of it: one chunk, or what was there.
    Data(Vec<u8>),
    /// Its end, with the trailer fields.
    Last(String),
    /// The connection ended before the body did.
    Broken,
}

/// How a message came to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// It is still coming.
    #[default]
    Open,
    /// As its framing says.
    Complete,
    /// Cut off.
    Truncated,
}

/// Reads messages from a stream.
pub struct Wire<S> {
    pub stream: S,
    buffer: Vec<u8>,
}

impl<S: AsyncRead + Unpin> Wire<S> {
    pub fn new(stream: S) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    /// Takes in more bytes; false at the end of the stream, orderly or not.
    async fn fill(&mut self) -> bool {
        // Without room of its own, every read would be a few bytes.
        self.buffer.reserve(64 << 10);
        matches!(self.stream.read_buf(&mut self.buffer).await, Ok(1..))
    }

    /// The next message's head; none when the stream ended first.
    pub async fn head(&mut self) -> Option<Head> {
        loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                let text = latin1(&self.buffer[..at]);
                self.buffer.drain(..at + 4);
                return Some(Head { text });
            }
            if !self.fill().await {
                return None;
            }
        }
    }

    /// Exactly so many bytes; none when the stream ended first.
    pub async fn take(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < count {
            if !self.fill().await {
                return None;
            }
        }
        let rest = self.buffer.split_off(count);
        Some(std::mem::replace(&mut self.buffer, rest))
    }

    /// Whatever is there or comes next; nothing at the end of the stream.
    pub async fn some(&mut self) -> Vec<u8> {
        if self.buffer.is_empty() {
            self.fill().await;
        }
        std::mem::take(&mut self.buffer)
    }

    /// All there is until the stream ends.
    pub async fn rest(&mut self) -> Vec<u8> {
        while self.fill().await {}
        std::mem::take(&mut self.buffer)
    }

    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(at) = find(&self.buffer, b"\r\n") {
                let line = latin1(&self.buffer[..at]);
                self.buffer.drain(..at + 2);
                return Some(line);
            }
            if !self.fill().await {
                return None;
            }
        }
    }

    /// The next part of a body; `framing` remembers how much is still to come.
    pub async fn piece(&mut self, framing: &mut Framing) -> Piece {
        match framing {
            Framing::Length(0) => Piece::Last(String::new()),
            Framing::Length(left) => {
                let mut data = self.some().await;
                let more = data.split_off(data.len().min(*left));
                self.buffer = more;
                *left -= data.len();
                if data.is_empty() { Piece::Broken } else { Piece::Data(data) }
            }
            Framing::UntilClose => match self.some().await {
                data if data.is_empty() => Piece::Last(String::new()),
                data => Piece::Data(data),
            },
            Framing::Chunked => self.chunk().await.unwrap_or(Piece::Broken),
        }
    }

    async fn chunk(&mut self) -> Option<Piece> {
        let size = self.line().await?;
        let size = usize::from_str_radix(size.split(';').next()?, 16).ok()?;
        if size == 0 {
            return self.trailers().await.map(Piece::Last);
        }
        let mut data = self.take(size + 2).await?;
        (data.split_off(size) == b"\r\n").then_some(Piece::Data(data))
    }

    async fn trailers(&mut self) -> Option<String> {
        let mut trailers = String::new();
        loop {
            match self.line().await? {
                line if line.is_empty() => return Some(trailers),
                line => trailers += &format!("{line}\n"),
            }
        }
    }

    /// A whole body, and how it ended.
    pub async fn body(&mut self, mut framing: Framing) -> (Vec<u8>, String, End) {
        let mut body = Vec::new();
        loop {
            match self.piece(&mut framing).await {
                Piece::Data(data) => body.extend(data),
                Piece::Last(trailers) => return (body, trailers, End::Complete),
                Piece::Broken => return (body, String::new(), End::Truncated),
            }
        }
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}

#[tokio::test]
async fn a_chunked_message_is_read_to_its_trailers() {
    let mut wire =
        Wire::new(&b"HTTP/1.1 200 OK\r\nX-A: 1\r\n\r\n3;e=1\r\nabc\r\n0\r\nt: 2\r\n\r\nrest"[..]);
    let head = wire.head().await.unwrap();
    assert_eq!(head.field("x-a"), Some("1"));
    let (body, trailers, end) = wire.body(Framing::Chunked).await;
    assert_eq!((&body[..], &trailers[..], end), (&b"abc"[..], "t: 2\n", End::Complete));
    assert_eq!(wire.rest().await, b"rest");
}

#[tokio::test]
async fn a_cut_body_is_told_from_a_whole_one() {
    let (body, _, end) = Wire::new(&b"abc"[..]).body(Framing::Length(4)).await;
    assert_eq!((&body[..], end), (&b"abc"[..], End::Truncated));
    let (_, _, end) = Wire::new(&b"3\r\nabc\r\n"[..]).body(Framing::Chunked).await;
    assert_eq!(end, End::Truncated);
}
