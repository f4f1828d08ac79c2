//! The store that a configuration names, for commands: they and a running server use it side by
//! side.

use std::env;

use anyhow::Context as _;
use tokio::runtime::Runtime;

use super::runtime;
use crate::{
    auth::Directory,
    clock::Timestamp,
    config::Config,
    store::{Author, Change, Revision, SqliteStore, Store as _},
};

/// A store that is open for one command.
pub(super) struct OpenStore {
    runtime: Runtime,
    store: SqliteStore,
}

impl OpenStore {
    /// Opens the store of this configuration.
    pub(super) fn of(config: &Config) -> anyhow::Result<Self> {
        let accounts = config.accounts.as_ref();
        let path = &accounts
            .context("the configuration has no store: there is no [accounts]")?
            .store;
        let runtime = runtime()?;
        let store = runtime.block_on(SqliteStore::open(path.clone()));
        let store = store.with_context(|| format!("opening {}", path.display()))?;
        Ok(Self { runtime, store })
    }

    /// Everything in it.
    pub(super) fn directory(&self) -> anyhow::Result<Directory> {
        let (directory, _) = self.runtime.block_on(self.store.load())?;
        Ok(directory)
    }

    /// Makes a change, in the name of the system's user.
    pub(super) fn apply(&self, change: Change, now: Timestamp) -> anyhow::Result<Revision> {
        let by = Author {
            name: env::var("USER").unwrap_or_else(|_| "unknown".to_owned()),
            from: "cli".to_owned(),
            at: now,
        };
        Ok(self.runtime.block_on(self.store.apply(change, by))?)
    }
}
