//! [`Uses`]: when the store's keys were used last, as workers have seen it, noted in the store.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use super::follow::Reading;
use crate::auth::KeyName;
use crate::clock::Timestamp;
use crate::store::{KeyUse, Sighting, Store};

/// What comes within this time of a note is noted together.
const PAUSE: Duration = Duration::from_secs(2);

/// Notes uses, each key's at most once a minute.
pub(super) struct Uses {
    store: Arc<dyn Store>,
    /// Knows what keys are called.
    readings: watch::Receiver<Option<Reading>>,
    /// When each key was used, and the store doesn't know.
    pending: HashMap<KeyName, Timestamp>,
    /// The last minute that the store knows, of each key of late.
    noted: HashMap<KeyName, Timestamp>,
    is_failing: bool,
}

impl Uses {
    pub(super) fn new(store: Arc<dyn Store>, readings: watch::Receiver<Option<Reading>>) -> Self {
        Self {
            store,
            readings,
            pending: HashMap::new(),
            noted: HashMap::new(),
            is_failing: false,
        }
    }

    /// Notes until there are no workers.
    pub(super) async fn run(mut self, mut seen: mpsc::Receiver<Vec<Sighting>>) {
        loop {
            if self.pending.is_empty() {
                let Some(first) = seen.recv().await else {
                    return;
                };
                self.take(&first);
            }
            while let Ok(more) = seen.try_recv() {
                self.take(&more);
            }
            if !self.pending.is_empty() {
                self.note().await;
                if seen.is_closed() {
                    return;
                }
                sleep(PAUSE).await;
            }
        }
    }

    fn take(&mut self, seen: &[Sighting]) {
        let readings = self.readings.borrow();
        let Some(reading) = &*readings else {
            return;
        };
        for sighting in seen {
            // A key that is gone by now has no last use.
            let Some(key) = reading.directory.key(sighting.key()) else {
                continue;
            };
            let at = sighting.at();
            if self.noted.get(&key.name).is_none_or(|noted| *noted < at) {
                let last = self.pending.entry(key.name.clone()).or_insert(at);
                *last = at.max(*last);
            }
        }
    }

    async fn note(&mut self) {
        let pending = self.pending.iter().map(|(key, at)| KeyUse {
            key: key.clone(),
            at: *at,
        });
        match self.store.note_uses(pending.collect()).await {
            Ok(()) => {
                self.is_failing = false;
                let latest = self.pending.values().copied().max();
                self.noted.retain(|_, at| Some(*at) >= latest);
                self.noted.extend(self.pending.drain());
            }
            Err(error) => {
                if !std::mem::replace(&mut self.is_failing, true) {
                    tracing::warn!(%error, "the store does not take note of when keys are used");
                }
            }
        }
    }
}
