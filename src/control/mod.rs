//! The control plane: keeps what runs in step with what is written.
//!
//! ```text
//!  directories ─▶ watch ─▶ settle ─▶ files ─▶ load ─▶ compile ─▶ publish ─▶ workers
//!                 (reports) (when to   (contents) (units, each with
//!                            believe)              its last good value)
//! ```
//!
//! All of it runs on one thread of its own, blocking reads included; no worker waits for it.

mod content;
mod entries;
mod files;
mod fixed;
pub mod load;
mod parse;
mod settle;
mod tell;
mod watch;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use crate::clock::Timestamp;
use crate::config::{Config, Environment, Reference, Report, Written};
use crate::snapshot::compile::{Compiled, Context, compile};
use crate::snapshot::live::{FIRST, Publisher, Reader, live};
use crate::snapshot::{Generation, Materials};
use crate::telemetry::LogControl;
use crate::telemetry::metrics::Metrics;
use crate::tls::server::Tickets;
use content::Content;
use files::Files;
use fixed::Fixed;
use load::{Loader, Outcome};

/// How often replaced snapshots that nobody reads any more are freed.
const SWEEP: Duration = Duration::from_secs(5);

/// Where the configuration is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// In a file; `DOORWARD_…` variables override single settings.
    File(PathBuf),
    /// In the environment alone, which cannot change; the files it names can.
    Environment,
}

/// What others may ask of the control plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Compare every file now, and say again what is in fault (`SIGHUP`).
    Reload,
}

/// Why nothing could be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration file cannot be read.
    #[error("cannot read the configuration file {path}: {reason}")]
    Unreadable {
        /// As it was given.
        path: String,
        /// What the system says.
        reason: String,
    },
    /// It can be read, and has errors.
    #[error("{}", .0.lines().collect::<Vec<_>>().join("\n"))]
    Invalid(Report),
}

/// Owns the way from files to snapshots. A broken file never changes what runs.
pub struct Controller {
    source: Source,
    environment: Environment,
    tickets: Tickets,
    files: Files,
    loader: Loader,
    publisher: Publisher,
    /// The configuration in force, and the materials.
    good: Written,
    proven: Materials,
    /// What is written now, if that is something else and could not be put in force.
    candidate: Option<Written>,
    /// Units were loaded that are not in force.
    unpublished: bool,
    /// The last report about a configuration that could not be put in force.
    complaint: Vec<String>,
    fixed: Fixed,
    metrics: Arc<Metrics>,
    log: Option<LogControl>,
}

impl Controller {
    /// Reads and compiles everything, and begins to watch it.
    ///
    /// # Errors
    /// Everything that is wrong with the configuration and with what it refers to, at once.
    pub fn start(
        source: Source,
        environment: Environment,
        tickets: Tickets,
    ) -> Result<(Self, Reader), StartError> {
        let mut files = Files::new(Instant::now());
        let good = read_first(&source, &environment, &mut files)?;
        let mut loader = Loader::new(environment.clone());
        loader.expect(good.config.references().iter());
        files.follow(&followed(&source, &loader));
        for path in loader.unread() {
            let content = files.read(&path);
            loader.take(&path, &content);
        }
        loader.settle();
        let proven = loader.materials();
        let compiled =
            attempt(&good, &loader, &proven, FIRST, &tickets).map_err(StartError::Invalid)?;
        let complaint = warnings(&good, &compiled);
        let fixed = Fixed::of(&good.config);
        let (publisher, reader) = live(compiled.snapshot);
        let controller = Self {
            source,
            environment,
            tickets,
            files,
            loader,
            publisher,
            good,
            proven,
            candidate: None,
            unpublished: false,
            complaint,
            fixed,
            metrics: Arc::new(Metrics::new(0)),
            log: None,
        };
        Ok((controller, reader))
    }

