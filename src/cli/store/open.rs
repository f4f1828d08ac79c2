//! The store that a configuration names, for commands: they and a running server use it side by
//! side.

use std::{
    cell::OnceCell,
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use futures_util::{StreamExt as _, stream};
use tokio::runtime::Runtime;

use crate::{
    auth::Directory,
    cli::runtime,
    clock::Timestamp,
    config::Config,
    store::{
        Author, Change, Entry, Flaw, KeyUse, Page, Revision, SqliteStore, Store as _, StoreError,
        transfer::Found,
    },
};

/// So many changes at most wait for the disk at once: a few groups that are committed together.
const IN_FLIGHT: usize = 1024;

/// A store that is open for one command.
pub(in crate::cli) struct OpenStore {
    runtime: Runtime,
    path: PathBuf,
    /// None while there is none: it is made with the first change. An empty one in its place would
    /// be taken for the end of all users and keys by whoever serves.
    store: OnceCell<SqliteStore>,
}

impl OpenStore {
    /// Opens the store of this configuration; where there is none, the first change makes it.
    pub(in crate::cli) fn of(config: &Config) -> anyhow::Result<Self> {
        let path = path(config)?;
        let opened = Self {
            runtime: runtime()?,
            path: path.to_owned(),
            store: OnceCell::new(),
        };
        if path.exists() {
            opened.store()?;
        }
        Ok(opened)
    }

    /// Opens the store of this configuration, if there is one.
    pub(in crate::cli) fn existing(config: &Config) -> anyhow::Result<Self> {
        let opened = Self::of(config)?;
        if opened.store.get().is_none() {
            bail!("there is no {}", opened.path.display());
        }
        Ok(opened)
    }

    fn store(&self) -> anyhow::Result<&SqliteStore> {
        if let Some(store) = self.store.get() {
            return Ok(store);
        }
        let store = self.runtime.block_on(SqliteStore::open(&self.path));
        let store = store.with_context(|| format!("opening {}", self.path.display()))?;
        Ok(self.store.get_or_init(|| store))
    }

    /// Everything in it.
    pub(in crate::cli) fn directory(&self) -> anyhow::Result<Directory> {
        let Some(store) = self.store.get() else {
            return Ok(Directory::default());
        };
        let (directory, _) = self.runtime.block_on(store.load())?;
        Ok(directory)
    }

    /// When keys were used last.
    pub(in crate::cli) fn uses(&self) -> anyhow::Result<Vec<KeyUse>> {
        Ok(self.runtime.block_on(self.store()?.uses())?)
    }

    /// Everything in it that no change could have left so.
    pub(super) fn flaws(&self) -> anyhow::Result<Vec<Flaw>> {
        Ok(self.runtime.block_on(self.store()?.check())?)
    }

    /// A page of the audit log, newest first.
    pub(super) fn audit(&self, page: Page) -> anyhow::Result<Vec<Entry>> {
        Ok(self.runtime.block_on(self.store()?.audit(page))?)
    }

    /// Makes a change, in the name of the system's user.
    pub(in crate::cli) fn apply(&self, change: Change, now: Timestamp) -> anyhow::Result<Revision> {
        let applied = self.store()?.apply(change, author(now));
        Ok(self.runtime.block_on(applied)?)
    }

    /// Makes many changes in their order, without waiting for one before the next is asked for;
    /// those that were refused.
    pub(super) fn apply_all(
        &self,
        changes: Vec<Found>,
        now: Timestamp,
    ) -> anyhow::Result<Vec<(Found, StoreError)>> {
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let (store, by) = (self.store()?, author(now));
        let applied = stream::iter(changes).map(|found| {
            // It is in the queue before anybody waits for it.
            let applied = store.apply(found.change.clone(), by.clone());
            async move { (found, applied.await) }
        });
        let refused = applied
            .buffered(IN_FLIGHT)
            .filter_map(async |(found, applied)| Some((found, applied.err()?)));
        Ok(self.runtime.block_on(refused.collect()))
    }
}

fn path(config: &Config) -> anyhow::Result<&Path> {
    let accounts = config.accounts.as_ref();
    let accounts = accounts.context("the configuration has no store: there is no [accounts]")?;
    Ok(&accounts.store)
}

/// The system's user, at a command: the number says who it is, the name is only what the environment
/// calls it.
fn author(now: Timestamp) -> Author {
    let uid = rustix::process::getuid().as_raw();
    let name = env::var("USER").unwrap_or_else(|_| "unknown".to_owned());
    Author {
        name: format!("uid {uid} ({name})"),
        from: "cli".to_owned(),
        at: now,
    }
}
