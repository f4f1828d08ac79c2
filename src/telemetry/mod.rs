//! What the operator sees: logs, metrics, health.
//!
//! Everything written goes through one [`LogSink`], which never blocks: requests
//! by the workers' [`AccessLog`](access_log::AccessLog), all else as `tracing` events.
//! [`Metrics`](metrics::Metrics) and [`Readiness`](server::Readiness) are shown on the telemetry
//! address by [`server::serve`].

pub mod access_log;
mod cells;
mod escape;
mod events;
mod exposition;
pub mod logins;
pub mod metrics;
mod process;
pub mod reloads;
mod render;
pub mod server;
mod time;
pub mod writer;

use std::panic;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Layer, Registry, reload};

use events::EventLog;
use writer::LogSink;

pub use tracing_subscriber::filter::LevelFilter as Level;

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line, for programs.
    #[default]
    Json,
    /// `key=value`, for people.
    Text,
}

/// Changes the log of the process while it runs.
#[derive(Clone, Debug)]
pub struct LogControl {
    filter: reload::Handle<Targets, Registry>,
    events: EventLog,
}

/// Sends the process's `tracing` events to `sink` from now on, panics included.
///
/// The level is that of doorward's own events. Libraries are heard from `warn` up whatever the
/// level: some of them print headers, and so credentials, below it.
///
/// # Errors
///
/// When the process has a subscriber already.
pub fn init(
    format: LogFormat,
    level: LevelFilter,
    sink: LogSink,
) -> Result<LogControl, TryInitError> {
    let events = EventLog::new(sink, format);
    let (filter, handle) = reload::Layer::new(targets(level));
    tracing_subscriber::registry()
        .with(events.clone().with_filter(filter))
        .try_init()?;
    panic::set_hook(Box::new(log_panic));
    Ok(LogControl {
        filter: handle,
        events,
    })
}

impl LogControl {
    /// Takes effect with the next event.
    pub fn set_level(&self, level: LevelFilter) {
        // It fails only if the subscriber is gone, and with it those who would notice.
        let _ = self.filter.reload(targets(level));
    }

    /// Takes effect with the next event; the workers' access logs are told by their owners.
    pub fn set_format(&self, format: LogFormat) {
        self.events.set_format(format);
    }
}

fn targets(level: LevelFilter) -> Targets {
    Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target(env!("CARGO_CRATE_NAME"), level)
}

/// Says where, but not more than a literal message: a formatted one may show a value.
fn log_panic(panic: &panic::PanicHookInfo<'_>) {
    let location = panic
        .location()
        .map(ToString::to_string)
        .unwrap_or_default();
    let message = panic
        .payload()
        .downcast_ref::<&'static str>()
        .copied()
        .unwrap_or("not shown");
    tracing::error!(location, message, "panicked");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_stay_at_warnings_whatever_the_level() {
        for (level, ours, theirs) in [
            (
                LevelFilter::TRACE,
                tracing::Level::TRACE,
                tracing::Level::WARN,
            ),
            (
                LevelFilter::INFO,
                tracing::Level::INFO,
                tracing::Level::WARN,
            ),
            (
                LevelFilter::ERROR,
                tracing::Level::ERROR,
                tracing::Level::ERROR,
            ),
        ] {
            let targets = targets(level);
            assert!(targets.would_enable("doorward::proxy", &ours));
            assert!(targets.would_enable("h2::codec", &theirs));
            assert!(!targets.would_enable("h2::codec", &tracing::Level::INFO));
        }
        assert!(!targets(LevelFilter::OFF).would_enable("doorward", &tracing::Level::ERROR));
    }
}
