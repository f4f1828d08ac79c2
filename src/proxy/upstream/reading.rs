//! An answer read from bytes alone: what a [`Link`](super::link::Link) does with them, without the
//! connection.

use bytes::Bytes;
use http::{HeaderMap, Method};

use super::answer_head::{AnswerHead, Reading};
use super::content::{Content, Understood};

/// An answer that was read to its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: HeaderMap,
}

/// What a backend that says these segments and closes has answered; `None` when that is none.
pub(crate) fn read_answer<'s>(
    method: &Method,
    segments: impl IntoIterator<Item = &'s [u8]>,
) -> Option<Answer> {
    let (mut segments, mut inbox) = (segments.into_iter(), Bytes::new());
    let mut reading = Reading::default();
    let mut head = loop {
        match AnswerHead::take(&mut inbox, method, &mut reading).ok()? {
            Some(head) => break head,
            None => append(&mut inbox, segments.next()?),
        }
    };
    let (mut body, mut trailers) = (Vec::new(), HeaderMap::new());
    while head.content != Content::Ended {
        match head.content.take(&mut inbox).ok()? {
            Understood::Frame(frame) => match frame.into_data() {
                Ok(data) => body.extend_from_slice(&data),
                Err(frame) => trailers = frame.into_trailers().ok()?,
            },
            Understood::End => break,
            Understood::Nothing => match segments.next() {
                Some(segment) => append(&mut inbox, segment),
                None => head.content.close().ok()?,
            },
        }
    }
    Some(Answer {
        status: head.response.status().as_u16(),
        headers: std::mem::take(head.response.headers_mut()),
        body,
        trailers,
    })
}

fn append(inbox: &mut Bytes, segment: &[u8]) {
    *inbox = [inbox, segment].concat().into();
}