    /// The configuration that was started with.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.good.config
    }

    /// Reports reloads here, and applies `[log]` there, from now on.
    #[must_use]
    pub fn observed(self, metrics: Arc<Metrics>, log: Option<LogControl>) -> Self {
        Self {
            metrics,
            log,
            ..self
        }
    }

    /// Follows the files until all senders of `requests` are gone. Belongs on a thread of its
    /// own: compiling many keys takes a while.
    pub async fn run(mut self, mut requests: mpsc::UnboundedReceiver<Request>) {
        for warning in std::mem::take(&mut self.complaint) {
            tracing::warn!("{warning}");
        }
        self.show_published();
        let mut sweep = tokio::time::interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                changed = self.files.changed() => self.apply(changed).await,
                request = requests.recv() => match request {
                    Some(Request::Reload) => self.reload(),
                    None => return,
                },
                _ = sweep.tick() => self.publisher.sweep(),
            }
        }
    }

    /// Takes in what files now hold, and publishes what comes of it.
    async fn apply(&mut self, changed: Vec<(PathBuf, Content)>) {
        let began = Instant::now();
        for (path, content) in &changed {
            if self.source.is(path) {
                self.take_config(content);
            }
            self.loader.take(path, content);
        }
        self.follow();
        let unread = self.loader.unread();
        for (path, content) in self.files.read_calmly(&unread).await {
            self.loader.take(&path, &content);
        }
        let outcomes = self.loader.settle();
        self.unpublished |= outcomes.iter().any(|outcome| outcome.fault.is_none());
        for outcome in &outcomes {
            self.tell_fault(outcome);
        }
        self.publish(&outcomes, began);
    }

    /// A reload that somebody asked for, and who wants to hear how it stands.
    fn reload(&mut self) {
        for outcome in self.loader.faults() {
            self.tell_fault(&outcome);
        }
        for line in &self.complaint {
            tracing::error!("{line}");
        }
        self.loader.refresh();
        let began = Instant::now();
        let outcomes = self.loader.settle();
        self.unpublished |= outcomes.iter().any(|outcome| outcome.fault.is_none());
        self.publish(&outcomes, began);
        if !self.files.reread(Instant::now()) {
            tracing::info!(
                generation = self.publisher.generation().0,
                "nothing changed"
            );
        }
    }

    fn take_config(&mut self, content: &Content) {
        self.candidate = None;
        let name = self.source.name();
        match text(content) {
            Ok(text) => {
                let written = Written::from_file(name, text, &self.environment);
                if written.is_sound() {
                    self.candidate = Some(written);
                } else {
                    self.complain(&written.report([]));
                }
            }
            Err(reason) => self.complain_of(vec![format!("cannot read {name}: {reason}")]),
        }
    }

    /// Follows exactly the files that the configuration in force and the written one refer to.
    fn follow(&mut self) {
        let good = self.good.config.references();
        let candidate = self
            .candidate
            .as_ref()
            .map(|written| written.config.references());
        let references = good.iter().chain(candidate.iter().flatten());
        for unit in self.loader.expect(references) {
            self.metrics.reload_forgotten(&unit);
        }
        self.files.follow(&followed(&self.source, &self.loader));
    }

    /// Puts in force as much as can be of the written configuration and the loaded units.
    fn publish(&mut self, outcomes: &[Outcome], began: Instant) {
        if self.candidate.is_none() && !self.unpublished {
            return;
        }
        let fresh = self.loader.materials();
        let compiled = match self.compile(self.candidate.as_ref(), &fresh) {
            Ok(compiled) => Some((compiled, self.candidate.is_some(), fresh)),
            Err(report) => {
                self.complain(&report);
                self.second_best(fresh)
            }
        };
        let Some((compiled, with_candidate, materials)) = compiled else {
            return;
        };
        if with_candidate {
            if let Some(written) = self.candidate.take() {
                self.good = written;
            }
            self.metrics.reload_succeeded(&self.source.name());
        }
        let warnings = warnings(&self.good, &compiled);
        self.publisher.publish(compiled.snapshot);
        self.proven = materials;
        self.follow();
        self.tell_reloaded(outcomes, with_candidate, began);
        for warning in warnings {
            tracing::warn!("{warning}");
        }
    }

    /// When the written configuration and the loaded units do not go together: the one in force
    /// with the loaded units, or else the written one with the units in force.
    fn second_best(&self, fresh: Materials) -> Option<(Compiled, bool, Materials)> {
        if !self.unpublished || self.candidate.is_none() {
            return None;
        }
        if let Ok(compiled) = self.compile(None, &fresh) {
            return Some((compiled, false, fresh));
        }
        let proven = self.proven.clone().or(&fresh);
        let compiled = self.compile(self.candidate.as_ref(), &proven).ok()?;
        Some((compiled, true, proven))
    }

    /// Compiles the candidate, or without one the configuration in force.
    fn compile(
        &self,
        candidate: Option<&Written>,
        materials: &Materials,
    ) -> Result<Compiled, Report> {
        let written = candidate.unwrap_or(&self.good);
        attempt(
            written,
            &self.loader,
            materials,
            self.publisher.next(),
            &self.tickets,
        )
    }
}

