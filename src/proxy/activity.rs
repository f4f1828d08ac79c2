//! [`Activity`]: what a client's connection is doing, and since when.
//!
//! hyper has one timer for "idle between requests" and "in the middle of a head", allocates it
//! anew for each request, and has none at all for an idle HTTP/2 connection. So the connection's
//! own task keeps time, with one sleep that is set again only when it fires.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::limits::Lapse;
use crate::snapshot::Limits;

/// How long a connection that is to close may take over its one request.
const LAST_CHANCE: Duration = Duration::from_secs(1);

/// The protocol of a connection, as far as timeouts care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// What one client's connection is doing.
#[derive(Debug)]
pub(super) struct Activity {
    /// Requests being answered.
    in_flight: Cell<u32>,
    /// Whether any request has arrived yet.
    served: Cell<bool>,
    /// When the connection opened, or became idle last.
    idle_since: Cell<Instant>,
    /// When the first byte of a head arrived, while no request is in flight.
    head_since: Cell<Option<Instant>>,
    /// When bytes left last, while no request was in flight.
    wrote_at: Cell<Instant>,
    /// Whether the client was told the end, and what remains has times of its own.
    lingers: Cell<bool>,
    /// Set when the connection should come to an end.
    closing: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Activity {
    pub(super) fn new(opened: Instant) -> Rc<Self> {
        Rc::new(Self {
            in_flight: Cell::new(0),
            served: Cell::new(false),
            idle_since: Cell::new(opened),
            head_since: Cell::new(None),
            wrote_at: Cell::new(opened),
            lingers: Cell::new(false),
            closing: Cell::new(false),
            waker: RefCell::new(None),
        })
    }

    /// Bytes arrived.
    pub(super) fn read(&self) {
        if self.in_flight.get() == 0 && self.head_since.get().is_none() {
            self.head_since.set(Some(Instant::now()));
        }
    }

    /// Bytes left.
    pub(super) fn wrote(&self) {
        if self.in_flight.get() == 0 {
            self.wrote_at.set(Instant::now());
        }
    }

    /// The client was told the end; [`lingering`](super::lingering) knows for how long.
    pub(super) fn lingers(&self) {
        self.lingers.set(true);
    }

    /// A request is being answered until the guard is dropped.
    pub(super) fn request(self: &Rc<Self>) -> InFlight {
        self.in_flight.set(self.in_flight.get() + 1);
        self.served.set(true);
        self.head_since.set(None);
        InFlight(Rc::clone(self))
    }

    /// What arrived was no head. A connection that answers nothing is idle from now on.
    pub(super) fn idle(&self) {
        self.head_since.set(None);
        self.idle_since.set(Instant::now());
    }

    /// Asks the connection to finish what it has begun and close.
    pub(super) fn close(&self) {
        self.closing.set(true);
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    /// Whether the connection was asked to close and has had its turn: who has just connected
    /// has a request on its way, and would see an end for an answer.
    pub(super) fn is_closing(&self) -> bool {
        self.closing.get() && self.served.get()
    }

    /// Remembers whom [`Activity::close`] wakes. One task owns a connection, so once is enough.
    pub(super) fn remember(&self, cx: &Context<'_>) {
        self.waker
            .borrow_mut()
            .get_or_insert_with(|| cx.waker().clone());
    }

    /// Lets go of the task that served the connection, which has become a WebSocket of another
    /// task.
    pub(super) fn forget(&self) {
        self.waker.take();
    }

    /// Ready when the connection has been idle, or its head incomplete, for too long.
    pub(super) fn poll_overdue(
        &self,
        cx: &mut Context<'_>,
        lapse: &mut Lapse,
        protocol: Protocol,
        limits: &Limits,
    ) -> Poll<()> {
        if self.in_flight.get() > 0 || self.lingers.get() {
            return Poll::Pending;
        }
        lapse.poll(cx, self.deadline(protocol, limits))
    }

    fn deadline(&self, protocol: Protocol, limits: &Limits) -> Instant {
        let idle_since = self.idle_since.get();
        match (self.head_since.get(), protocol) {
            _ if self.closing.get() => idle_since + LAST_CHANCE,
            (Some(since), Protocol::Http1) => since + limits.header_timeout,
            _ if !self.served.get() => idle_since + limits.header_timeout,
            // A long answer may still have been leaving the buffers. Over HTTP/2 other things
            // leave as well: our pings.
            (_, Protocol::Http1) => idle_since.max(self.wrote_at.get()) + limits.keep_alive,
            (_, Protocol::Http2) => idle_since + limits.keep_alive,
        }
    }
}

/// One request in flight on a connection.
#[derive(Debug)]
pub(super) struct InFlight(Rc<Activity>);

impl Drop for InFlight {
    fn drop(&mut self) {
        let left = self.0.in_flight.get().saturating_sub(1);
        self.0.in_flight.set(left);
        if left == 0 {
            self.0.idle_since.set(Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits {
            header_timeout: Duration::from_secs(10),
            keep_alive: Duration::from_secs(75),
            ..Limits::default()
        }
    }

    #[test]
    fn the_first_head_has_the_header_timeout() {
        let opened = Instant::now();
        let activity = Activity::new(opened);
        let deadline = activity.deadline(Protocol::Http1, &limits());
        assert_eq!(deadline, opened + Duration::from_secs(10));
    }

    #[test]
    fn between_requests_the_keep_alive_time_counts() {
        let activity = Activity::new(Instant::now());
        drop(activity.request());
        let idle = activity.idle_since.get();
        assert_eq!(
            activity.deadline(Protocol::Http1, &limits()),
            idle + Duration::from_secs(75)
        );
    }

    #[test]
    fn a_begun_head_has_the_header_timeout_again() {
        let activity = Activity::new(Instant::now());
        drop(activity.request());
        activity.read();
        let began = activity.head_since.get().unwrap();
        assert_eq!(
            activity.deadline(Protocol::Http1, &limits()),
            began + Duration::from_secs(10)
        );
        let idle = activity.idle_since.get();
        assert_eq!(
            activity.deadline(Protocol::Http2, &limits()),
            idle + Duration::from_secs(75)
        );
    }

    #[test]
    fn what_leaves_after_an_answer_delays_the_end_of_an_idle_connection() {
        let activity = Activity::new(Instant::now());
        drop(activity.request());
        let idle = activity.deadline(Protocol::Http1, &limits());
        let over_http2 = activity.deadline(Protocol::Http2, &limits());
        while activity.wrote_at.get() <= activity.idle_since.get() {
            activity.wrote();
        }
        assert!(activity.deadline(Protocol::Http1, &limits()) > idle);
        assert_eq!(activity.deadline(Protocol::Http2, &limits()), over_http2);
    }

    #[test]
    fn what_leaves_with_an_answer_does_not() {
        let activity = Activity::new(Instant::now());
        let opened = activity.wrote_at.get();
        let request = activity.request();
        activity.wrote();
        assert_eq!(activity.wrote_at.get(), opened);
        drop(request);
    }

    #[test]
    fn what_turned_out_to_be_no_head_begins_none() {
        let activity = Activity::new(Instant::now());
        drop(activity.request());
        activity.read();
        activity.idle();
        assert_eq!(activity.head_since.get(), None);
    }

    #[test]
    fn bytes_of_a_body_do_not_begin_a_head() {
        let activity = Activity::new(Instant::now());
        let request = activity.request();
        activity.read();
        assert_eq!(activity.head_since.get(), None);
        drop(request);
    }
}
