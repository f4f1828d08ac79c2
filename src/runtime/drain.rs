//! The orderly stop: tell everyone, then wait for what is under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

/// The end that starts the drain and waits for it.
#[derive(Debug)]
pub struct Drain(Arc<Shared>);

/// The end that is told; clone it freely.
#[derive(Clone, Debug)]
pub struct Draining(Arc<Shared>);

/// Work that the drain waits for, until dropped.
///
/// Taking and dropping one touches memory that all threads share: take one a worker or a
/// connection, not one a request.
#[derive(Debug)]
pub struct InFlight(#[expect(dead_code, reason = "held to be counted")] watch::Receiver<()>);

#[derive(Debug)]
struct Shared {
    /// For the question that each request asks: one plain load.
    started: AtomicBool,
    /// For those who wait.
    start: watch::Sender<bool>,
    /// Each guard is a receiver, so that this channel is closed while nothing is in flight.
    in_flight: watch::Sender<()>,
}

impl Drain {
    /// Both ends of a drain that has not started.
    #[must_use]
    pub fn new() -> (Self, Draining) {
        let shared = Arc::new(Shared {
            started: AtomicBool::new(false),
            start: watch::Sender::new(false),
            in_flight: watch::Sender::new(()),
        });
        (Self(Arc::clone(&shared)), Draining(shared))
    }

    /// Tells everyone to come to an end; again is the same.
    pub fn start(&self) {
        self.0.started.store(true, Ordering::Release);
        self.0.start.send_replace(true);
    }

    /// Waits until the drain has started and nothing is in flight.
    ///
    /// It has no time limit: wrap it in [`tokio::time::timeout`].
    pub async fn drained(&self) {
        self.0.started().await;
        self.0.in_flight.closed().await;
    }
}

impl Draining {
    /// Whether the drain has started.
    #[must_use]
    pub fn is_started(&self) -> bool {
        self.0.started.load(Ordering::Acquire)
    }

    /// Waits for the drain to start.
    pub async fn started(&self) {
        self.0.started().await;
    }

    /// Makes the drain wait for the caller's work, even when it has started already.
    #[must_use = "the work counts as done when this is dropped"]
    pub fn in_flight(&self) -> InFlight {
        InFlight(self.0.in_flight.subscribe())
    }
}

impl Shared {
    async fn started(&self) {
        // The sender is `self.start`, so it cannot be gone.
        let _ = self.start.subscribe().wait_for(|started| *started).await;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn everyone_hears_of_the_start_early_or_late() {
        let (drain, draining) = Drain::new();
        assert!(!draining.is_started());
        let other = draining.clone();
        let early = tokio::spawn(async move { other.started().await });
        tokio::task::yield_now().await;
        drain.start();
        early.await.unwrap();
        assert!(draining.is_started());
        draining.started().await;
    }

    #[tokio::test]
    async fn a_drain_waits_for_every_guard_also_for_late_ones() {
        let (drain, draining) = Drain::new();
        let early = draining.in_flight();
        drain.start();
        let late = draining.in_flight();
        assert!(drain.drained().now_or_never().is_none());
        drop(early);
        assert!(drain.drained().now_or_never().is_none());
        drop(late);
        assert!(drain.drained().now_or_never().is_some());
    }

    #[tokio::test]
    async fn an_idle_process_is_not_drained_before_it_is_told_to() {
        let (drain, draining) = Drain::new();
        assert!(drain.drained().now_or_never().is_none());
        drain.start();
        drain.drained().await;
        assert!(draining.is_started());
    }
}
