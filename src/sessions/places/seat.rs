//! [`Seat`]: a socket as others may reach it, from any thread.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Instant;

use futures_util::task::AtomicWaker;

/// What the one who has a place, or waits for one, is told by others.
#[derive(Debug)]
pub(super) struct Seat {
    /// A number of the user and the client's network.
    origin: u64,
    granted: AtomicBool,
    replaced: OnceLock<Instant>,
    /// The task that has the place.
    owner: AtomicWaker,
}

impl Seat {
    pub(super) const fn new(origin: u64) -> Self {
        Self {
            origin,
            granted: AtomicBool::new(false),
            replaced: OnceLock::new(),
            owner: AtomicWaker::new(),
        }
    }

    pub(super) const fn origin(&self) -> u64 {
        self.origin
    }

    /// Tells the owner that the place is its own.
    pub(super) fn grant(&self) {
        self.granted.store(true, Ordering::Release);
        self.owner.wake();
    }

    /// Tells the owner to make room.
    pub(super) fn replace(&self, now: Instant) {
        let _ = self.replaced.set(now);
        self.owner.wake();
    }

    pub(super) fn replaced_at(&self) -> Option<Instant> {
        self.replaced.get().copied()
    }

    pub(super) fn poll_granted(&self, cx: &Context<'_>) -> Poll<()> {
        self.poll(cx, || self.granted.load(Ordering::Acquire))
    }

    fn poll(&self, cx: &Context<'_>, is_so: impl Fn() -> bool) -> Poll<()> {
        if is_so() {
            return Poll::Ready(());
        }
        self.owner.register(cx.waker());
        // It may have become so before there was anyone to wake.
        if is_so() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

/// Tells when a socket has to make room for a newer one.
#[derive(Clone, Debug)]
pub struct Notice(Arc<Seat>);

impl Notice {
    pub(super) fn of(seat: &Arc<Seat>) -> Self {
        Self(Arc::clone(seat))
    }

    /// Ready when the socket has to make room; until then wakes the task that asked last.
    pub fn poll(&self, cx: &Context<'_>) -> Poll<()> {
        self.0.poll(cx, || self.0.replaced.get().is_some())
    }
}
