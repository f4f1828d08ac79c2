//! `doorward token`: JWTs (RFC 7519).

mod create;
mod inspect;

use clap::Subcommand;

use super::Exit;
use crate::clock::Timestamp;

/// Makes and examines tokens.
#[derive(Debug, clap::Args)]
pub(super) struct Tokens {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Create(create::Create),
    Inspect(inspect::Inspect),
}

impl Tokens {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let now = Timestamp::now();
        match self.action {
            Action::Create(create) => create.run(now),
            Action::Inspect(inspect) => inspect.run(now),
        }
    }
}
