//! A control plane running over a directory of its own.

use std::fs;
use std::path::{Path, PathBuf};

use futures_util::FutureExt as _;
use tokio::sync::watch;

use super::super::*;
use crate::snapshot::Snapshot;
use crate::snapshot::compile::ProcessKeys;
use crate::store::{Revision, Sighting, Store};

pub(super) type InForce = watch::Receiver<Revision>;

/// Longer than any reload may take, shorter than the slow re-read.
pub(super) const SOON: Duration = Duration::from_secs(5);

/// A directory with a running control plane.
pub(super) struct Plane {
    pub(super) home: PathBuf,
    pub(super) reader: Reader,
    pub(super) metrics: Arc<Metrics>,
    pub(super) requests: mpsc::UnboundedSender<Request>,
    pub(super) _dir: tempfile::TempDir,
}

/// A directory in which nothing runs yet.
pub(super) struct Home(pub(super) PathBuf, pub(super) tempfile::TempDir);

impl Home {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self(dir.path().canonicalize().unwrap(), dir)
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).unwrap();
    }

    pub(super) fn start(&self) -> Result<(Controller, Reader), StartError> {
        let source = Source::File(self.0.join("doorward.toml"));
        Controller::start(source, Environment::default(), ProcessKeys::new().unwrap())
    }

    pub(super) async fn plane(self, more: &str) -> Plane {
        self.prepared_plane(more, |controller| controller).await
    }

    /// The same, over a store; and until where what that says is in force.
    pub(super) async fn plane_over(self, more: &str, store: Arc<dyn Store>) -> (Plane, InForce) {
        self.plane_that_notes(more, store, mpsc::channel(1).1).await
    }

    /// The same, where workers have seen these keys.
    pub(super) async fn plane_that_notes(
        self,
        more: &str,
        store: Arc<dyn Store>,
        seen: mpsc::Receiver<Vec<Sighting>>,
    ) -> (Plane, InForce) {
        let mut heard = None;
        let prepare = |controller: Controller| {
            let open = move || std::future::ready(Ok(Arc::clone(&store))).boxed();
            let (controller, news) = controller.with_store(Box::new(open), seen);
            heard = Some(news.in_force);
            controller
        };
        let plane = self.prepared_plane(more, prepare).await;
        (plane, heard.unwrap())
    }

    async fn prepared_plane(
        self,
        more: &str,
        prepare: impl FnOnce(Controller) -> Controller,
    ) -> Plane {
        self.write("doorward.toml", &config(&self.0, more));
        let (controller, reader) = self.start().unwrap();
        let metrics = Arc::new(Metrics::new(0));
        let (requests, received) = mpsc::unbounded_channel();
        let controller = prepare(controller.observed(Arc::clone(&metrics), None));
        tokio::spawn(controller.run(received));
        tokio::task::yield_now().await;
        Plane {
            home: self.0,
            reader,
            metrics,
            requests,
            _dir: self.1,
        }
    }
}

impl Plane {
    pub(super) fn write(&self, name: &str, text: &str) {
        fs::write(self.home.join(name), text).unwrap();
    }

    pub(super) fn write_config(&self, more: &str) {
        self.write("doorward.toml", &config(&self.home, more));
    }

    pub(super) fn keys(&self) -> usize {
        self.reader.load().gate.verifiers.keys.len()
    }

    /// Waits until what is in force is so.
    pub(super) async fn until(&mut self, wanted: impl Fn(&Snapshot) -> bool) {
        let reached = async {
            while !wanted(&self.reader.load()) {
                self.reader.changed().await;
            }
        };
        tokio::time::timeout(SOON, reached)
            .await
            .expect("in force in time");
    }

    pub(super) async fn until_keys(&mut self, count: usize) {
        self.until(|snapshot| snapshot.gate.verifiers.keys.len() == count)
            .await;
    }

    pub(super) async fn until_failed(&self, name: &str) {
        self.until_failures(name, 1).await;
    }

    /// Waits until so many reloads of this file are counted as failed.
    pub(super) async fn until_failures(&self, name: &str, count: u32) {
        let path = self.home.join(name).display().to_string();
        self.until_metric(
            &["doorward_reloads_total", &path, "result=\"failed\""],
            count,
        )
        .await;
    }

    /// Waits until the metric whose line holds all of these has reached this value.
    pub(super) async fn until_metric(&self, parts: &[&str], value: u32) {
        let reached = |line: &str| {
            let shown = line.rsplit(' ').next().and_then(|shown| shown.parse().ok());
            shown.is_some_and(|shown: u32| shown >= value)
        };
        let shown = || {
            let rendered = self.metrics.render();
            let mut lines = rendered.lines();
            lines.any(|line| parts.iter().all(|part| line.contains(part)) && reached(line))
        };
        let reached = async {
            while !shown() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let reached = tokio::time::timeout(SOON, reached).await;
        reached.unwrap_or_else(|_| panic!("{parts:?} stays: {}", self.metrics.render()));
    }
}

/// A configuration with a backend and more; HOME stands for the directory.
pub(super) fn config(home: &Path, more: &str) -> String {
    let more = more.replace("HOME", &home.display().to_string());
    format!("[backend]\nurl = 'http://127.0.0.1:1'\nprofile = 'generic'\n{more}")
}

pub(super) fn pair(name: &str) -> (String, String) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

pub(super) fn serves(name: &'static str) -> impl Fn(&Snapshot) -> bool {
    move |snapshot| snapshot.gate.hosts.allow(name)
}
