//! The metrics as a page.

use super::cells::{BOUNDS, ByName, Counter, Histogram, OVERFLOW};
use super::exposition::Exposition;
use super::metrics::{CLOSE_CODES, Metrics, StoreState, WorkerMetrics};
use super::{logins, process};
use crate::clock::Timestamp;

/// Prints the whole page: traffic, backend, control plane, process.
pub(super) fn render(metrics: &Metrics) -> String {
    let mut page = Exposition::default();
    requests(&mut page, metrics);
    connections(&mut page, metrics);
    tunnels(&mut page, metrics);
    upstream(&mut page, metrics);
    control(&mut page, metrics);
    if let Some(source) = metrics.logins.get() {
        logins::render(&mut page, source.0());
    }
    process::render(&mut page);
    page.finish()
}

fn requests(page: &mut Exposition, metrics: &Metrics) {
    let name = "doorward_requests_total";
    page.family(name, "counter", "Requests answered, by status.");
    let statuses = |worker: &'_ WorkerMetrics| worker.statuses.values().collect();
    for (status, count) in merged(metrics, statuses) {
        page.sample(name, &[("status", &number_or_other(status))], count);
    }
    let name = "doorward_request_duration_seconds";
    let help = "Time from a request's head to the end of its response.";
    histogram(page, metrics, name, help, |worker| &worker.durations);
    let name = "doorward_requests_denied_total";
    let help = "Requests refused by doorward itself, by reason.";
    by_name(page, metrics, (name, help, "reason"), |worker| {
        &worker.denials
    });
    let name = "doorward_requests_throttled_total";
    let help = "Requests answered with 429, by the limit that was reached.";
    by_name(page, metrics, (name, help, "limit"), |worker| {
        &worker.throttled
    });
    let name = "doorward_request_panics_total";
    let help = "Requests that ended in a bug of doorward.";
    page.single(name, "counter", help, sum(metrics, |worker| &worker.panics));
}

fn connections(page: &mut Exposition, metrics: &Metrics) {
    let name = "doorward_connections_total";
    let help = "Connections accepted from clients.";
    page.single(
        name,
        "counter",
        help,
        sum(metrics, |worker| &worker.connections_opened),
    );
    let help = "Connections of clients that are open, by worker.";
    let open = |w: &'_ WorkerMetrics| (w.connections_opened.value(), w.connections_closed.value());
    open_by_worker(page, metrics, ("doorward_connections_open", help), open);
    let name = "doorward_connections_refused_total";
    let help = "Connections closed at once because of a limit, by reason.";
    by_name(page, metrics, (name, help, "reason"), |worker| {
        &worker.connections_refused
    });
    let name = "doorward_tls_handshakes_failed_total";
    let help = "TLS handshakes that failed, by kind.";
    by_name(page, metrics, (name, help, "kind"), |worker| {
        &worker.handshake_failures
    });
    let name = "doorward_accept_failures_total";
    let help = "Connections that the system would not hand over, such as for want of descriptors.";
    page.single(
        name,
        "counter",
        help,
        sum(metrics, |worker| &worker.accept_failures),
    );
}

fn tunnels(page: &mut Exposition, metrics: &Metrics) {
    let name = "doorward_websockets_total";
    page.single(
        name,
        "counter",
        "WebSockets opened.",
        sum(metrics, |w| &w.tunnels_opened),
    );
    let help = "WebSockets that are open, by worker.";
    let closed = |w: &'_ WorkerMetrics| w.tunnels_closed.values().map(|(_, count)| count).sum();
    let open = |w: &'_ WorkerMetrics| (w.tunnels_opened.value(), closed(w));
    open_by_worker(page, metrics, ("doorward_websockets_open", help), open);
    let name = "doorward_websockets_closed_total";
    page.family(
        name,
        "counter",
        "WebSockets ended, by close code; 1006 is none.",
    );
    let codes = |worker: &'_ WorkerMetrics| worker.tunnels_closed.values().collect();
    let mut counts = merged(metrics, codes);
    for code in CLOSE_CODES {
        add(&mut counts, Some(code), 0); // a page without workers has the same series
    }
    for (code, count) in counts {
        page.sample(name, &[("code", &number_or_other(code))], count);
    }
}

fn upstream(page: &mut Exposition, metrics: &Metrics) {
    let name = "doorward_upstream_response_head_seconds";
    let help = "Time from a request sent to the backend to the head of its response.";
    histogram(page, metrics, name, help, |worker| &worker.first_bytes);
    let name = "doorward_upstream_failures_total";
    let help = "Requests that the backend did not answer, by kind.";
    by_name(page, metrics, (name, help, "kind"), |worker| {
        &worker.upstream_failures
    });
    let name = "doorward_upstream_connections_opened_total";
    let help = "Connections made to the backend.";
    page.single(
        name,
        "counter",
        help,
        sum(metrics, |worker| &worker.upstream_opened),
    );
    let name = "doorward_upstream_connections_reused_total";
    let help = "Requests sent on a connection to the backend that was open already.";
    page.single(
        name,
        "counter",
        help,
        sum(metrics, |worker| &worker.upstream_reused),
    );
}

