//! The stores that are held to the contract.

use std::path::Path;

use doorward::store::{MemoryStore, SqliteStore, Store};

/// What a store is kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Memory,
    Sqlite,
}

impl Kind {
    pub(crate) const ALL: [Self; 2] = [Self::Memory, Self::Sqlite];

    /// Opens the store of this directory.
    pub(crate) async fn open(self, directory: &Path) -> Box<dyn Store> {
        match self {
            Self::Memory => Box::new(MemoryStore::new()),
            Self::Sqlite => Box::new(SqliteStore::open(directory.join("store.db")).await.unwrap()),
        }
    }

    /// Opens it again, if it is still there then.
    pub(crate) async fn reopen(self, store: Box<dyn Store>, directory: &Path) -> Box<dyn Store> {
        match self {
            Self::Memory => store,
            Self::Sqlite => {
                drop(store);
                self.open(directory).await
            }
        }
    }
}
