//! One open tunnel or stream, seen from both sides: its owner's and the registry's.

use std::cell::Cell;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::places::Notice;
use super::registry::Registry;
use crate::auth::Ending;
use crate::clock::Timestamp;

/// Why a session of ours has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The credential's time is over: log in again.
    Expired,
    /// The credential is gone, or no longer allows this: stop.
    Revoked,
    /// The process stops: reconnect.
    Draining,
    /// Nothing was said for longer than the idle timeout.
    Idle,
    /// A peer has stopped reading.
    Stalled,
    /// A newer socket of the same user has its place.
    Replaced,
    /// Somebody who may do so has ended it: stop.
    Closed,
}

impl From<Ending> for EndReason {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Expired => Self::Expired,
            Ending::Revoked => Self::Revoked,
        }
    }
}

impl EndReason {
    /// The code of the close frame that says so on a WebSocket.
    #[must_use]
    pub const fn close_code(self) -> u16 {
        match self {
            Self::Expired => 4401,
            Self::Revoked | Self::Closed => 4403,
            Self::Idle | Self::Stalled | Self::Replaced => 4429,
            Self::Draining => 1012,
        }
    }

    /// In a few words, for the close frame and the log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "credential expired",
            Self::Revoked => "credential revoked",
            Self::Draining => "server restarting",
            Self::Idle => "idle for too long",
            Self::Stalled => "reads too slowly",
            Self::Replaced => "replaced by a newer connection",
            Self::Closed => "closed by an operator",
        }
    }
}

/// What a session has carried so far, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// To the client.
    pub sent: u64,
    /// From it.
    pub received: u64,
}

/// The part the owner and the registry share.
pub(super) struct Entry<P> {
    pub(super) proof: P,
    /// The newest generation under which the proof was found good.
    pub(super) judged: Cell<u64>,
    pub(super) deadline: Cell<Option<Timestamp>>,
    /// Whether bytes have moved since the registry last looked.
    pub(super) moved: Cell<bool>,
    /// Whether bytes wait for a peer that does not take them.
    pub(super) blocked: Cell<bool>,
    /// When the registry last saw that bytes had moved.
    pub(super) moved_at: Cell<Timestamp>,
    /// As the owner last said.
    pub(super) traffic: Cell<Traffic>,
    ended: Cell<Option<EndReason>>,
    owner: Cell<Option<Waker>>,
}

impl<P> Entry<P> {
    pub(super) const fn new(
        proof: P,
        deadline: Option<Timestamp>,
        judged: u64,
        now: Timestamp,
    ) -> Self {
        Self {
            proof,
            judged: Cell::new(judged),
            deadline: Cell::new(deadline),
            moved: Cell::new(false),
            blocked: Cell::new(false),
            moved_at: Cell::new(now),
            traffic: Cell::new(Traffic {
                sent: 0,
                received: 0,
            }),
            ended: Cell::new(None),
            owner: Cell::new(None),
        }
    }

    pub(super) fn is_ended(&self) -> bool {
        self.ended.get().is_some()
    }

    /// Tells the owner to end. The first reason stays.
    pub(super) fn end(&self, reason: EndReason) {
        if self.is_ended() {
            return;
        }
        self.ended.set(Some(reason));
        if let Some(owner) = self.owner.take() {
            owner.wake();
        }
    }
}

/// The owner's side of a registered tunnel or stream; dropping it unregisters.
#[must_use = "a session that is dropped is no longer judged"]
pub struct Session<P> {
    pub(super) id: u64,
    pub(super) entry: Rc<Entry<P>>,
    pub(super) registry: Rc<Registry<P>>,
    /// Of a place among the user's sockets.
    pub(super) notice: Option<Notice>,
}

impl<P> Session<P> {
    /// Ready when the session has to end; until then wakes the task that asked last.
    pub fn poll_ended(&self, cx: &Context<'_>) -> Poll<EndReason> {
        let is_replaced = |notice: &Notice| notice.poll(cx).is_ready();
        if self.notice.as_ref().is_some_and(is_replaced) {
            self.entry.end(EndReason::Replaced);
        }
        if let Some(reason) = self.entry.ended.get() {
            return Poll::Ready(reason);
        }
        let owner = self
            .entry
            .owner
            .take()
            .filter(|owner| owner.will_wake(cx.waker()));
        self.entry
            .owner
            .set(Some(owner.unwrap_or_else(|| cx.waker().clone())));
        Poll::Pending
    }

    /// Ends the session, too, when its place is given to another.
    pub fn heed(&mut self, notice: Notice) {
        self.notice = Some(notice);
    }

    /// Notes that bytes have moved.
    pub fn moved(&self) {
        self.entry.moved.set(true);
    }

    /// Notes how much has been carried so far.
    pub fn carried(&self, traffic: Traffic) {
        self.entry.traffic.set(traffic);
    }

    /// Notes that bytes wait for a peer that does not take them.
    pub fn blocked(&self) {
        self.entry.blocked.set(true);
    }

    /// Notes that no bytes wait.
    pub fn unblocked(&self) {
        self.entry.blocked.set(false);
    }
}

impl<P> Drop for Session<P> {
    fn drop(&mut self) {
        self.registry.remove(self.id);
    }
}
