//! `doorward store`: the store as a whole, one action a file; and [`OpenStore`], by which every
//! command works on it.

mod audit;
mod check;
mod export;
mod import;
mod open;

use clap::Subcommand;

pub(super) use open::OpenStore;

use super::Exit;
use crate::clock::Timestamp;

/// Looks after the store of users and keys.
#[derive(Debug, clap::Args)]
pub(super) struct Stores {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Export(export::Export),
    Import(import::Import),
    Check(check::Check),
    Audit(audit::Audit),
}

impl Stores {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        match self.action {
            Action::Export(export) => export.run(),
            Action::Import(import) => import.run(Timestamp::now()),
            Action::Check(check) => check.run(),
            Action::Audit(audit) => audit.run(),
        }
    }
}
