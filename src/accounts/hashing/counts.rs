//! [`HashingCounts`]: what the pool is asked for and does.

use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers of jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HashingCounts {
    /// Waiting now, with those whose askers have gone.
    pub queued: u64,
    /// Under way now.
    pub running: u64,
    /// Done since the start.
    pub done: u64,
    /// Never begun since the start, for their askers had gone.
    pub passed_over: u64,
    /// Refused since the start, for the queue was full.
    pub refused: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    queued: AtomicU64,
    running: AtomicU64,
    done: AtomicU64,
    passed_over: AtomicU64,
    refused: AtomicU64,
}

/// A job under way; done when dropped, even by a panic.
pub(super) struct Running<'a>(&'a Counts);

impl Counts {
    pub(super) fn read(&self) -> HashingCounts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        HashingCounts {
            queued: read(&self.queued),
            running: read(&self.running),
            done: read(&self.done),
            passed_over: read(&self.passed_over),
            refused: read(&self.refused),
        }
    }

    pub(super) fn enqueue(&self) {
        self.queued.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn refuse(&self) {
        self.queued.fetch_sub(1, Ordering::Relaxed);
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn turn_away(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn passed_over(&self) {
        self.queued.fetch_sub(1, Ordering::Relaxed);
        self.passed_over.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn begin(&self) -> Running<'_> {
        self.queued.fetch_sub(1, Ordering::Relaxed);
        self.running.fetch_add(1, Ordering::Relaxed);
        Running(self)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
        self.0.done.fetch_add(1, Ordering::Relaxed);
    }
}
