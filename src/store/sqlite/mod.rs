//! [`SqliteStore`]: the store in one file.
//!
//! ```text
//!  apply, note_uses ─▶ Writer   one connection; what came together is committed together
//!  load, changes, … ─▶ Reader   another one; sees what is committed, waits for nobody
//!             watch ◀─ Watcher  a third; notices what other processes commit
//! ```
//!
//! Each has a thread of its own, so no runtime ever waits for a disk. A commit is in the write-ahead
//! log and on the disk before it is acknowledged (`synchronous=FULL`). After an error that a write
//! met, its connection is given up, since a file that could not be synced is in no known state.

mod check;
mod columns;
mod connection;
mod connections;
mod enact;
mod fault;
mod feed;
mod file;
mod reader;
mod rows;
mod schema;
mod thread;
mod watcher;
mod writer;

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use rusqlite::Transaction;
use tokio::sync::{oneshot, watch};

pub use check::Flaw;
use check::flaws;
use connections::Connections;
use feed::changes;
use file::File;
use reader::{Read, Reader};
use rows::StoredRows;
use thread::Thread;
use watcher::Watcher;
use writer::{Request, Write, Writer};

use super::{Author, Change, Changes, Entry, KeyUse, Page, Revision, Store, StoreError};
use crate::auth::{Directory, KeyName};

/// A store in a file of SQLite's, which other processes may use at the same time.
#[derive(Debug)]
pub struct SqliteStore {
    writer: Thread<Write>,
    reader: Thread<Read>,
    /// Ends with the store.
    watcher: Thread<Infallible>,
    changed: Arc<watch::Sender<u64>>,
}

impl SqliteStore {
    /// Opens a file; makes it, readable by its owner alone, if there is none. One that can't be
    /// written is opened all the same: then every change fails with [`StoreError::ReadOnly`].
    ///
    /// # Errors
    /// When it can't be read, or a newer or another program has written it.
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let file = File::new(path.into());
        let changed = Arc::new(watch::Sender::new(0));
        let all = Arc::new(Connections::default());
        let (of_writer, its, tells) = (file.clone(), Arc::clone(&all), Arc::clone(&changed));
        let open = move || Writer::open(of_writer, its, tells);
        let writer = Thread::start("store-writer", open, Writer::run).await?;
        let (of_reader, its) = (file.clone(), Arc::clone(&all));
        let open = move || Reader::open(of_reader, its);
        let reader = Thread::start("store-reader", open, Reader::run).await?;
        let tells = Arc::clone(&changed);
        let open = move || Watcher::open(file, all, tells);
        let watcher = Thread::start("store-watcher", open, Watcher::run).await?;
        Ok(Self {
            writer,
            reader,
            watcher,
            changed,
        })
    }

    /// Looks whether everything in the file fits together; what doesn't.
    #[must_use]
    pub fn check(&self) -> BoxFuture<'_, Result<Vec<Flaw>, StoreError>> {
        self.read(|transaction| flaws(transaction))
    }

    fn read<T: Send + 'static>(
        &self,
        act: impl Fn(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, StoreError>> {
        let (answer, answered) = oneshot::channel();
        self.reader
            .give(Box::new(move |reader| drop(answer.send(reader.read(act)))));
        self.reader.outcome(answered).boxed()
    }
}

impl Store for SqliteStore {
    fn load(&self) -> BoxFuture<'_, Result<(Directory, Revision), StoreError>> {
        self.read(|transaction| {
            let rows = StoredRows(transaction);
            Ok((rows.directory()?, rows.revision()?))
        })
    }

    fn apply(&self, change: Change, by: Author) -> BoxFuture<'_, Result<Revision, StoreError>> {
        let (answer, answered) = oneshot::channel();
        let request = Request { change, by, answer };
        self.writer.give(Write::Change(Box::new(request)));
        self.writer.outcome(answered).boxed()
    }

    fn changes(&self, after: Revision) -> BoxFuture<'_, Result<Changes, StoreError>> {
        self.read(move |transaction| changes(transaction, after))
    }

    fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn audit(&self, page: Page) -> BoxFuture<'_, Result<Vec<Entry>, StoreError>> {
        self.read(move |transaction| StoredRows(transaction).audit(page))
    }

    fn note_uses(&self, uses: Vec<KeyUse>) -> BoxFuture<'_, Result<(), StoreError>> {
        let (answer, answered) = oneshot::channel();
        self.writer.give(Write::Uses(uses, answer));
        self.writer.outcome(answered).boxed()
    }

    fn uses(&self) -> BoxFuture<'_, Result<Vec<KeyUse>, StoreError>> {
        self.read(|transaction| StoredRows(transaction).uses())
    }

    fn uses_of(&self, keys: Vec<KeyName>) -> BoxFuture<'_, Result<Vec<KeyUse>, StoreError>> {
        self.read(move |transaction| StoredRows(transaction).uses_of(&keys))
    }

    /// The last connection to be closed moves the log into the file, and removes it.
    fn close(&self) {
        self.watcher.close();
        self.reader.close();
        self.writer.close();
    }
}
