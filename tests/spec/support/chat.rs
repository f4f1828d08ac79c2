//! WebSocket clients: tungstenite, for conversations, and bare frames, for bytes.

use std::ops::ControlFlow;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Error, Message},
};

use super::{Raw, Sidecar, key_of, request::Answer, soon, within};
use std::time::Duration;

/// A handshake to be sent.
pub struct Handshake<'s> {
    sidecar: &'s Sidecar,
    target: String,
    headers: Vec<(String, String)>,
}

impl<'s> Handshake<'s> {
    pub(super) fn new(sidecar: &'s Sidecar, target: &str) -> Self {
        Self { sidecar, target: target.to_owned(), headers: Vec::new() }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With the key of that name as `?token=`.
    pub fn key(self, name: &str) -> Self {
        self.token(&key_of(name))
    }

    /// With this credential as `?token=`.
    pub fn token(mut self, credential: &str) -> Self {
        let separator = if self.target.contains('?') { '&' } else { '?' };
        self.target += &format!("{separator}token={credential}");
        self
    }

    /// Its bytes, to be written by a client of the spec's own.
    pub fn bytes(&self) -> String {
        let mut text = format!("GET {} HTTP/1.1\r\n", self.target);
        let usual = [
            ("Host", super::HOST),
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let said =
            |name: &str| self.headers.iter().any(|(header, _)| header.eq_ignore_ascii_case(name));
        for (name, value) in usual.iter().filter(|(name, _)| !said(name)) {
            text += &format!("{name}: {value}\r\n");
        }
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        text + "\r\n"
    }

    /// Sends it and reads the answer, whatever it is.
    pub async fn answer(&self) -> (Answer, Raw) {
        let mut raw = self.sidecar.raw().await;
        raw.write(self.bytes()).await;
        (raw.answer().await, raw)
    }

    /// The status that refuses it.
    pub async fn refused(self) -> u16 {
        let (answer, _) = self.answer().await;
        assert_ne!(answer.status, 101, "not refused: {answer:?}");
        answer.status
    }

    /// Opens it, to talk in bare frames.
    pub async fn frames(self) -> Frames {
        let (answer, raw) = self.answer().await;
        assert_eq!(answer.status, 101, "{answer:?}");
        Frames { raw }
    }

    /// Opens it, by a client that checks everything.
    pub async fn open(self) -> Chat {
        let stream = self.sidecar.connect("http/1.1", super::HOST).await;
        let mut request =
            http::Request::builder().uri(format!("wss://{}{}", super::HOST, self.target));
        let key = tokio_tungstenite::tungstenite::handshake::client::generate_key();
        for (name, value) in [
            ("host", super::HOST),
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", &key),
        ] {
            request = request.header(name, value);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let opening = tokio_tungstenite::client_async(request.body(()).unwrap(), stream);
        let (stream, _) = soon("a WebSocket opens", opening).await.unwrap();
        Chat { stream }
    }
}

/// An open WebSocket.
pub struct Chat {
    stream: WebSocketStream<TlsStream<TcpStream>>,
}

impl Chat {
    pub async fn say(&mut self, text: &str) {
        soon("a message is taken", self.stream.send(Message::text(text))).await.unwrap();
    }

    /// The next text message.
    pub async fn hear(&mut self) -> String {
        loop {
            match soon("a message comes", self.stream.next()).await {
                Some(Ok(Message::Text(text))) => return text.to_string(),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("no message: {other:?}"),
            }
        }
    }

    /// Whether a message comes back.
    pub async fn is_alive(&mut self) -> bool {
        self.say("still there?").await;
        self.hear().await == "still there?"
    }

    /// The close code, once the socket is closed; 1006 when there was none (RFC 6455 §7.4.1).
    pub async fn closed(&mut self) -> u16 {
        soon("the socket is closed", self.close_code()).await
    }

    /// The same within a second, as the contract has it for a revocation.
    pub async fn closed_within_a_second(&mut self) -> u16 {
        within(Duration::from_secs(1), "the socket is closed", self.close_code()).await
    }

    async fn close_code(&mut self) -> u16 {
        loop {
            match code(self.stream.next().await) {
                ControlFlow::Continue(()) => {}
                ControlFlow::Break(code) => return code,
            }
        }
    }

    /// Closes it with a code of the client's own, and waits for the end.
    pub async fn close(mut self) {
        soon("the socket closes", async {
            self.stream.close(None).await.unwrap();
            while let Some(Ok(_)) = self.stream.next().await {}
        })
        .await;
    }
}

fn code(message: Option<Result<Message, Error>>) -> ControlFlow<u16> {
    match message {
        Some(Ok(Message::Close(frame))) => {
            ControlFlow::Break(frame.map_or(1005, |frame| frame.code.into()))
        }
        Some(Ok(_)) => ControlFlow::Continue(()),
        Some(Err(_)) | None => ControlFlow::Break(1006),
    }
}

/// An open WebSocket, as bytes.
pub struct Frames {
    pub raw: Raw,
}

impl Frames {
    /// A frame as a client sends it (RFC 6455 §5.2): the first byte as given, and masked.
    pub fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
        let mut frame = Self::header(first, payload.len(), 0x80);
        frame.extend(MASK);
        frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        frame
    }

    /// A frame as a server sends it.
    pub fn plain(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = Self::header(first, payload.len(), 0);
        frame.extend(payload);
        frame
    }

    fn header(first: u8, length: usize, masked: u8) -> Vec<u8> {
        let mut header = vec![first];
        match length {
            0..126 => header.push(masked | u8::try_from(length).unwrap()),
            126..0x1_0000 => {
                header.push(masked | 0x7e);
                header.extend(u16::try_from(length).unwrap().to_be_bytes());
            }
            _ => {
                header.push(masked | 0x7f);
                header.extend((length as u64).to_be_bytes());
            }
        }
        header
    }

    pub async fn send(&mut self, first: u8, payload: &[u8]) {
        self.raw.write(Self::masked(first, payload)).await;
    }

    /// Asserts that the next bytes are this frame of the server's.
    pub async fn expect(&mut self, first: u8, payload: &[u8]) {
        let expected = Self::plain(first, payload);
        let received = self.raw.bytes(expected.len()).await;
        assert!(received == expected, "not the frame of {} bytes", payload.len());
    }

    /// The code of the close frame that comes next.
    pub async fn close_code(&mut self) -> u16 {
        let header = self.raw.bytes(2).await;
        assert_eq!(header[0], 0x88, "not a close frame: {header:x?}");
        let payload = self.raw.bytes(usize::from(header[1])).await;
        u16::from_be_bytes([payload[0], payload[1]])
    }
}
