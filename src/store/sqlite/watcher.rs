//! [`Watcher`]: notices what other processes write.

use std::convert::Infallible;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use tokio::sync::watch;

use super::connection::Connection;
use super::file::File;
use crate::store::StoreError;

/// How often it looks. It costs a read of shared memory, or a look at the file.
const PERIOD: Duration = Duration::from_millis(250);

/// A connection that writes nothing, so that every write is another's.
pub(super) struct Watcher {
    file: File,
    seen: Option<Seen>,
    changed: Arc<watch::Sender<u64>>,
}

struct Seen {
    connection: Connection,
    version: i64,
}

impl Watcher {
    pub(super) fn open(file: File, changed: Arc<watch::Sender<u64>>) -> Result<Self, StoreError> {
        let seen = Some(Seen::now(&file)?);
        Ok(Self {
            file,
            seen,
            changed,
        })
    }

    /// Looks until nobody listens.
    pub(super) fn run(mut self, listening: &mpsc::Receiver<Infallible>) {
        while listening.recv_timeout(PERIOD) == Err(mpsc::RecvTimeoutError::Timeout) {
            if self.look() == Sight::Changed {
                self.changed.send_modify(|number| *number += 1);
            }
        }
    }

    fn look(&mut self) -> Sight {
        if let Some(seen) = &mut self.seen
            && seen.connection.is_current(&self.file)
            && let Ok(version) = seen.connection.data_version()
        {
            let earlier = std::mem::replace(&mut seen.version, version);
            return if version == earlier {
                Sight::Same
            } else {
                Sight::Changed
            };
        }
        self.seen = None;
        // What happened while it couldn't look, nobody knows.
        match Seen::now(&self.file) {
            Ok(seen) => {
                self.seen = Some(seen);
                Sight::Changed
            }
            Err(_) => Sight::Same,
        }
    }
}

/// What looking has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sight {
    Same,
    Changed,
}

impl Seen {
    fn now(file: &File) -> Result<Self, StoreError> {
        let connection = Connection::open(file)?;
        let version = connection.data_version()?;
        Ok(Self {
            connection,
            version,
        })
    }
}
