//! What the operator hears of reloads: one line each, and metrics.

use std::time::Instant;

use super::Controller;
use super::load::Outcome;
use crate::clock::Timestamp;
use crate::config::{Format, Report};
use crate::telemetry::LogFormat;

impl Controller {
    /// Says that a unit could not be used.
    pub(super) fn tell_fault(&self, outcome: &Outcome) {
        let Some(fault) = &outcome.fault else { return };
        self.metrics
            .reload_failed(&outcome.unit, fault.clone(), Timestamp::now());
        if outcome.kept {
            tracing::error!(
                unit = outcome.unit,
                "not reloaded, the last good value stays: {fault}"
            );
        } else {
            tracing::error!(unit = outcome.unit, "not loaded: {fault}");
        }
    }

    /// Says why a configuration could not be put in force, unless that was just said.
    pub(super) fn complain(&mut self, report: &Report) {
        self.complain_of(report.lines().collect());
    }

    /// The same for what has no report.
    pub(super) fn complain_of(&mut self, lines: Vec<String>) {
        let unit = self.source.name();
        self.metrics
            .reload_failed(&unit, lines.join("\n"), Timestamp::now());
        if self.complaint != lines {
            let faults = lines.join("\n");
            tracing::error!(
                unit,
                "not reloaded, the last good configuration stays:\n{faults}"
            );
            self.complaint = lines;
        }
    }

    /// Says that something new is in force.
    pub(super) fn tell_reloaded(&self, changed: &[String], began: Instant) {
        for unit in changed {
            self.metrics.reload_succeeded(unit, Timestamp::now());
        }
        let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(
            generation = self.publisher.generation().0,
            changed = changed.join(", "),
            milliseconds,
            "reloaded"
        );
        self.show_published();
    }

    /// Says what looks doubtful, unless that was just said.
    pub(super) fn tell_warnings(&mut self, warnings: Vec<String>) {
        if self.warnings != warnings {
            for warning in &warnings {
                tracing::warn!("{warning}");
            }
            self.warnings = warnings;
        }
    }

    /// Brings metrics and the log in step with what is in force.
    pub(super) fn show_published(&self) {
        let config = &self.good.config;
        self.metrics
            .published(self.publisher.generation().0, Timestamp::now());
        let certificates = self.proven.pairs();
        self.metrics.certificates(
            certificates.map(|(path, pair)| (path.display().to_string(), pair.not_after())),
        );
        let waiting = self.fixed.changed_in(config);
        self.metrics.restart_required(waiting.len());
        if !waiting.is_empty() {
            tracing::warn!(settings = waiting.join(", "), "changes that need a restart");
        }
        if let Some(log) = &self.log {
            log.set_level(tracing::Level::from(config.log.level).into());
            log.set_format(match config.log.format {
                Format::Json => LogFormat::Json,
                Format::Text => LogFormat::Text,
            });
        }
    }
}
