//! [`Outcomes`]: what became of the logins so far.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Fault;

/// Numbers of logins since the start.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    pub(super) succeeded: Outcome,
    pub(super) failed: Outcome,
    pub(super) throttled: Outcome,
    pub(super) busy: Outcome,
    pub(super) unavailable: Outcome,
}

/// How often one came about.
#[derive(Debug, Default)]
pub(super) struct Outcome(AtomicU64);

impl Outcome {
    pub(super) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Outcomes {
    pub(super) fn note<T>(&self, login: &Result<T, Fault>) {
        let outcome = match login {
            Ok(_) => &self.succeeded,
            Err(Fault::TooSoon(_)) => &self.throttled,
            Err(Fault::Busy) => &self.busy,
            Err(Fault::StoreGone | Fault::StoreFull) => &self.unavailable,
            Err(_) => &self.failed,
        };
        outcome.0.fetch_add(1, Ordering::Relaxed);
    }
}
