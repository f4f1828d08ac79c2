//! [`Follower`]: keeps what runs in step with the store.
//!
//! What the store said last stays in force while it says nothing: no request waits for it.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{mpsc as sightings, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::uses::Uses;
use crate::auth::Directory;
use crate::clock::Timestamp;
use crate::store::{Changes, Revision, Sighting, Store, StoreError};
use crate::telemetry::metrics::{Metrics, StoreState};

/// How the store is called among the units that reload.
const UNIT: &str = "store";

/// What happens within this time of a publication is published together.
const COALESCE: Duration = Duration::from_millis(50);

/// When a store is asked that has told of nothing: one that is gone tells of nothing, too.
const SILENCE: Duration = Duration::from_secs(2);

/// When a store is asked again that gave an error.
const PATIENCE: Duration = Duration::from_secs(1);

/// Opens the store; asked again until it could be opened.
pub type Opener = Box<dyn Fn() -> BoxFuture<'static, Result<Arc<dyn Store>, StoreError>> + Send>;

/// Which of the store's keys workers have seen.
type SeenKeys = sightings::Receiver<Vec<Sighting>>;

/// What is heard of a store that is followed.
#[derive(Debug)]
pub struct News {
    /// Until where what it says is in force.
    pub in_force: watch::Receiver<Revision>,
    /// Something, as soon as it was read for the first time, or could not be.
    pub tried: mpsc::Receiver<()>,
}

/// A store that is followed, if there is one.
pub(super) struct Following {
    follower: Option<(Follower, SeenKeys)>,
    readings: watch::Receiver<Option<Reading>>,
    in_force: watch::Sender<Revision>,
    tried: mpsc::Sender<()>,
}

impl Default for Following {
    /// There is no store.
    fn default() -> Self {
        Self {
            follower: None,
            readings: watch::channel(None).1,
            in_force: watch::channel(Revision::default()).0,
            tried: mpsc::channel().0,
        }
    }
}

impl Following {
    pub(super) fn new(open: Opener, seen: SeenKeys, metrics: Arc<Metrics>) -> (Self, News) {
        let (readings, heard) = watch::channel(None);
        let (tell_tried, tried) = mpsc::channel();
        let follower = Follower {
            open,
            metrics,
            readings,
            tried: tell_tried.clone(),
            is_failing: false,
        };
        let (tell_in_force, in_force) = watch::channel(Revision::default());
        let following = Self {
            follower: Some((follower, seen)),
            readings: heard,
            in_force: tell_in_force,
            tried: tell_tried,
        };
        (following, News { in_force, tried })
    }

    /// Begins to read, on this runtime.
    pub(super) fn begin(&mut self) {
        if let Some((follower, seen)) = self.follower.take() {
            tokio::spawn(follower.run(seen));
        }
    }

    /// What the store says next; never, where there is none.
    pub(super) async fn next(&mut self) -> Reading {
        loop {
            if self.readings.changed().await.is_err() {
                return std::future::pending().await;
            }
            if let Some(reading) = self.readings.borrow_and_update().clone() {
                return reading;
            }
        }
    }

    /// Tells whoever waits that a change is in force.
    pub(super) fn tell(&self, revision: Revision) {
        self.in_force.send_replace(revision);
        // Nobody listens but at the start.
        let _ = self.tried.send(());
    }
}

/// What a store said, and when.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub(super) directory: Arc<Directory>,
    pub(super) revision: Revision,
}

/// Reads a store, and goes on reading what changes in it.
struct Follower {
    open: Opener,
    metrics: Arc<Metrics>,
    readings: watch::Sender<Option<Reading>>,
    tried: mpsc::Sender<()>,
    is_failing: bool,
}

impl Follower {
    /// Follows it as long as anybody listens.
    async fn run(mut self, seen: SeenKeys) {
        let store = loop {
            match (self.open)().await {
                Ok(store) => break store,
                Err(error) => self.fail(&error).await,
            }
        };
        let uses = Uses::new(Arc::clone(&store), self.readings.subscribe());
        tokio::spawn(uses.run(seen));
        let mut changed = store.watch();
        loop {
            changed.mark_unchanged();
            let heard = self.read(&*store).await;
            let read_at = Instant::now();
            if let Err(error) = heard {
                self.fail(&error).await;
                continue;
            }
            tokio::select! {
                still_there = changed.changed() => if still_there.is_err() { return },
                () = self.readings.closed() => return,
                () = sleep(SILENCE) => {}
            }
            sleep_until(read_at + COALESCE).await;
        }
    }

    /// Reads what is new, or everything.
    async fn read(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        let known = self.readings.borrow().clone();
        let reading = match known {
            None => Some(read_all(store).await?),
            Some(known) => match store.changes(known.revision).await? {
                Changes::Since(_, revision) if revision == known.revision => None,
                Changes::Since(records, revision) => {
                    let mut directory = Directory::clone(&known.directory);
                    for record in records {
                        directory.absorb(record);
                    }
                    Some(Reading {
                        directory: Arc::new(directory),
                        revision,
                    })
                }
                Changes::Forgotten => Some(read_all(store).await?),
            },
        };
        if let Some(reading) = reading {
            self.metrics.reload_succeeded(UNIT, Timestamp::now());
            self.readings.send_replace(Some(reading));
        }
        self.metrics.store(StoreState::Up);
        if std::mem::take(&mut self.is_failing) {
            self.metrics.reload_succeeded(UNIT, Timestamp::now());
            tracing::info!("the store can be read again");
        }
        Ok(())
    }

    /// Says so once, and waits for a while.
    async fn fail(&mut self, error: &StoreError) {
        self.metrics.store(StoreState::Down);
        self.metrics
            .reload_failed(UNIT, error.to_string(), Timestamp::now());
        if !std::mem::replace(&mut self.is_failing, true) {
            tracing::error!(%error, "the store cannot be read, what it said last stays");
        }
        let _ = self.tried.send(());
        sleep(PATIENCE).await;
    }
}

async fn read_all(store: &dyn Store) -> Result<Reading, StoreError> {
    let (directory, revision) = store.load().await?;
    Ok(Reading {
        directory: Arc::new(directory),
        revision,
    })
}
