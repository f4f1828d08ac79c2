//! What a backend does with a request it has seen.

use std::sync::Arc;

use tokio::sync::{Mutex, mpsc};

/// The answer to one request, in bytes.
#[derive(Clone)]
pub enum Script {
    /// 200 with `ok`; on a handshake 101 and an echo of every frame, verbatim.
    Usual,
    /// These bytes once the request is whole, and the connection stays.
    Answer(Vec<u8>),
    /// These bytes once the request is whole, then an orderly close.
    AnswerAndClose(Vec<u8>),
    /// These bytes once the request is whole, then a reset.
    AnswerAndReset(Vec<u8>),
    /// These bytes as soon as the head is there, the body unread and the connection left open.
    Early(Vec<u8>),
    /// Nothing, ever.
    Silence,
    /// These bytes as soon as the head is there, then what the test feeds; what the client sends
    /// meanwhile is recorded.
    Feed(Vec<u8>, Feed),
}

impl Script {
    /// The answer to a request that is whole.
    pub fn answer(text: impl AsRef<[u8]>) -> Self {
        Self::Answer(text.as_ref().to_vec())
    }

    /// A chunked event stream under the test's control.
    pub fn events(feed: &Feed) -> Self {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
        Self::Feed(head.into(), feed.clone())
    }

    /// A tunnel under the test's control; the accept value is filled in by the backend.
    pub fn tunnel(feed: &Feed) -> Self {
        Self::Feed(Vec::new(), feed.clone())
    }
}

/// What the test makes the backend do next.
pub enum Step {
    Write(Vec<u8>),
    HalfClose,
    Reset,
}

/// The test's end of an answer under its control.
#[derive(Clone)]
pub struct Feed {
    steps: mpsc::UnboundedSender<Step>,
    pub(super) next: Arc<Mutex<mpsc::UnboundedReceiver<Step>>>,
}

impl Feed {
    pub fn new() -> Self {
        let (steps, next) = mpsc::unbounded_channel();
        Self { steps, next: Arc::new(Mutex::new(next)) }
    }

    fn step(&self, step: Step) {
        assert!(self.steps.send(step).is_ok());
    }

    /// These bytes, as they are.
    pub fn write(&self, bytes: impl AsRef<[u8]>) {
        self.step(Step::Write(bytes.as_ref().to_vec()));
    }

    /// One chunk (RFC 9112 §7.1).
    pub fn chunk(&self, text: &str) {
        self.write(format!("{:x}\r\n{text}\r\n", text.len()));
    }

    /// The last chunk.
    pub fn last_chunk(&self) {
        self.write("0\r\n\r\n");
    }

    /// Nothing follows; what the client sends is still read.
    pub fn half_close(&self) {
        self.step(Step::HalfClose);
    }

    pub fn reset(&self) {
        self.step(Step::Reset);
    }
}
