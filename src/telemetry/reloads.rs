//! [`ReloadState`]: how the reloads of each unit went, for whoever asks.

use crate::clock::Timestamp;

/// How the reloads of one unit went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReloadState {
    /// How often it was read again and is in use.
    pub succeeded: u64,
    /// How often it could not be used.
    pub failed: u64,
    /// When it succeeded last.
    pub last_success: Option<Timestamp>,
    /// When it failed last, and why; what it says may be shown to operators.
    pub last_failure: Option<(Timestamp, String)>,
    /// Whether the last try failed: the last good state stays.
    pub failing: bool,
}

impl ReloadState {
    pub(super) fn succeed(&mut self, now: Timestamp) {
        self.succeeded += 1;
        self.last_success = Some(now);
        self.failing = false;
    }

    pub(super) fn fail(&mut self, reason: String, now: Timestamp) {
        self.failed += 1;
        self.last_failure = Some((now, reason));
        self.failing = true;
    }
}

/// What is in force, and how the reloads of each unit went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReloadReport {
    /// The generation in force, and since when.
    pub published: Option<(u64, Timestamp)>,
    /// How many changed settings wait for a restart.
    pub settings_awaiting_restart: usize,
    /// Each unit that was reloaded, or could not be, since the start; sorted by name.
    pub units: Vec<(String, ReloadState)>,
}
