//! [`Wire`]: what has gone over a link to the backend since its last request began.

use std::cell::{Cell, RefCell};
use std::io::IoSlice;

use http::Request;

use super::body::RequestBody;

/// A longer head is not kept.
const MAX_KEPT: usize = 16 * 1024;

/// A head of more lines doesn't come back.
const MAX_LINES: usize = 256;

/// Whether the backend has said anything, and what it was told.
///
/// The bytes are kept instead of a copy of the request: a copy of its headers would cost every
/// request several allocations, and one in many thousands is sent again.
#[derive(Debug, Default)]
pub(super) struct Wire {
    heard: Cell<bool>,
    keeping: Cell<bool>,
    told: RefCell<Vec<u8>>,
}

impl Wire {
    /// A request begins.
    pub(super) fn begin(&self) {
        self.heard.set(false);
        self.keeping.set(false);
        self.told.borrow_mut().clear();
    }

    /// What the backend is told from here on, until it says something, is to be kept.
    pub(super) fn keep(&self) {
        self.keeping.set(true);
    }

    /// The link carries no more requests.
    pub(super) fn retire(&self) {
        self.begin();
        self.told.take();
    }

    /// The backend said something.
    pub(super) fn hears(&self) {
        self.heard.set(true);
        self.keeping.set(false);
    }

    /// Whether the backend has said anything.
    pub(super) fn has_heard(&self) -> bool {
        self.heard.get()
    }

    /// The backend was told the first `count` bytes of these.
    pub(super) fn tells(&self, slices: &[IoSlice<'_>], mut count: usize) {
        if !self.keeping.get() {
            return;
        }
        let mut told = self.told.borrow_mut();
        for slice in slices {
            let bytes = slice.get(..count).unwrap_or(slice);
            count -= bytes.len();
            // One byte too many marks what is too long to be whole.
            let room = (MAX_KEPT + 1).saturating_sub(told.len());
            told.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        }
    }

    /// The bodiless request that the backend was told last, as it was; `None` when it wasn't told
    /// all of it.
    pub(super) fn request(&self) -> Option<Request<RequestBody>> {
        let told = self.told.borrow();
        let mut lines = [httparse::EMPTY_HEADER; MAX_LINES];
        let mut head = httparse::Request::new(&mut lines);
        match head.parse(&told) {
            Ok(httparse::Status::Complete(end)) if end == told.len() => {}
            _ => return None,
        }
        let request = Request::builder().method(head.method?).uri(head.path?);
        let lines = head.headers.iter();
        lines
            .fold(request, |request, line| {
                request.header(line.name, line.value)
            })
            .body(RequestBody::default())
            .ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(parts: &[&str]) -> Wire {
        let wire = Wire::default();
        wire.keep();
        for part in parts {
            // As a socket does that takes less than it is offered.
            let (head, tail) = part.split_at(part.len() / 2);
            let slices = [IoSlice::new(head.as_bytes()), IoSlice::new(tail.as_bytes())];
            wire.tells(&slices, part.len() - 1);
            wire.tells(&[IoSlice::new(&part.as_bytes()[part.len() - 1..])], 1);
        }
        wire
    }

    #[test]
    fn a_request_comes_back_as_it_was_told() {
        let wire = told(&[
            "GET /a%20b?c HTTP/1.1\r\nhost: x\r\n",
            "a: 1\r\na: 2\r\n\r\n",
        ]);
        let request = wire.request().unwrap();
        assert_eq!(request.method(), "GET");
        assert_eq!(request.uri(), "/a%20b?c");
        let lines = request.headers().iter();
        let lines: Vec<_> = lines
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .collect();
        assert_eq!(lines, [("host", "x"), ("a", "1"), ("a", "2")]);
        assert!(request.body().is_empty());
    }

    #[test]
    fn what_was_not_told_whole_does_not_come_back() {
        assert!(told(&["GET / HTTP/1.1\r\nhost: x\r\n"]).request().is_none());
        let long = "a".repeat(MAX_KEPT);
        let long = format!("GET /{long} HTTP/1.1\r\nhost: x\r\n\r\n");
        assert!(told(&[&long]).request().is_none());
    }

    #[test]
    fn a_new_request_begins_afresh() {
        let wire = told(&["GET / HTTP/1.1\r\n\r\n"]);
        wire.hears();
        wire.begin();
        assert!(!wire.has_heard() && wire.request().is_none());
        wire.keep();
        wire.tells(&[IoSlice::new(b"GET /b HTTP/1.1\r\n\r\n")], 19);
        assert_eq!(wire.request().unwrap().uri(), "/b");
    }

    #[test]
    fn nothing_is_kept_unasked_or_after_an_answer() {
        let bytes = b"GET / HTTP/1.1\r\n\r\n";
        let wire = Wire::default();
        wire.tells(&[IoSlice::new(bytes)], bytes.len());
        assert!(wire.request().is_none());
        wire.keep();
        wire.hears();
        wire.tells(&[IoSlice::new(bytes)], bytes.len());
        assert!(wire.has_heard() && wire.request().is_none());
        wire.retire();
        assert_eq!(wire.told.borrow().capacity(), 0);
    }
}
