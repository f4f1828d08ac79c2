//! [`Reader`]: reads beside whoever writes.

use std::sync::mpsc;

use rusqlite::Transaction;

use super::connection::Connection;
use super::file::File;
use crate::store::StoreError;

/// How often something is read again that somebody replaced meanwhile.
const ATTEMPTS: u32 = 3;

/// Something to be read.
pub(super) type Read = Box<dyn FnOnce(&mut Reader) + Send>;

/// A connection that reads.
pub(super) struct Reader {
    file: File,
    connection: Option<Connection>,
}

impl Reader {
    pub(super) fn open(file: File) -> Result<Self, StoreError> {
        let connection = Some(Connection::open(&file)?);
        Ok(Self { file, connection })
    }

    /// Reads what it is given until nobody can give it anything.
    pub(super) fn run(mut self, queue: &mpsc::Receiver<Read>) {
        while let Ok(read) = queue.recv() {
            read(&mut self);
        }
    }

    /// Everything as of one moment, from the file that is there.
    pub(super) fn read<T>(
        &mut self,
        act: impl Fn(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        for _ in 0..ATTEMPTS {
            let kept = self.connection.take();
            let kept = kept.filter(|it| it.is_current(&self.file));
            let mut connection = kept.map_or_else(|| Connection::open(&self.file), Ok)?;
            let outcome = connection.read(&act);
            if connection.is_current(&self.file) {
                self.connection = outcome.is_ok().then_some(connection);
                return outcome;
            }
        }
        let words = "somebody replaces it all the time";
        Err(StoreError::Unavailable(words.to_owned()))
    }
}
