//! [`Message`]: a request as bytes on their way to the backend.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http::Method;
use http::header::{HeaderMap, HeaderValue};
use http_body::Body as _;
use tokio::io::AsyncWrite;

use crate::auth::AdmittedHead;
use crate::proxy::body::{RequestBody, UploadFault};
use crate::proxy::headers::Framing;

/// What a head usually fits into.
const HEAD_SIZE: usize = 512;

/// Parts of a body up to here are copied behind what goes before them, longer ones are not.
const SMALL: usize = 1024;

/// A request: its head in the form of HTTP/1.1, and its body, which is asked for its next part
/// only when the backend has taken the one before.
#[derive(Debug)]
pub(in crate::proxy) struct Message {
    method: Method,
    /// The head at first, then what stands between the parts of the body.
    text: Vec<u8>,
    data: Bytes,
    /// What ends `data`.
    tail: &'static [u8],
    /// How much of these three has gone out.
    written: usize,
    progress: Progress,
    remaining: Remaining,
    body: RequestBody,
    /// An empty map, for the headers of the answer.
    spare: HeaderMap,
}

/// How far a message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// Nothing has gone out, and nothing of the body was asked for.
    Fresh,
    /// Nothing has gone out, but a part of the body is here.
    Fetched,
    /// The backend may know of it.
    Begun,
}

/// What is still to be fetched from the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Remaining {
    Nothing,
    /// So many bytes.
    Length(u64),
    /// Chunks until it ends (RFC 9112 §7.1).
    Chunks,
}

