//! `doorward user delete`: a user of the store is no more.

use super::find;
use crate::{
    cli::{Exit, configuration::ConfigArgument, output, store::OpenStore},
    clock::Timestamp,
    store::Change,
};

/// Takes a user out of the store, and the user's keys. Whatever they opened is closed within a
/// second; who is given the name later inherits nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  doorward user delete alice
  doorward user delete 7f3c9a52-0c0e-4c6e-9d34-5b2f7a1e8c11")]
pub(super) struct Delete {
    #[command(flatten)]
    config: ConfigArgument,
    /// The user's name or id, as `user list` shows them
    #[arg(value_name = "NAME")]
    user: String,
}

impl Delete {
    pub(super) fn run(self, now: Timestamp) -> anyhow::Result<Exit> {
        let store = OpenStore::existing(&self.config.read_sound()?.config)?;
        let directory = store.directory()?;
        let account = find(&directory, &self.user)?;
        store.apply(Change::DeleteAccount(account.id), now)?;
        output::line(&format!("{} ({}) is deleted", account.username, account.id))?;
        Ok(Exit::Done)
    }
}
