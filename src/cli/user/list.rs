//! `doorward user list`: the users of the store.

use super::{accounts, listed::Listed};
use crate::{
    auth::Account,
    cli::{
        Exit,
        configuration::ConfigArgument,
        output::{self, Format},
        store::OpenStore,
    },
    clock::Timestamp,
};

/// Lists the users of the store, the oldest first: name, id, status, when made, permissions; and
/// whose name is reserved, so that nobody gets in with it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  doorward user list
  doorward user list --format json | jq -r '.[] | select(.status == \"disabled\") | .username'")]
pub(super) struct List {
    #[command(flatten)]
    config: ConfigArgument,
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl List {
    pub(super) fn run(self, now: Timestamp) -> anyhow::Result<Exit> {
        let usable = self.config.usable(now)?;
        let directory = OpenStore::existing(&usable.config)?.directory()?;
        let among = accounts(&usable, directory.clone())?;
        let mut accounts: Vec<&Account> = directory.accounts().collect();
        accounts.sort_by_key(|account| (account.created, account.id));
        let listed = accounts.into_iter();
        let listed =
            listed.map(|account| Listed::from(account).among(&among, &account.username, now));
        let listed: Vec<Listed> = listed.collect();
        output::print(self.format, &listed, || table(&listed))?;
        Ok(Exit::Done)
    }
}

fn table(users: &[Listed]) -> String {
    let width = users.iter().map(Listed::name_width).max().unwrap_or(0);
    let lines: Vec<String> = users.iter().map(|user| user.to_line(width)).collect();
    lines.join("\n")
}
