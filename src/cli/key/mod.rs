//! `doorward key`: API keys, one action a file.

mod create;
mod list;
mod revoke;
mod rotate;

use clap::Subcommand;

use super::Exit;
use crate::clock::Timestamp;

/// Makes API keys, and keeps those of a store.
#[derive(Debug, clap::Args)]
pub(super) struct Keys {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Create(create::Create),
    List(list::List),
    Rotate(rotate::Rotate),
    Revoke(revoke::Revoke),
}

impl Keys {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let now = Timestamp::now();
        match self.action {
            Action::Create(create) => create.run(now),
            Action::List(list) => list.run(),
            Action::Rotate(rotate) => rotate.run(now),
            Action::Revoke(revoke) => revoke.run(now),
        }
    }
}
