//! `doorward key`: API keys, one action a file.

mod create;
mod list;
mod revoke;
mod rotate;

use anyhow::bail;
use clap::Subcommand;

use super::{Exit, configuration::Usable, user::accounts};
use crate::{
    auth::{Directory, KeyOwner},
    clock::Timestamp,
};

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

/// Refuses a key that would shut users of the store out: nobody is called like those whom a key
/// may name.
fn check_shuts_nobody_out(
    owner: &KeyOwner,
    usable: &Usable,
    directory: Directory,
) -> anyhow::Result<()> {
    let KeyOwner::Acting(globs) = owner else {
        return Ok(());
    };
    if let Some(user) = accounts(usable, directory)?.shut_out_by(globs) {
        bail!(
            "the store has a user {}, who would be shut out: nobody is called like those whom a \
             key may name. Let it act for others, `visitor-*`, or set accounts.shared_namespace",
            user.username
        );
    }
    Ok(())
}