/// Why a message did not go out whole.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unsent {
    /// The client's body broke off.
    #[error(transparent)]
    Upload(#[from] UploadFault),
    /// The backend takes no more.
    #[error("the backend takes no more")]
    Refused(#[from] io::Error),
}

impl Message {
    /// The request that goes out for this head with these lines of ours, and this body, framed in
    /// one way (RFC 9112 §6). The head says nothing of all that: the gate took out what the client
    /// said.
    pub(in crate::proxy) fn new<'l>(
        head: AdmittedHead,
        lines: impl IntoIterator<Item = (&'l str, &'l HeaderValue)>,
        framing: Framing,
        body: RequestBody,
    ) -> Box<Self> {
        let mut head = head.into_parts();
        let mut text = Vec::with_capacity(HEAD_SIZE);
        let target = head
            .uri
            .path_and_query()
            .map_or("/", |target| target.as_str());
        for part in [head.method.as_str(), " ", target, " HTTP/1.1\r\n"] {
            text.extend_from_slice(part.as_bytes());
        }
        for (name, value) in lines {
            push_line(&mut text, name, value.as_bytes());
        }
        for (name, value) in &head.headers {
            push_line(&mut text, name.as_str(), value.as_bytes());
        }
        let remaining = match framing {
            Framing::None => Remaining::Nothing,
            Framing::Length(length) => {
                let mut digits = itoa::Buffer::new();
                let digits = digits.format(length).as_bytes();
                push_line(&mut text, "content-length", digits);
                Remaining::of_length(length)
            }
            Framing::Chunked => {
                push_line(&mut text, "transfer-encoding", b"chunked");
                Remaining::Chunks
            }
        };
        text.extend_from_slice(b"\r\n");
        head.headers.clear();
        Box::new(Self {
            method: head.method,
            text,
            data: Bytes::new(),
            tail: b"",
            written: 0,
            progress: Progress::Fresh,
            remaining,
            body,
            spare: head.headers,
        })
    }

    /// What is asked for.
    pub(super) fn method(&self) -> &Method {
        &self.method
    }

    /// A map for the headers of the answer: a request leaves its own behind, so that none has to be
    /// allocated.
    pub(super) fn take_spare(&mut self) -> HeaderMap {
        std::mem::take(&mut self.spare)
    }

    /// Whether the backend knows nothing of it.
    pub(super) fn is_untouched(&self) -> bool {
        self.progress != Progress::Begun
    }

    /// Whether all of it has gone out.
    pub(super) fn is_sent(&self) -> bool {
        self.remaining == Remaining::Nothing && self.is_flushed()
    }

    /// The message to be sent once more, from its start, although the backend may have acted on it:
    /// if its method is safe and it has no body (RFC 9110 §9.2.2).
    pub(super) fn repeated(mut self: Box<Self>) -> Option<Box<Self>> {
        let safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(&self.method);
        self.written = 0;
        self.progress = Progress::Fresh;
        (safe && self.body.is_empty()).then_some(self)
    }

    /// Whether the backend has all that the client has sent, and the client is to send more.
    pub(super) fn waits_for_client(&self) -> bool {
        self.remaining != Remaining::Nothing && self.is_flushed()
    }

    /// When the body last moved.
    pub(super) fn progress(&self) -> Option<Instant> {
        self.body.upload()?.progress()
    }

    /// Sends what can be sent. Ready when all of it has gone out, or no more can.
    pub(super) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<Result<(), Unsent>> {
        let mut stream = Pin::new(stream);
        loop {
            let fetched = self.poll_fetch(cx)?;
            if self.is_flushed() {
                ready!(stream.as_mut().poll_flush(cx))?;
                ready!(fetched);
                if self.is_sent() {
                    return Poll::Ready(Ok(()));
                }
                continue;
            }
            let slices = self.slices();
            let written = match slices.each_ref() {
                [text, data, tail] if data.is_empty() && tail.is_empty() => {
                    stream.as_mut().poll_write(cx, text)
                }
                _ => stream.as_mut().poll_write_vectored(cx, &slices),
            };
            match ready!(written)? {
                0 => return Poll::Ready(Err(io::Error::from(io::ErrorKind::WriteZero).into())),
                count => self.written += count,
            }
            self.progress = Progress::Begun;
        }
    }

    /// Fetches the next part of the body, if its time has come: the first goes with the head, any
    /// other when all before it has gone out.
    fn poll_fetch(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Unsent>> {
        let is_due = self.progress == Progress::Fresh || self.is_flushed();
        if self.remaining == Remaining::Nothing || !is_due {
            return Poll::Ready(Ok(()));
        }
        let next = ready!(Pin::new(&mut self.body).poll_frame(cx)).transpose()?;
        if self.is_flushed() {
            self.text.clear();
            self.data = Bytes::new();
            self.tail = b"";
            self.written = 0;
        } else {
            self.progress = Progress::Fetched;
        }
        let data = next.map(|frame| frame.into_data().unwrap_or_default());
        match (self.remaining, data) {
            (Remaining::Length(left), Some(data)) => {
                let left = left.checked_sub(data.len() as u64);
                self.remaining = Remaining::of_length(left.ok_or(UploadFault::Broken)?);
                self.push_data(data, b"");
            }
            (Remaining::Length(_), None) => return Poll::Ready(Err(UploadFault::Broken.into())),
            // A chunk without data would end the body.
            (Remaining::Chunks, Some(data)) if data.is_empty() => {}
            (Remaining::Chunks, Some(data)) => {
                let _ = io::Write::write_fmt(&mut self.text, format_args!("{:x}\r\n", data.len()));
                self.push_data(data, b"\r\n");
            }
            (Remaining::Chunks, None) => {
                self.text.extend_from_slice(b"0\r\n\r\n");
                self.remaining = Remaining::Nothing;
            }
            (Remaining::Nothing, _) => {}
        }
        Poll::Ready(Ok(()))
    }

    fn push_data(&mut self, data: Bytes, tail: &'static [u8]) {
        if data.len() <= SMALL {
            self.text.extend_from_slice(&data);
            self.text.extend_from_slice(tail);
        } else {
            self.data = data;
            self.tail = tail;
        }
    }

    fn is_flushed(&self) -> bool {
        self.written == self.text.len() + self.data.len() + self.tail.len()
    }

    /// What has not gone out, in order.
    fn slices(&self) -> [IoSlice<'_>; 3] {
        let mut skip = self.written;
        [&self.text, &self.data[..], self.tail].map(|part| {
            let rest = part.get(skip..).unwrap_or_default();
            skip = skip.saturating_sub(part.len());
            IoSlice::new(rest)
        })
    }
}

impl Remaining {
    fn of_length(length: u64) -> Self {
        match length {
            0 => Self::Nothing,
            _ => Self::Length(length),
        }
    }
}

fn push_line(text: &mut Vec<u8>, name: &str, value: &[u8]) {
    for part in [name.as_bytes(), b": ", value, b"\r\n"] {
        text.extend_from_slice(part);
    }
}
