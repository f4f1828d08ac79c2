//! What is counted, and by whom.
//!
//! A worker counts in cells that only it writes ([`WorkerMetrics`]); the control plane, which is
//! never in a hurry, behind a lock ([`Metrics`]). [`Metrics::render`] sums and prints them. The
//! names and their meaning for the operator stand in `docs/operations.md`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use super::cells::{ByName, Counter, Histogram};
use super::logins::{LoginCounts, LoginSource};
use super::reloads::{ReloadReport, ReloadState};
use super::writer::LogSink;
use crate::clock::Timestamp;

/// All metrics of the process.
#[derive(Debug)]
pub struct Metrics {
    pub(super) workers: Vec<Arc<WorkerMetrics>>,
    pub(super) log: OnceLock<LogSink>,
    pub(super) logins: OnceLock<LoginSource>,
    control: Mutex<ControlMetrics>,
}

/// What the control plane counts.
#[derive(Debug, Default)]
pub(super) struct ControlMetrics {
    pub(super) reloads: BTreeMap<String, ReloadState>,
    pub(super) settings_awaiting_restart: usize,
    pub(super) published: Option<(u64, Timestamp)>,
    pub(super) certificates: BTreeMap<String, Timestamp>,
    /// Nothing where there is no store.
    pub(super) store: Option<StoreState>,
}

/// How it stands with the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreState {
    /// It cannot be read.
    Down,
    /// It could be, the last time it was asked.
    Up,
}

impl Metrics {
    /// Nothing counted yet, for this many workers.
    #[must_use]
    pub fn new(workers: usize) -> Self {
        Self {
            workers: (0..workers).map(|_| Arc::default()).collect(),
            log: OnceLock::new(),
            logins: OnceLock::new(),
            control: Mutex::default(),
        }
    }

    /// The cells of one worker, for its thread alone.
    ///
    /// An index beyond those announced to [`Metrics::new`] gets cells that nobody renders.
    #[must_use]
    pub fn worker(&self, index: usize) -> Arc<WorkerMetrics> {
        self.workers.get(index).cloned().unwrap_or_default()
    }

    /// Reports the lines that this sink drops; the first sink counts.
    pub fn watch_log(&self, sink: LogSink) {
        let _ = self.log.set(sink);
    }

    /// Reports what this says of logins; the first one counts.
    pub fn watch_logins(&self, counts: impl Fn() -> LoginCounts + Send + Sync + 'static) {
        let _ = self.logins.set(LoginSource(Box::new(counts)));
    }

    /// A unit (the configuration, a certificate, a key file) was read again and is in use.
    pub fn reload_succeeded(&self, unit: &str, now: Timestamp) {
        self.reload(unit, |state| state.succeed(now));
    }

    /// A unit could not be used, for a reason in words; its last good state stays.
    pub fn reload_failed(&self, unit: &str, reason: String, now: Timestamp) {
        self.reload(unit, |state| state.fail(reason, now));
    }

    /// What is in force, and how the reloads went.
    #[must_use]
    pub fn reloads(&self) -> ReloadReport {
        let control = self.control();
        let units = control.reloads.iter();
        ReloadReport {
            published: control.published,
            settings_awaiting_restart: control.settings_awaiting_restart,
            units: units
                .map(|(unit, state)| (unit.clone(), state.clone()))
                .collect(),
        }
    }

    /// A unit is no longer referred to, so that nothing is to be said of it.
    pub fn reload_forgotten(&self, unit: &str) {
        self.control().reloads.remove(unit);
    }

    /// How many changed settings wait for a restart; zero when the file is as it runs.
    pub fn restart_required(&self, settings: usize) {
        self.control().settings_awaiting_restart = settings;
    }

    /// A snapshot of this generation went live.
    pub fn published(&self, generation: u64, now: Timestamp) {
        self.control().published = Some((generation, now));
    }

    /// The certificates in use, each under a name the operator knows, and when they expire.
    pub fn certificates(&self, expiries: impl IntoIterator<Item = (String, Timestamp)>) {
        self.control().certificates = expiries.into_iter().collect();
    }

    /// The store was asked, and this was seen.
    pub fn store(&self, state: StoreState) {
        self.control().store = Some(state);
    }

    /// Everything as Prometheus text, version 0.0.4.
    #[must_use]
    pub fn render(&self) -> String {
        super::render::render(self)
    }

    pub(super) fn control(&self) -> MutexGuard<'_, ControlMetrics> {
        // Whoever panicked left numbers, and any numbers are fit to be shown.
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reload(&self, unit: &str, note: impl FnOnce(&mut ReloadState)) {
        note(self.control().reloads.entry(unit.to_owned()).or_default());
    }
}

/// What one worker counts.
///
/// Only the worker's own thread may call its methods: another one's counts could be lost, since
/// an increment is a load and a store (any thread may read). The alignment keeps each worker's
/// cells off the others' cache lines, prefetched neighbours included.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct WorkerMetrics {
    pub(super) statuses: Statuses,
    pub(super) durations: Histogram,
    pub(super) first_bytes: Histogram,
    pub(super) denials: ByName<48>,
    pub(super) throttled: ByName<4>,
    pub(super) upstream_failures: ByName<16>,
    pub(super) upstream_opened: Counter,
    pub(super) upstream_reused: Counter,
    pub(super) connections_opened: Counter,
    pub(super) connections_closed: Counter,
    pub(super) connections_refused: ByName<8>,
    pub(super) handshake_failures: ByName<16>,
    pub(super) tunnels_opened: Counter,
    pub(super) tunnels_closed: Closes,
    pub(super) accept_failures: Counter,
    pub(super) panics: Counter,
}

