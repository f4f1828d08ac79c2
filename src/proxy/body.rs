//! A request's body on its way to the backend: nothing is held back, and nothing is asked of the
//! client before the backend can take it.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::limits::Lapse;
use super::standing::Standing;
use super::unread::Arrival;

/// Why a request's body ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum UploadFault {
    /// Its framing is broken, or the client went away.
    #[error("the request body is malformed or incomplete")]
    Broken,
    /// The client fell silent.
    #[error("the request body stopped arriving")]
    Stalled,
    /// The client's credential is gone.
    #[error("the request is no longer admitted")]
    Ended,
}

/// What others may know of an upload under way.
#[derive(Debug)]
pub(super) struct Upload {
    received: Cell<u64>,
    progress: Cell<Option<Instant>>,
    over: Cell<bool>,
    can_be_skipped: bool,
}

impl Upload {
    /// Body bytes that have arrived.
    pub(super) fn received(&self) -> u64 {
        self.received.get()
    }

    /// When the backend last took a part of it.
    pub(super) fn progress(&self) -> Option<Instant> {
        self.progress.get()
    }

    /// Whether an answer that needs none of the rest ends the connection.
    pub(super) fn holds_the_connection(&self) -> bool {
        !self.over.get() && !self.can_be_skipped
    }
}

/// A request's body towards the backend, its trailers dropped (a trailer could claim an identity).
#[derive(Debug, Default)]
pub(super) struct RequestBody(Option<Box<Arriving>>);

#[derive(Debug)]
struct Arriving {
    arrival: Arrival,
    upload: Rc<Upload>,
    standing: Option<Standing>,
    gap: Duration,
    silent_since: Option<Instant>,
    lapse: Lapse,
}

impl RequestBody {
    /// The client's body, which may be silent for `gap`, and ends when what it belongs to is no
    /// longer admitted; and the view of it, if it isn't empty.
    pub(super) fn new(
        arrival: Arrival,
        gap: Duration,
        standing: impl FnOnce() -> Option<Standing>,
    ) -> (Self, Option<Rc<Upload>>) {
        if arrival.is_end_stream() {
            return (Self(None), None);
        }
        let upload = Rc::new(Upload {
            received: Cell::new(0),
            progress: Cell::new(None),
            over: Cell::new(false),
            can_be_skipped: arrival.can_be_skipped(),
        });
        let view = Rc::clone(&upload);
        let arriving = Arriving {
            arrival,
            upload,
            standing: standing(),
            gap,
            silent_since: None,
            lapse: Lapse::default(),
        };
        (Self(Some(Box::new(arriving))), Some(view))
    }

    /// Whether there is nothing to send.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// What is known of the upload, if there is one.
    pub(super) fn upload(&self) -> Option<&Upload> {
        self.0.as_ref().map(|arriving| &*arriving.upload)
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = UploadFault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UploadFault>>> {
        match &mut self.0 {
            Some(arriving) => arriving.poll_data(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0
            .as_ref()
            .is_none_or(|arriving| arriving.arrival.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.0
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), |some| some.arrival.size_hint())
    }
}

impl Arriving {
    fn poll_data(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UploadFault>>> {
        loop {
            let Poll::Ready(next) = Pin::new(&mut self.arrival).poll_frame(cx) else {
                return self.poll_silence(cx);
            };
            let now = Instant::now();
            self.silent_since = None;
            self.upload.progress.set(Some(now));
            self.upload.over.set(self.arrival.is_end_stream());
            match next {
                None => return Poll::Ready(None),
                Some(Err(_)) => return Poll::Ready(Some(Err(UploadFault::Broken))),
                Some(Ok(frame)) => {
                    if self.has_ended() {
                        return Poll::Ready(Some(Err(UploadFault::Ended)));
                    }
                    if let Some(data) = frame.data_ref() {
                        let length = data.len() as u64;
                        self.upload
                            .received
                            .set(self.upload.received.get() + length);
                        return Poll::Ready(Some(Ok(frame)));
                    }
                }
            }
        }
    }

    fn has_ended(&self) -> bool {
        let standing = self.standing.as_ref();
        standing.is_some_and(|standing| standing.check().is_err())
    }

    /// The backend wants more and the client has nothing: this is the only time that counts.
    fn poll_silence(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UploadFault>>> {
        let since = *self.silent_since.get_or_insert_with(Instant::now);
        ready!(self.lapse.poll(cx, since + self.gap));
        Poll::Ready(Some(Err(UploadFault::Stalled)))
    }
}