impl Source {
    fn is(&self, path: &Path) -> bool {
        matches!(self, Self::File(own) if own == path)
    }

    fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Environment => "environment".to_owned(),
        }
    }
}

/// The configuration as it is written at the start; watched before it is read.
fn read_first(
    source: &Source,
    environment: &Environment,
    files: &mut Files,
) -> Result<Written, StartError> {
    let Source::File(path) = source else {
        return Ok(Written::from_environment(environment));
    };
    files.follow(&BTreeSet::from([path.clone()]));
    let content = files.read(path);
    let text = text(&content).map_err(|reason| StartError::Unreadable {
        path: source.name(),
        reason,
    })?;
    Ok(Written::from_file(source.name(), text, environment))
}

fn text(content: &Content) -> Result<&str, String> {
    match content {
        Content::Bytes(bytes) => std::str::from_utf8(bytes).map_err(|e| format!("not UTF-8: {e}")),
        Content::Missing => Err("there is no such file".to_owned()),
        Content::Unreadable(reason) => Err(reason.clone()),
    }
}

fn followed(source: &Source, loader: &Loader) -> BTreeSet<PathBuf> {
    let mut paths = loader.paths();
    if let Source::File(path) = source {
        paths.insert(path.clone());
    }
    paths
}

/// Compiles a configuration; or everything that is wrong with it and what it refers to. What the
/// loader knows of a missing file is said in its words.
fn attempt(
    written: &Written,
    loader: &Loader,
    materials: &Materials,
    generation: Generation,
    tickets: &Tickets,
) -> Result<Compiled, Report> {
    let references: Vec<Reference> = written.config.references();
    let missing = loader.missing(&references);
    let context = Context {
        generation,
        now: Timestamp::now(),
        tickets,
    };
    let (compiled, found) = match compile(&written.config, materials, &context) {
        Ok(compiled) if missing.is_empty() && written.is_sound() => return Ok(compiled),
        Ok(compiled) => (Some(compiled), Vec::new()),
        Err(errors) => (None, errors.0),
    };
    let warnings = compiled
        .map(|compiled| compiled.warnings)
        .unwrap_or_default();
    let said = |at: &str| missing.iter().any(|missing| missing.at == at);
    let found = found
        .into_iter()
        .filter(|found| !said(&found.at))
        .collect::<Vec<_>>();
    Err(written.report(missing.into_iter().chain(found).chain(warnings)))
}

fn warnings(written: &Written, compiled: &Compiled) -> Vec<String> {
    written
        .report(compiled.warnings.iter().cloned())
        .lines()
        .collect()
}

#[cfg(test)]
mod tests;
