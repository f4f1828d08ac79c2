//! [`Reader`]: reads beside whoever writes.

use std::sync::{Arc, mpsc};

use rusqlite::Transaction;

use super::connections::{Connections, Role};
use super::file::File;
use crate::store::StoreError;

/// How often something is read again that somebody replaced meanwhile.
const ATTEMPTS: u32 = 3;

/// Something to be read.
pub(super) type Read = Box<dyn FnOnce(&mut Reader) + Send>;

/// A connection that reads.
pub(super) struct Reader {
    file: File,
    all: Arc<Connections>,
}

impl Reader {
    pub(super) fn open(file: File, all: Arc<Connections>) -> Result<Self, StoreError> {
        drop(all.current(Role::Reader, &file)?);
        Ok(Self { file, all })
    }

    /// Reads what it is given until nobody can give it anything.
    pub(super) fn run(mut self, queue: &mpsc::Receiver<Read>) {
        while let Ok(read) = queue.recv() {
            read(&mut self);
        }
    }

    /// Everything as of one moment, from the file that is there.
    pub(super) fn read<T>(
        &self,
        act: impl Fn(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        for _ in 0..ATTEMPTS {
            let mut held = self.all.current(Role::Reader, &self.file)?;
            let Some(connection) = &mut *held else {
                continue;
            };
            let outcome = connection.read(&act);
            if connection.is_current(&self.file) {
                if outcome.is_err() {
                    *held = None;
                }
                return outcome;
            }
        }
        let words = "somebody replaces it all the time";
        Err(StoreError::Unavailable(words.to_owned()))
    }
}
