//! `doorward token`: JWTs (RFC 7519), one action a file.

mod create;
mod inspect;
mod revoke;

use clap::Subcommand;

use super::Exit;
use crate::clock::Timestamp;

/// Makes, examines and revokes tokens.
#[derive(Debug, clap::Args)]
pub(super) struct Tokens {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Create(create::Create),
    Inspect(inspect::Inspect),
    Revoke(revoke::Revoke),
}

impl Tokens {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let now = Timestamp::now();
        match self.action {
            Action::Create(create) => create.run(now),
            Action::Inspect(inspect) => inspect.run(now),
            Action::Revoke(revoke) => revoke.run(now),
        }
    }
}
