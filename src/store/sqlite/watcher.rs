//! [`Watcher`]: notices what other processes write.

use std::convert::Infallible;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use tokio::sync::watch;

use super::connection::Connection;
use super::connections::{Connections, Role};
use super::file::File;
use crate::store::StoreError;

/// How often it looks. It costs a read of shared memory, or a look at the file.
const PERIOD: Duration = Duration::from_millis(250);

/// A connection that writes nothing, so that every write is another's.
pub(super) struct Watcher {
    file: File,
    all: Arc<Connections>,
    changed: Arc<watch::Sender<u64>>,
}

impl Watcher {
    pub(super) fn open(
        file: File,
        all: Arc<Connections>,
        changed: Arc<watch::Sender<u64>>,
    ) -> Result<Self, StoreError> {
        let watcher = Self { file, all, changed };
        watcher.look()?;
        Ok(watcher)
    }

    /// Looks until nobody listens.
    pub(super) fn run(self, listening: &mpsc::Receiver<Infallible>) {
        while listening.recv_timeout(PERIOD) == Err(mpsc::RecvTimeoutError::Timeout) {
            if self.look() == Ok(Sight::Changed) {
                self.changed.send_modify(|number| *number += 1);
            }
        }
    }

    /// What happened while it couldn't look, nobody knows: a new connection has seen a change.
    fn look(&self) -> Result<Sight, StoreError> {
        let mut held = self.all.current(Role::Watcher, &self.file)?;
        let news = held.as_mut().map(Connection::has_news).transpose();
        if news.is_err() {
            *held = None;
        }
        Ok(if news? == Some(false) {
            Sight::Same
        } else {
            Sight::Changed
        })
    }
}

/// What looking has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sight {
    Same,
    Changed,
}
