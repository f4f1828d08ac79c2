//! `tracing` events as log lines, in the same forms as the access log.

use std::fmt;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::LogFormat;
use super::escape::{bare, quoted};
use super::time::SecondCache;
use super::writer::LogSink;
use crate::clock::Timestamp;

/// Longest value of a field, in bytes: enough for an error with its source line.
const VALUE_LIMIT: usize = 4096;

/// Writes events to a sink; clones are the same log.
#[derive(Clone, Debug)]
pub(super) struct EventLog(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    sink: LogSink,
    is_text: AtomicBool,
    clock: Mutex<SecondCache>,
}

impl EventLog {
    pub(super) fn new(sink: LogSink, format: LogFormat) -> Self {
        let is_text = AtomicBool::new(format == LogFormat::Text);
        Self(Arc::new(Shared {
            sink,
            is_text,
            clock: Mutex::default(),
        }))
    }

    pub(super) fn set_format(&self, format: LogFormat) {
        self.0
            .is_text
            .store(format == LogFormat::Text, Ordering::Relaxed);
    }

    fn format(&self) -> LogFormat {
        if self.0.is_text.load(Ordering::Relaxed) {
            LogFormat::Text
        } else {
            LogFormat::Json
        }
    }

    fn write_time(&self, out: &mut Vec<u8>) {
        let mut clock = self.0.clock.lock().unwrap_or_else(PoisonError::into_inner);
        clock.write(out, Timestamp::now());
    }
}

impl<S: Subscriber> Layer<S> for EventLog {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields {
            format: self.format(),
            message: String::new(),
            others: Vec::new(),
        };
        event.record(&mut fields);
        let mut line = Vec::with_capacity(256 + fields.others.len());
        let (level, target) = (event.metadata().level(), event.metadata().target());
        match fields.format {
            LogFormat::Json => {
                line.extend_from_slice(b"{\"timestamp\":\"");
                self.write_time(&mut line);
                let _ = write!(
                    line,
                    "\",\"level\":\"{level}\",\"target\":\"{target}\",\"message\":"
                );
                quoted(&mut line, fields.message.as_bytes(), VALUE_LIMIT);
                line.append(&mut fields.others);
                line.push(b'}');
            }
            LogFormat::Text => {
                self.write_time(&mut line);
                let _ = write!(line, " {level:>5} {target}: ");
                sentence(&mut line, &fields.message);
                line.append(&mut fields.others);
            }
        }
        line.push(b'\n');
        self.0.sink.write(line);
    }
}

/// A message for people: escaped, without the quotes.
fn sentence(out: &mut Vec<u8>, message: &str) {
    let mut text = Vec::new();
    quoted(&mut text, message.as_bytes(), VALUE_LIMIT);
    out.extend_from_slice(text.get(1..text.len() - 1).unwrap_or_default());
}

/// The fields of one event: the message apart, the others as the line will have them.
struct Fields {
    format: LogFormat,
    message: String,
    others: Vec<u8>,
}

impl Fields {
    fn name(&mut self, field: &Field) {
        let _ = match self.format {
            LogFormat::Json => write!(self.others, ",\"{}\":", field.name()),
            LogFormat::Text => write!(self.others, " {}=", field.name()),
        };
    }

    fn text(&mut self, field: &Field, text: &str) {
        if field.name() == "message" {
            text.clone_into(&mut self.message);
            return;
        }
        self.name(field);
        match self.format {
            LogFormat::Json => quoted(&mut self.others, text.as_bytes(), VALUE_LIMIT),
            LogFormat::Text => bare(&mut self.others, text.as_bytes(), VALUE_LIMIT),
        }
    }

    /// What JSON has a form for without quotes.
    fn literal(&mut self, field: &Field, value: impl fmt::Display) {
        self.name(field);
        let _ = write!(self.others, "{value}");
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.literal(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.literal(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.literal(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            self.literal(field, value);
        } else {
            self.text(field, &value.to_string());
        }
    }

    /// An error with its causes, from the outside in.
    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let causes = std::iter::successors(Some(value), |error| error.source());
        let text: Vec<_> = causes.map(ToString::to_string).collect();
        self.text(field, &text.join(": "));
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    fn logged(format: LogFormat, events: impl FnOnce()) -> String {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let log = EventLog::new(LogSink::new(writer), format);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(log), events);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        text
    }

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read the key file")]
    struct Outer(#[source] std::io::Error);

    fn reload_fails() {
        let error = Outer(std::io::Error::other("gone"));
        let error: &(dyn std::error::Error + 'static) = &error;
        tracing::warn!(target: "control", unit = "a b", line = 3, error, "reload failed");
    }

    #[test]
    fn an_event_is_one_json_line() {
        let line = logged(LogFormat::Json, reload_fails);
        let (_, rest) = line.split_once("Z\"").unwrap();
        assert_eq!(
            rest,
            ",\"level\":\"WARN\",\"target\":\"control\",\"message\":\"reload failed\",\
             \"unit\":\"a b\",\"line\":3,\"error\":\"cannot read the key file: gone\"}\n"
        );
    }

    #[test]
    fn an_event_is_one_text_line() {
        let line = logged(LogFormat::Text, reload_fails);
        let (_, rest) = line.split_once('Z').unwrap();
        assert_eq!(
            rest,
            "  WARN control: reload failed unit=\"a b\" line=3 \
             error=\"cannot read the key file: gone\"\n"
        );
    }

    #[test]
    fn no_value_can_forge_a_line() {
        for format in [LogFormat::Json, LogFormat::Text] {
            let line = logged(format, || {
                tracing::info!(name = "x\ny\u{1b}[0m", "a\r\nb {}", "\n");
            });
            assert_eq!(line.lines().count(), 1);
            assert!(!line.contains(['\u{1b}', '\r']));
        }
    }
}
