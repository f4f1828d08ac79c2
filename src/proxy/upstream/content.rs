//! [`Content`]: where an answer's body ends, and what it holds (RFC 9112 §6, §7).

use bytes::{Buf as _, Bytes};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http_body::{Frame, SizeHint};

use crate::proxy::headers;

/// The longest line before a chunk.
const MAX_CHUNK_LINE: usize = 4 * 1024;

/// The longest trailer section, and its most lines.
const MAX_TRAILERS: usize = 16 * 1024;
const MAX_TRAILER_LINES: usize = 64;

/// What is still to come of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Nothing.
    Ended,
    /// So many bytes.
    Length(u64),
    /// A chunk's size line.
    ChunkSize,
    /// So many bytes of a chunk.
    Chunk(u64),
    /// The line end after a chunk.
    ChunkEnd,
    /// The trailer section.
    Trailers,
    /// Everything until the connection is closed.
    UntilClose,
}

/// What was understood.
#[derive(Debug)]
pub(super) enum Understood {
    /// A part of the body, or its trailers.
    Frame(Frame<Bytes>),
    /// The body has ended.
    End,
    /// More bytes are needed.
    Nothing,
}

/// The body is not framed as it should be, or broke off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer's body is malformed or incomplete")]
pub(in crate::proxy) struct Malformed;

impl Content {
    /// Takes the next part out of what has been read.
    pub(super) fn take(&mut self, inbox: &mut Bytes) -> Result<Understood, Malformed> {
        loop {
            match *self {
                Self::Ended => return Ok(Understood::End),
                Self::Trailers => return self.take_trailers(inbox),
                _ if inbox.is_empty() => return Ok(Understood::Nothing),
                Self::UntilClose => return Ok(data(std::mem::take(inbox))),
                Self::Length(left) => {
                    let part = split(inbox, left);
                    *self = Self::of_length(left - part.len() as u64);
                    return Ok(data(part));
                }
                Self::Chunk(left) => {
                    let part = split(inbox, left);
                    *self = match left - part.len() as u64 {
                        0 => Self::ChunkEnd,
                        left => Self::Chunk(left),
                    };
                    // The end is often here already; what is wrong with it is said by the next call.
                    let _ = self.take_between(inbox);
                    return Ok(data(part));
                }
                Self::ChunkSize | Self::ChunkEnd => {
                    if !self.take_between(inbox)? {
                        return Ok(Understood::Nothing);
                    }
                }
            }
        }
    }

    /// The connection was closed.
    pub(super) fn close(&mut self) -> Result<(), Malformed> {
        match self {
            Self::Ended => Ok(()),
            Self::UntilClose => {
                *self = Self::Ended;
                Ok(())
            }
            _ => Err(Malformed),
        }
    }

    /// What follows is a body of so many bytes.
    pub(super) fn of_length(length: u64) -> Self {
        match length {
            0 => Self::Ended,
            _ => Self::Length(length),
        }
    }

    /// How much is to come, as far as that is known.
    pub(super) fn size_hint(self) -> SizeHint {
        match self {
            Self::Ended => SizeHint::with_exact(0),
            Self::Length(left) => SizeHint::with_exact(left),
            _ => SizeHint::new(),
        }
    }

    /// Takes what stands between one chunk's data and the next, or the end; whether all of it was
    /// there.
    fn take_between(&mut self, inbox: &mut Bytes) -> Result<bool, Malformed> {
        if *self == Self::ChunkEnd {
            match &inbox[..] {
                [b'\r', b'\n', ..] => inbox.advance(2),
                [] | [b'\r'] => return Ok(false),
                _ => return Err(Malformed),
            }
            *self = Self::ChunkSize;
        }
        let Some((size, line)) = chunk_size(inbox)? else {
            return Ok(false);
        };
        inbox.advance(line);
        *self = Self::Chunk(size);
        if size == 0 {
            *self = Self::Trailers;
            if inbox.starts_with(b"\r\n") {
                inbox.advance(2);
                *self = Self::Ended;
            }
        }
        Ok(true)
    }

    fn take_trailers(&mut self, inbox: &mut Bytes) -> Result<Understood, Malformed> {
        let mut lines = [httparse::EMPTY_HEADER; MAX_TRAILER_LINES];
        let (length, lines) = match httparse::parse_headers(inbox, &mut lines) {
            Ok(httparse::Status::Complete(trailers)) => trailers,
            Ok(httparse::Status::Partial) if inbox.len() < MAX_TRAILERS => {
                return Ok(Understood::Nothing);
            }
            _ => return Err(Malformed),
        };
        if has_bare_lf(inbox.get(..length).unwrap_or_default()) {
            return Err(Malformed);
        }
        let mut trailers = HeaderMap::with_capacity(lines.len());
        for line in lines {
            let name = HeaderName::from_bytes(line.name.as_bytes()).map_err(|_| Malformed)?;
            let value = HeaderValue::from_bytes(line.value).map_err(|_| Malformed)?;
            trailers.append(name, value);
        }
        // They would be taken for the head's (RFC 9110 §6.5.1).
        headers::strip_hop_by_hop(&mut trailers);
        trailers.remove(header::CONTENT_LENGTH);
        inbox.advance(length);
        *self = Self::Ended;
        Ok(if trailers.is_empty() {
            Understood::End
        } else {
            Understood::Frame(Frame::trailers(trailers))
        })
    }
}

fn data(bytes: Bytes) -> Understood {
    Understood::Frame(Frame::data(bytes))
}

/// Splits off at most `most` bytes.
fn split(inbox: &mut Bytes, most: u64) -> Bytes {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    inbox.split_to(most.min(inbox.len()))
}

/// Whether a line ends in LF alone, which not everybody takes for its end.
fn has_bare_lf(lines: &[u8]) -> bool {
    let mut ends = lines.split(|byte| *byte == b'\n').rev().skip(1);
    ends.any(|line| line.last() != Some(&b'\r'))
}

/// `chunk-size [ chunk-ext ] CRLF` (RFC 9112 §7.1): the size and the length of the line; `None`
/// when the line is not whole.
fn chunk_size(bytes: &[u8]) -> Result<Option<(u64, usize)>, Malformed> {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
        return if bytes.len() < MAX_CHUNK_LINE {
            Ok(None)
        } else {
            Err(Malformed)
        };
    };
    let line = bytes
        .get(..end)
        .and_then(|line| line.strip_suffix(b"\r"))
        .ok_or(Malformed)?;
    let digits = line
        .iter()
        .take_while(|byte| byte.is_ascii_hexdigit())
        .count();
    let (digits, extension) = line.split_at_checked(digits).ok_or(Malformed)?;
    let blanks = extension
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count();
    let is_extension = match extension.get(blanks..).unwrap_or_default() {
        [] => true,
        [first, rest @ ..] => *first == b';' && !rest.contains(&b'\r'),
    };
    if !is_extension || line.len() > MAX_CHUNK_LINE {
        return Err(Malformed);
    }
    let digits = str::from_utf8(digits).map_err(|_| Malformed)?;
    let size = u64::from_str_radix(digits, 16).map_err(|_| Malformed)?;
    Ok(Some((size, end + 1)))
}
