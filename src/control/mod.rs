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
mod exposure;
mod files;
mod fixed;
mod follow;
pub mod load;
mod parse;
mod publish;
mod settle;
mod source;
mod tell;
mod uses;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use crate::auth::Known;
use crate::clock::Timestamp;
use crate::config::{Config, Environment, Written};
use crate::snapshot::Materials;
use crate::snapshot::compile::{Context, ProcessKeys};
use crate::snapshot::live::{FIRST, Publisher, Reader, live};
use crate::store::Sighting;
use crate::telemetry::LogControl;
use crate::telemetry::metrics::Metrics;
use content::Content;
use files::Files;
use fixed::Fixed;
use follow::{Following, Reading};
use load::Loader;
use publish::{attempt, warnings};
use source::{followed, read_first, text};

pub use exposure::{exposed, exposed_store};
pub use follow::{News, Opener};
pub use source::{Source, StartError, watched};

/// How often replaced snapshots that nobody reads any more are freed.
const SWEEP: Duration = Duration::from_secs(5);

/// What others may ask of the control plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Compare every file now, and say again what is in fault (`SIGHUP`).
    Reload,
}

/// How the configuration that is written now stands to the one in force.
enum State {
    /// It is the one in force.
    InForce,
    /// It can be read, and could not be put in force yet.
    Waiting(Box<Written>),
    /// It cannot be read.
    Broken,
}

/// Owns the way from files to snapshots. A broken file never changes what runs.
pub struct Controller {
    source: Source,
    environment: Environment,
    keys: ProcessKeys,
    /// What the store said last.
    store: Known,
    following: Following,
    files: Files,
    loader: Loader,
    publisher: Publisher,
    /// The configuration in force, and the materials.
    good: Written,
    proven: Materials,
    /// What is written now.
    written: State,
    /// Units were loaded that are not in force.
    unpublished: bool,
    /// Why not everything that is written is in force, as it was last said.
    complaint: Vec<String>,
    /// What looks doubtful in what is in force, as it was last said.
    warnings: Vec<String>,
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
        keys: ProcessKeys,
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
        let store = Known::NotYet;
        let context = Context {
            generation: FIRST,
            now: Timestamp::now(),
            keys: &keys,
            store: &store,
        };
        let compiled = attempt(&good, &loader, &proven, &context).map_err(StartError::Invalid)?;
        let warnings = warnings(&good, compiled.warnings);
        let fixed = Fixed::of(&good.config);
        let (publisher, reader) = live(compiled.snapshot);
        let controller = Self {
            source,
            environment,
            keys,
            store,
            following: Following::default(),
            files,
            loader,
            publisher,
            good,
            proven,
            written: State::InForce,
            unpublished: false,
            complaint: Vec::new(),
            warnings,
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
        let observed = Self {
            metrics,
            log,
            ..self
        };
        // Before anybody can ask.
        observed.show_published();
        observed
    }

    /// Takes users and keys from a store, from the first turn of [`Self::run`] on, and notes there
    /// which of its keys were seen.
    #[must_use]
    pub fn with_store(mut self, open: Opener, seen: mpsc::Receiver<Vec<Sighting>>) -> (Self, News) {
        let (following, news) = Following::new(open, seen, Arc::clone(&self.metrics));
        self.following = following;
        (self, news)
    }

    /// Follows the files and the store until all senders of `requests` are gone. Belongs on a thread of its
    /// own: compiling many keys takes a while.
    pub async fn run(mut self, mut requests: mpsc::UnboundedReceiver<Request>) {
        let warnings = std::mem::take(&mut self.warnings);
        self.tell_warnings(warnings);
        self.following.begin();
        let mut sweep = tokio::time::interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                changed = self.files.changed() => self.apply(changed).await,
                request = requests.recv() => match request {
                    Some(Request::Reload) => self.reload(),
                    None => return,
                },
                reading = self.following.next() => self.take_reading(reading),
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
        if !self.files.reread(Instant::now()) && outcomes.is_empty() {
            tracing::info!(
                generation = self.publisher.generation().0,
                "nothing changed"
            );
        }
    }

    /// Puts in force what the store says now.
    fn take_reading(&mut self, reading: Reading) {
        let generation = self.publisher.next();
        let directory = Arc::clone(&reading.directory);
        let next = self
            .publisher
            .current()
            .with_directory(directory, generation);
        self.publisher.publish(next);
        self.store = Known::As(reading.directory);
        self.following.tell(reading.revision);
        self.metrics.published(generation.0, Timestamp::now());
        self.publisher.sweep();
    }

    fn take_config(&mut self, content: &Content) {
        self.written = State::Broken;
        let name = self.source.name();
        match text(content) {
            Ok(text) => {
                let written = self.good.reread(text, &self.environment);
                if written.is_sound() {
                    self.written = State::Waiting(Box::new(written));
                } else {
                    self.complain(&written.report([]));
                }
            }
            Err(reason) => self.complain_of(vec![format!("cannot read {name}: {reason}")]),
        }
    }

    fn candidate(&self) -> Option<&Written> {
        match &self.written {
            State::Waiting(written) => Some(written),
            State::InForce | State::Broken => None,
        }
    }

    /// Follows exactly the files that the configuration in force and the written one refer to.
    fn follow(&mut self) {
        let good = self.good.config.references();
        let candidate = self.candidate().map(|written| written.config.references());
        let references = good.iter().chain(candidate.iter().flatten());
        for unit in self.loader.expect(references) {
            self.metrics.reload_forgotten(&unit);
        }
        self.files.follow(&followed(&self.source, &self.loader));
    }
}

#[cfg(test)]
mod tests;