fn control(page: &mut Exposition, metrics: &Metrics) {
    let control = metrics.control();
    let name = "doorward_reloads_total";
    page.family(name, "counter", "Reloads by unit and result.");
    for (unit, reloads) in &control.reloads {
        page.sample(
            name,
            &[("unit", unit), ("result", "succeeded")],
            reloads.succeeded,
        );
        page.sample(
            name,
            &[("unit", unit), ("result", "failed")],
            reloads.failed,
        );
    }
    let name = "doorward_reload_failing";
    page.family(
        name,
        "gauge",
        "1 while the newest state of a unit is unusable and its last good one in use.",
    );
    for (unit, reloads) in &control.reloads {
        page.sample(name, &[("unit", unit)], u8::from(reloads.failing));
    }
    if let Some(store) = control.store {
        let name = "doorward_store_up";
        let help = "Whether the store could be read the last time it was asked.";
        page.single(name, "gauge", help, u8::from(store == StoreState::Up));
    }
    let name = "doorward_restart_required";
    let help = "Changed settings that only a restart brings into force.";
    page.single(name, "gauge", help, control.settings_awaiting_restart);
    if let Some((generation, at)) = control.published {
        let name = "doorward_snapshot_generation";
        page.single(
            name,
            "gauge",
            "Number of the snapshot in force.",
            generation,
        );
        let name = "doorward_snapshot_published_timestamp_seconds";
        page.single(name, "gauge", "When it came into force.", seconds(at));
    }
    let name = "doorward_certificate_expiry_timestamp_seconds";
    page.family(name, "gauge", "When a certificate in use expires.");
    for (certificate, expiry) in &control.certificates {
        page.sample(name, &[("certificate", certificate)], seconds(*expiry));
    }
    if let Some(sink) = metrics.log.get() {
        let name = "doorward_log_lines_dropped_total";
        let help = "Log lines lost because nobody read them fast enough.";
        page.single(name, "counter", help, sink.dropped());
    }
    let name = "doorward_build_info";
    page.family(name, "gauge", "1, with the version as a label.");
    page.sample(name, &[("version", env!("CARGO_PKG_VERSION"))], 1);
}

fn sum(metrics: &Metrics, counter: impl Fn(&WorkerMetrics) -> &Counter) -> u64 {
    metrics
        .workers
        .iter()
        .map(|worker| counter(worker).value())
        .sum()
}

fn by_name<const SLOTS: usize>(
    page: &mut Exposition,
    metrics: &Metrics,
    (name, help, label): (&str, &str, &str),
    counts: impl Fn(&WorkerMetrics) -> &ByName<SLOTS>,
) {
    page.family(name, "counter", help);
    for (value, count) in merged(metrics, |worker| counts(worker).values().collect()) {
        page.sample(name, &[(label, value)], count);
    }
}

fn open_by_worker(
    page: &mut Exposition,
    metrics: &Metrics,
    (name, help): (&str, &str),
    opened_and_closed: impl Fn(&WorkerMetrics) -> (u64, u64),
) {
    page.family(name, "gauge", help);
    for (index, worker) in metrics.workers.iter().enumerate() {
        let (opened, closed) = opened_and_closed(worker);
        // The worker counts on while this reads: never below zero.
        page.sample(
            name,
            &[("worker", &index.to_string())],
            opened.saturating_sub(closed),
        );
    }
}

fn histogram(
    page: &mut Exposition,
    metrics: &Metrics,
    name: &str,
    help: &str,
    of: impl Fn(&WorkerMetrics) -> &Histogram,
) {
    page.family(name, "histogram", help);
    let histograms = || metrics.workers.iter().map(|worker| of(worker));
    let mut sums = [0; BOUNDS.len()];
    for histogram in histograms() {
        for (sum, count) in sums.iter_mut().zip(histogram.cumulative()) {
            *sum += count;
        }
    }
    // A worker counts on while this reads: the last bucket must still be the largest.
    let counted: u64 = histograms().map(Histogram::count).sum();
    let total = sums.iter().copied().fold(counted, u64::max);
    let bucket = format!("{name}_bucket");
    for (bound, count) in BOUNDS.iter().zip(sums) {
        page.sample(&bucket, &[("le", &decimal_seconds(*bound))], count);
    }
    page.sample(&bucket, &[("le", "+Inf")], total);
    let sum = histograms().map(Histogram::sum_micros).sum();
    page.sample(&format!("{name}_sum"), &[], decimal_seconds(sum));
    page.sample(&format!("{name}_count"), &[], total);
}

