//! `doorward session`: what is open in a running sidecar.

mod admin;
mod close;
mod list;

use super::Exit;

/// Lists what is open in a running sidecar, and closes it, over its admin API.
#[derive(Debug, clap::Args)]
pub(super) struct Sessions {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    List(list::List),
    Close(close::Close),
}

impl Sessions {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        match self.command {
            Command::List(command) => command.run(),
            Command::Close(command) => command.run(),
        }
    }
}
