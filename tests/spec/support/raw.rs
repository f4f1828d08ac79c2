//! A client that sends exactly the bytes it is told to.

use tokio::{io::AsyncWriteExt, net::TcpStream};
use tokio_rustls::client::TlsStream;

use super::{
    request::Answer,
    soon,
    wire::{End, Framing, Head, Wire},
};

/// One TLS connection that speaks HTTP/1.1, or whatever the test writes.
pub struct Raw {
    pub(super) wire: Wire<TlsStream<TcpStream>>,
}

impl Raw {
    pub(super) fn new(stream: TlsStream<TcpStream>) -> Self {
        Self { wire: Wire::new(stream) }
    }

    /// Writes bytes as they are. That the other side has closed shows when reading.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let writing = async {
            let _ = self.wire.stream.write_all(bytes.as_ref()).await;
            let _ = self.wire.stream.flush().await;
        };
        soon("the bytes are taken", writing).await;
    }

    /// Writes bytes as they are, and the other side takes them all: it may have ended, not reset.
    pub async fn write_all(&mut self, bytes: impl AsRef<[u8]>) {
        let writing = self.wire.stream.write_all(bytes.as_ref());
        soon("the bytes are taken", writing).await.expect("all bytes are taken");
    }

    /// The answer to a GET.
    pub async fn answer(&mut self) -> Answer {
        self.answer_to("GET").await
    }

    /// The next answer; 1xx are passed over, as a client does.
    pub async fn answer_to(&mut self, method: &str) -> Answer {
        let head = loop {
            match self.head().await {
                head if status(&head) / 100 == 1 && status(&head) != 101 => {}
                head => break head,
            }
        };
        let framing = match (method, status(&head)) {
            ("HEAD", _) | (_, 101 | 204 | 304) => Framing::Length(0),
            _ => head.framing(Framing::UntilClose),
        };
        let (body, trailers, end) = soon("the answer's body", self.wire.body(framing)).await;
        Answer { status: status(&head), head, body, trailers, end }
    }

    /// The next head, a 1xx too.
    pub async fn head(&mut self) -> Head {
        soon("an answer's head", self.wire.head()).await.expect("closed without an answer")
    }

    /// The next answer, or none when the connection is closed without one.
    pub async fn answer_or_close(&mut self) -> Option<Answer> {
        let head = soon("an answer or the end", self.wire.head()).await?;
        let framing = head.framing(Framing::UntilClose);
        let (body, trailers, end) = soon("the answer's body", self.wire.body(framing)).await;
        Some(Answer { status: status(&head), head, body, trailers, end })
    }

    /// Bytes that come next.
    pub async fn bytes(&mut self, count: usize) -> Vec<u8> {
        soon("so many bytes", self.wire.take(count)).await.expect("closed before so many bytes")
    }

    /// The next chunk of a chunked body.
    pub async fn chunk(&mut self) -> String {
        match soon("a chunk", self.wire.piece(&mut Framing::Chunked)).await {
            super::wire::Piece::Data(data) => String::from_utf8(data).unwrap(),
            piece => panic!("no chunk: {piece:?}"),
        }
    }

    /// The rest of a chunked body.
    pub async fn rest_of_chunks(&mut self) -> (String, End) {
        let (body, _, end) = soon("the body's end", self.wire.body(Framing::Chunked)).await;
        (String::from_utf8(body).unwrap(), end)
    }

    /// Whatever comes until the other side closes.
    pub async fn until_closed(&mut self) -> Vec<u8> {
        soon("the connection is closed", self.wire.rest()).await
    }

    /// Sends what was said and nothing more; the other direction stays open.
    pub async fn half_close(&mut self) {
        let _ = self.wire.stream.get_mut().0.shutdown().await;
    }

    /// Vanishes rudely.
    pub fn reset(self) {
        self.wire.stream.get_ref().0.set_zero_linger().unwrap();
    }
}

fn status(head: &Head) -> u16 {
    let status = head.start().split(' ').nth(1);
    status
        .and_then(|status| status.parse().ok())
        .unwrap_or_else(|| panic!("not an answer: {head:?}"))
}
