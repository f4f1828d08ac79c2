//! `doorward user update`: some of a user's settings are others now.

use super::{find, new_name, new_password::PasswordSource, permission, permissions};
use crate::{
    auth::{Account, Permission, Status},
    cli::{Exit, configuration::ConfigArgument, output, store::OpenStore},
    clock::Timestamp,
    store::{AccountEdit, Change},
};

/// Changes what is named of a user, and leaves the rest.
///
/// All of it counts within a second, for open sockets too. A new password ends every token that
/// the user was given before.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true), after_help = "Examples:
  doorward user update alice --password
  doorward user update alice --permission STATUS:READ --permission MEMORY:READ
  doorward user update alice --username alice.smith
  doorward user update 7f3c9a52-0c0e-4c6e-9d34-5b2f7a1e8c11 --disable")]
pub(super) struct Update {
    #[command(flatten)]
    config: ConfigArgument,
    /// The user's name or id, as `user list` shows them
    #[arg(value_name = "NAME")]
    user: String,
    /// Another name
    #[arg(long, value_name = "NEW", group = "what")]
    username: Option<String>,
    #[command(flatten)]
    new_password: NewPassword,
    /// A permission, RESOURCE:ACTION, may be repeated: these replace all that the user had
    #[arg(long = "permission", value_name = "R:A", value_parser = permission, group = "what")]
    permissions: Vec<Permission>,
    #[command(flatten)]
    new_status: NewStatus,
}

#[derive(Debug, clap::Args)]
struct NewPassword {
    /// Another password: asked for twice, and not shown
    #[arg(id = "asked", long = "password", groups = ["what", "new-password"])]
    asked: bool,
    /// Another password, read from standard input, one trailing line break apart
    #[arg(id = "piped", long = "password-stdin", groups = ["what", "new-password"])]
    piped: bool,
}

#[derive(Debug, clap::Args)]
struct NewStatus {
    /// Let the user in again
    #[arg(long, groups = ["what", "new-status"])]
    enable: bool,
    /// Let nobody in with it, whatever was opened included
    #[arg(long, groups = ["what", "new-status"])]
    disable: bool,
}

impl Update {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let asked = Timestamp::now();
        let usable = self.config.usable(asked)?;
        let store = OpenStore::existing(&usable.config)?;
        let directory = store.directory()?;
        let account = find(&directory, &self.user)?;
        let username = self.username.as_ref();
        let username = username.map(|name| {
            if *name == *account.username.as_str() {
                return Ok(account.username.clone());
            }
            new_name(name, &usable, directory.clone(), asked)
        });
        let source = self.new_password.source();
        let hash = source.map(PasswordSource::hash).transpose()?;
        // Whoever knew the old one may have logged in while the new one was typed.
        let now = Timestamp::now();
        let password = hash.map(|hash| (hash, now.max(account.tokens_end)));
        let edit = AccountEdit {
            username: username.transpose()?,
            password,
            permissions: (!self.permissions.is_empty()).then(|| permissions(&self.permissions)),
            status: self.new_status.status(),
        };
        let said = said(account, &edit);
        let id = account.id;
        store.apply(Change::EditAccount { id, edit }, now)?;
        output::line(&said)?;
        Ok(Exit::Done)
    }
}

impl NewPassword {
    const fn source(&self) -> Option<PasswordSource> {
        match (self.asked, self.piped) {
            (true, _) => Some(PasswordSource::Terminal),
            (false, true) => Some(PasswordSource::Stdin),
            (false, false) => None,
        }
    }
}

impl NewStatus {
    const fn status(&self) -> Option<Status> {
        match (self.enable, self.disable) {
            (true, _) => Some(Status::Enabled),
            (false, true) => Some(Status::Disabled),
            (false, false) => None,
        }
    }
}

fn said(account: &Account, edit: &AccountEdit) -> String {
    let ended = match edit.password {
        Some(_) => "; tokens issued until now count no more",
        None => "",
    };
    format!("{} ({}) has {edit}{ended}", account.username, account.id)
}
