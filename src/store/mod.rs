//! The store: users, keys and revocations that outlive the process.
//!
//! Every mutation is a [`Change`]; what it does is decided by [`effect()`] alone, in terms of
//! [`Rows`], whatever the rows are kept in. A store applies it together with a row that says who
//! did it, or not at all. What it has acknowledged is there after the power was cut.
//!
//! ```text
//!  page, API, command line ─▶ Change ─▶ effect(rows) ─▶ Records ─▶ rows, feed and audit log
//!                                                          ▼              (one transaction)
//!                                            Directory ◀─ changes(after)
//! ```

mod audit;
mod change;
mod effect;
mod memory;
mod sighting;
mod sqlite;
pub mod transfer;

use std::fmt;

use futures_util::future::BoxFuture;
use tokio::sync::watch;

pub use audit::{Author, Entry, Page};
pub use change::{AccountEdit, Change};
pub use effect::{Refusal, Rows, effect};
pub use memory::MemoryStore;
pub use sighting::Sighting;
pub use sqlite::{Flaw, SqliteStore};

use crate::auth::{Directory, KeyName, Record};
use crate::clock::Timestamp;

/// A place in the store's log: it grows by one with each change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub i64);

/// Where users, keys and revocations are kept.
pub trait Store: Send + Sync {
    /// Everything, as it is now.
    fn load(&self) -> BoxFuture<'_, Result<(Directory, Revision), StoreError>>;

    /// Makes a change, and notes who made it. When this says that it is done, no crash undoes it;
    /// when a disk has failed, a crash soon after may leave it done all the same.
    fn apply(&self, change: Change, by: Author) -> BoxFuture<'_, Result<Revision, StoreError>>;

    /// How everything is now that was touched after a revision.
    fn changes(&self, after: Revision) -> BoxFuture<'_, Result<Changes, StoreError>>;

    /// Tells that something may have changed, whoever did it: the number grows.
    fn watch(&self) -> watch::Receiver<u64>;

    /// A page of the audit log, newest first.
    fn audit(&self, page: Page) -> BoxFuture<'_, Result<Vec<Entry>, StoreError>>;

    /// Notes when keys were used last. No change: nothing is decided by it, nobody did it.
    fn note_uses(&self, uses: Vec<KeyUse>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// When keys were used last.
    fn uses(&self) -> BoxFuture<'_, Result<Vec<KeyUse>, StoreError>>;

    /// The same of some of them; nothing of those that never were.
    fn uses_of(&self, keys: Vec<KeyName>) -> BoxFuture<'_, Result<Vec<KeyUse>, StoreError>>;

    /// Finishes what was asked for, and leaves everything where a copy finds it. Blocks meanwhile.
    /// What is asked for afterwards is never answered: only who ends closes.
    fn close(&self) {}
}

/// What has happened after a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changes {
    /// These things are so now, to be absorbed in this order; the last revision.
    Since(Vec<Record>, Revision),
    /// Too much to know: everything has to be loaded.
    Forgotten,
}

/// When a key was used last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyUse {
    /// Which key.
    pub key: KeyName,
    /// To the minute.
    pub at: Timestamp,
}

/// Why a store didn't do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The change makes no sense as things are.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is no room for it.
    #[error("the store's disk is full")]
    Full,
    /// It can be read and not be written.
    #[error("the store is read-only")]
    ReadOnly,
    /// A newer doorward has written it.
    #[error("the store was written by a newer doorward (schema {found}, known are up to {known})")]
    TooNew {
        /// Its schema.
        found: i64,
        /// The newest known one.
        known: i64,
    },
    /// Anything else; what the system says.
    #[error("the store cannot be used: {0}")]
    Unavailable(String),
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