/// The workers' counts of each label, added up, in the order of their first appearance.
fn merged<'m, L: PartialEq>(
    metrics: &'m Metrics,
    counts: impl Fn(&'m WorkerMetrics) -> Vec<(L, u64)>,
) -> Vec<(L, u64)> {
    let mut sums = Vec::new();
    for (label, count) in metrics.workers.iter().flat_map(|worker| counts(worker)) {
        add(&mut sums, label, count);
    }
    sums
}

fn add<L: PartialEq>(sums: &mut Vec<(L, u64)>, label: L, count: u64) {
    match sums.iter_mut().find(|(seen, _)| *seen == label) {
        Some((_, sum)) => *sum += count,
        None => sums.push((label, count)),
    }
}

fn number_or_other(number: Option<u16>) -> String {
    number.map_or_else(|| OVERFLOW.to_owned(), |number| number.to_string())
}

/// Exact, where a float would round a large sum.
fn decimal_seconds(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn seconds(time: Timestamp) -> i64 {
    time.as_millis().div_euclid(1000)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::telemetry::logins::LoginCounts;

    #[test]
    fn workers_are_summed_by_label() {
        let metrics = Metrics::new(2);
        let (first, second) = (metrics.worker(0), metrics.worker(1));
        first.denied("expired");
        second.denied("unknown key");
        second.denied("expired");
        first.request(200, Duration::from_micros(300));
        second.request(200, Duration::from_secs(2));
        let page = metrics.render();
        for line in [
            "doorward_requests_total{status=\"200\"} 2",
            "doorward_requests_denied_total{reason=\"expired\"} 2",
            "doorward_requests_denied_total{reason=\"unknown key\"} 1",
            "doorward_request_duration_seconds_bucket{le=\"0.00025\"} 0",
            "doorward_request_duration_seconds_bucket{le=\"0.0005\"} 1",
            "doorward_request_duration_seconds_bucket{le=\"2.5\"} 2",
            "doorward_request_duration_seconds_bucket{le=\"+Inf\"} 2",
            "doorward_request_duration_seconds_sum 2.0003",
            "doorward_request_duration_seconds_count 2",
        ] {
            assert!(
                page.lines().any(|have| have == line),
                "no {line} in\n{page}"
            );
        }
    }

    #[test]
    fn open_connections_are_told_by_worker() {
        let metrics = Metrics::new(2);
        metrics.worker(1).connection_opened();
        metrics.worker(1).connection_opened();
        metrics.worker(1).connection_closed();
        let page = metrics.render();
        assert!(page.contains("doorward_connections_open{worker=\"0\"} 0\n"));
        assert!(page.contains("doorward_connections_open{worker=\"1\"} 1\n"));
        assert!(page.contains("doorward_connections_total 2\n"));
    }

    #[test]
    fn a_failing_unit_shows_until_it_is_good_again() {
        let metrics = Metrics::new(1);
        metrics.reload_failed("config", "not TOML".to_owned(), Timestamp::from_secs(1));
        assert!(
            metrics
                .render()
                .contains("doorward_reload_failing{unit=\"config\"} 1\n")
        );
        metrics.reload_succeeded("config", Timestamp::from_secs(2));
        let page = metrics.render();
        assert!(page.contains("doorward_reload_failing{unit=\"config\"} 0\n"));
        assert!(page.contains("doorward_reloads_total{unit=\"config\",result=\"failed\"} 1\n"));
    }

    #[test]
    fn a_certificate_that_is_gone_is_no_longer_shown() {
        let metrics = Metrics::new(1);
        metrics.certificates([("old".to_owned(), Timestamp::from_secs(7))]);
        metrics.certificates([("new".to_owned(), Timestamp::from_secs(8))]);
        let page = metrics.render();
        let name = "doorward_certificate_expiry_timestamp_seconds";
        assert!(page.contains(&format!("{name}{{certificate=\"new\"}} 8\n")));
        assert!(!page.contains("\"old\""));
    }

    #[test]
    fn every_family_is_documented_for_the_operator() {
        let manual = include_str!("../../docs/operations.md");
        let metrics = Metrics::new(1);
        metrics.published(1, Timestamp::from_secs(1));
        metrics.watch_logins(LoginCounts::default);
        metrics.watch_log(super::super::writer::LogSink::new(std::io::sink()));
        for line in metrics.render().lines() {
            if let Some(name) = line
                .strip_prefix("# TYPE ")
                .and_then(|rest| rest.split(' ').next())
            {
                assert!(
                    manual.contains(&format!("`{name}`")),
                    "{name} is not in the manual"
                );
            }
        }
    }
}
