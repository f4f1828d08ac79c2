//! The head of an answer: parsed, and what it says of the body and the connection.

use std::mem::MaybeUninit;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode};
use hyper::ext::ReasonPhrase;

use super::content::Content;

/// The longest head, in bytes, and its most lines.
const MAX_HEAD: usize = 64 * 1024;
const MAX_LINES: usize = 256;

/// The longest body: hyper has a meaning of its own for the two numbers above.
const MAX_LENGTH: u64 = u64::MAX - 2;

/// The most interim answers to one request.
const MAX_INTERIM: u32 = 32;

/// A head, and what follows it.
#[derive(Debug)]
pub(super) struct AnswerHead {
    pub(super) response: Response<()>,
    pub(super) content: Content,
    pub(super) after: After,
}

/// What is kept while a head is waited for.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// Interim answers so far.
    interim: u32,
    /// An empty map, for the headers.
    spare: HeaderMap,
}

impl Reading {
    /// The headers will be put into `spare`, an empty map.
    pub(super) fn new(spare: HeaderMap) -> Self {
        Self { interim: 0, spare }
    }

    /// Passes over an interim answer, whose headers are of no use.
    fn pass_over(&mut self, mut headers: HeaderMap) -> Result<(), Garbage> {
        headers.clear();
        self.spare = headers;
        self.interim += 1;
        if self.interim > MAX_INTERIM {
            Err(Garbage)
        } else {
            Ok(())
        }
    }
}

/// What becomes of the connection after the answer (RFC 9112 §9.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// It takes another request.
    Persist,
    /// It closes, or speaks something else.
    Close,
}

/// It is not an answer in HTTP/1, or could be read in two ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer is not valid HTTP")]
pub(super) struct Garbage;

impl AnswerHead {
    /// Takes the answer to a request of this method out of what has been read; `None` when it is
    /// not whole yet. Heads of interim answers (RFC 9110 §15.2) are passed over, but not a `101`.
    pub(super) fn take(
        inbox: &mut Bytes,
        method: &Method,
        reading: &mut Reading,
    ) -> Result<Option<Self>, Garbage> {
        loop {
            let Some((mut response, version)) = take_response(inbox, &mut reading.spare)? else {
                return Ok(None);
            };
            let status = response.status();
            if status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS {
                reading.pass_over(response.into_parts().0.headers)?;
                continue;
            }
            let content = content(&response, version, method)?;
            let after = After::of(&response, version, content);
            if status == StatusCode::NO_CONTENT {
                // It may not be said there (RFC 9110 §8.6).
                response.headers_mut().remove(header::CONTENT_LENGTH);
            }
            return Ok(Some(Self {
                response,
                content,
                after,
            }));
        }
    }
}

impl After {
    fn of(response: &Response<()>, version: Version, content: Content) -> Self {
        let (status, headers) = (response.status(), response.headers());
        let closes = match version {
            Version::Http10 => !has_option(headers, "keep-alive"),
            Version::Http11 => has_option(headers, "close"),
        };
        let length = headers.get(header::CONTENT_LENGTH);
        // Who announces a body where there may be none may send it, too.
        let announces = status == StatusCode::NO_CONTENT
            && (length.is_some_and(|length| length != "0")
                || headers.contains_key(header::TRANSFER_ENCODING));
        let is_unbounded = content == Content::UntilClose;
        if closes || announces || is_unbounded || status == StatusCode::SWITCHING_PROTOCOLS {
            Self::Close
        } else {
            Self::Persist
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    Http10,
    Http11,
}

fn take_response(
    inbox: &mut Bytes,
    spare: &mut HeaderMap,
) -> Result<Option<(Response<()>, Version)>, Garbage> {
    let bytes = inbox.clone();
    let mut lines = [const { MaybeUninit::uninit() }; MAX_LINES];
    let mut head = httparse::Response::new(&mut []);
    let parser = httparse::ParserConfig::default();
    let parsed = parser.parse_response_with_uninit_headers(&mut head, &bytes, &mut lines);
    let length = match parsed {
        Ok(httparse::Status::Complete(length)) if length <= MAX_HEAD => length,
        Ok(httparse::Status::Partial) if bytes.len() < MAX_HEAD => return Ok(None),
        _ => return Err(Garbage),
    };
    let version = match head.version {
        Some(0) => Version::Http10,
        Some(1) => Version::Http11,
        _ => return Err(Garbage),
    };
    let mut response = Response::new(());
    let status = StatusCode::from_u16(head.code.unwrap_or_default()).map_err(|_| Garbage)?;
    *response.status_mut() = status;
    let reason = head.reason.unwrap_or_default();
    if !reason.is_empty() && Some(reason) != status.canonical_reason() {
        let reason = ReasonPhrase::try_from(reason.as_bytes()).map_err(|_| Garbage)?;
        response.extensions_mut().insert(reason);
    }
    *response.headers_mut() = header_map(&bytes, head.headers, std::mem::take(spare))?;
    bytes::Buf::advance(inbox, length);
    Ok(Some((response, version)))
}

/// The lines as a map whose values share what was read.
fn header_map(
    bytes: &Bytes,
    lines: &[httparse::Header<'_>],
    mut headers: HeaderMap,
) -> Result<HeaderMap, Garbage> {
    for line in lines {
        let name = HeaderName::from_bytes(line.name.as_bytes()).map_err(|_| Garbage)?;
        let value = HeaderValue::from_maybe_shared(bytes.slice_ref(line.value));
        headers.append(name, value.map_err(|_| Garbage)?);
    }
    Ok(headers)
}

/// How the body is framed (RFC 9112 §6.3). What could be read in two ways is refused.
fn content(response: &Response<()>, version: Version, method: &Method) -> Result<Content, Garbage> {
    let headers = response.headers();
    let length = content_length(headers)?;
    let chunked = is_chunked(headers)?;
    if chunked && (length.is_some() || version == Version::Http10) {
        return Err(Garbage);
    }
    let status = response.status();
    let is_bodiless = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&status)
        || status.is_informational()
        || method == Method::HEAD;
    Ok(match length {
        _ if is_bodiless => Content::Ended,
        Some(length) => Content::of_length(length),
        None if chunked => Content::ChunkSize,
        None => Content::UntilClose,
    })
}

/// `Content-Length = 1*DIGIT`, said once (RFC 9110 §8.6).
fn content_length(headers: &HeaderMap) -> Result<Option<u64>, Garbage> {
    let mut lines = headers.get_all(header::CONTENT_LENGTH).iter();
    match (lines.next(), lines.next()) {
        (None, _) => Ok(None),
        (Some(only), None) => {
            let digits = only.as_bytes();
            // `parse` alone would take a sign.
            if !digits.iter().all(u8::is_ascii_digit) {
                return Err(Garbage);
            }
            let digits = str::from_utf8(digits).map_err(|_| Garbage)?;
            let length = digits.parse().ok().filter(|length| *length <= MAX_LENGTH);
            length.map(Some).ok_or(Garbage)
        }
        (Some(_), Some(_)) => Err(Garbage),
    }
}

/// Whether there is a transfer coding; `chunked`, alone, is the only one that may be.
fn is_chunked(headers: &HeaderMap) -> Result<bool, Garbage> {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(false),
        (Some(only), None) if only.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(true),
        _ => Err(Garbage),
    }
}

/// Whether a `Connection` line has this option.
fn has_option(headers: &HeaderMap, option: &str) -> bool {
    headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .any(|one| one.trim_ascii().eq_ignore_ascii_case(option.as_bytes()))
}