impl WorkerMetrics {
    /// A request was answered, by the backend or by us; a WebSocket counts with its 101, once.
    pub fn request(&self, status: u16, duration: Duration) {
        self.statuses.increment(status);
        self.durations.observe(duration);
    }

    /// A request was refused by us, for this reason.
    pub fn denied(&self, reason: &'static str) {
        self.denials.increment(reason);
    }

    /// A request came too soon after others, by this limit.
    pub fn throttled(&self, limit: &'static str) {
        self.throttled.increment(limit);
    }

    /// The head of a backend's response came, this long after the request was sent.
    pub fn upstream_responded(&self, after: Duration) {
        self.first_bytes.observe(after);
    }

    /// The backend refused, broke or was too slow.
    pub fn upstream_failed(&self, kind: &'static str) {
        self.upstream_failures.increment(kind);
    }

    /// A new connection to the backend was made.
    pub fn upstream_connection_opened(&self) {
        self.upstream_opened.increment();
    }

    /// A request went out on a connection that was there already.
    pub fn upstream_connection_reused(&self) {
        self.upstream_reused.increment();
    }

    /// A client's connection was accepted.
    pub fn connection_opened(&self) {
        self.connections_opened.increment();
    }

    /// It ended.
    pub fn connection_closed(&self) {
        self.connections_closed.increment();
    }

    /// A client's connection was turned away: a limit, an address that failed too often.
    pub fn connection_refused(&self, reason: &'static str) {
        self.connections_refused.increment(reason);
    }

    /// A TLS handshake failed or took too long.
    pub fn tls_handshake_failed(&self, kind: &'static str) {
        self.handshake_failures.increment(kind);
    }

    /// A WebSocket was opened.
    pub fn tunnel_opened(&self) {
        self.tunnels_opened.increment();
    }

    /// A WebSocket ended with this close code; 1006 when there was none (RFC 6455 §7.4.1).
    pub fn tunnel_closed(&self, code: u16) {
        self.tunnels_closed.increment(code);
    }

    /// The system would not accept a connection: out of file descriptors, mostly.
    pub fn accept_failed(&self) {
        self.accept_failures.increment();
    }

    /// A request ended in a bug of ours.
    pub fn panicked(&self) {
        self.panics.increment();
    }
}

/// Lowest and highest status with a cell of its own (RFC 9110 §15).
const STATUS_MIN: u16 = 100;
const STATUS_MAX: u16 = 599;

/// A count for each status code; a backend may send any.
#[derive(Debug)]
pub(super) struct Statuses {
    cells: [Counter; (STATUS_MAX - STATUS_MIN + 1) as usize],
    other: Counter,
}

impl Statuses {
    fn increment(&self, status: u16) {
        let index = status.checked_sub(STATUS_MIN).map(usize::from);
        index
            .and_then(|index| self.cells.get(index))
            .unwrap_or(&self.other)
            .increment();
    }

    /// Every status seen, `None` for those out of range, and how often.
    pub(super) fn values(&self) -> impl Iterator<Item = (Option<u16>, u64)> {
        let known = (STATUS_MIN..).map(Some).zip(&self.cells);
        let all = known.chain([(None, &self.other)]);
        all.map(|(status, count)| (status, count.value()))
            .filter(|(_, count)| *count > 0)
    }
}

impl Default for Statuses {
    fn default() -> Self {
        Self {
            cells: std::array::from_fn(|_| Counter::default()),
            other: Counter::default(),
        }
    }
}

/// The close codes that say something about us, or are usual (RFC 6455 §7.4.1).
pub(super) const CLOSE_CODES: [u16; 11] = [
    1000, 1001, 1005, 1006, 1009, 1011, 1012, 4401, 4403, 4408, 4429,
];

/// A count for each of them, and one for the rest.
#[derive(Debug, Default)]
pub(super) struct Closes {
    known: [Counter; CLOSE_CODES.len()],
    other: Counter,
}

impl Closes {
    fn increment(&self, code: u16) {
        let mut cells = CLOSE_CODES.iter().zip(&self.known);
        let found = cells
            .find(|(known, _)| **known == code)
            .map(|(_, cell)| cell);
        found.unwrap_or(&self.other).increment();
    }

    /// Every code, `None` for the rest, and how often.
    pub(super) fn values(&self) -> impl Iterator<Item = (Option<u16>, u64)> {
        let known = CLOSE_CODES.iter().copied().map(Some).zip(&self.known);
        known
            .chain([(None, &self.other)])
            .map(|(code, cell)| (code, cell.value()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_out_of_range_has_no_series_of_its_own() {
        let worker = WorkerMetrics::default();
        for status in [99, 100, 599, 600, u16::MAX] {
            worker.request(status, Duration::ZERO);
        }
        let seen: Vec<_> = worker.statuses.values().collect();
        assert_eq!(seen, [(Some(100), 1), (Some(599), 1), (None, 3)]);
    }

    #[test]
    fn close_codes_of_applications_share_one_series() {
        let closes = Closes::default();
        for code in [4401, 4999, 3000] {
            closes.increment(code);
        }
        let seen: Vec<_> = closes.values().filter(|(_, count)| *count > 0).collect();
        assert_eq!(seen, [(Some(4401), 1), (None, 2)]);
    }

    #[test]
    fn workers_do_not_share_a_cache_line() {
        assert_eq!(align_of::<WorkerMetrics>(), 128);
    }
}
