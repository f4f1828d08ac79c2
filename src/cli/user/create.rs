//! `doorward user create`: a new user of the store.

use super::{listed::Listed, new_name, new_password::PasswordSource, permission, permissions};
use crate::{
    auth::{Account, AccountId, Permission, Status},
    cli::{
        Exit,
        configuration::ConfigArgument,
        output::{self, Format},
        store::OpenStore,
    },
    clock::Timestamp,
    store::Change,
};

/// Makes a user, and asks for the password twice without showing it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  doorward user create alice
  doorward user create root --permission '*:*'
  pass chat/bob | doorward user create bob --password-stdin --permission CONVERSATION:WRITE")]
pub(super) struct Create {
    #[command(flatten)]
    config: ConfigArgument,
    /// The name: 2 to 64 of A-Z a-z 0-9 . _ @ + = | : ~ -
    name: String,
    /// A permission, RESOURCE:ACTION, may be repeated; `*:*` makes an administrator; without any,
    /// the profile's base set
    #[arg(long = "permission", value_name = "R:A", value_parser = permission)]
    permissions: Vec<Permission>,
    /// Let nobody in with it before `user update --enable`
    #[arg(long)]
    disabled: bool,
    /// Read the password from standard input, one trailing line break apart, instead of asking
    #[arg(long)]
    password_stdin: bool,
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Create {
    pub(super) fn run(self, now: Timestamp) -> anyhow::Result<Exit> {
        let usable = self.config.usable(now)?;
        let store = OpenStore::of(&usable.config)?;
        // Before anybody is asked for a password.
        let username = new_name(&self.name, &usable, store.directory()?, now)?;
        let base = usable.profile.permissions.iter();
        let base: Vec<_> = base
            .map(|word| permission(word))
            .collect::<Result<_, _>>()?;
        let granted = if self.permissions.is_empty() {
            &base
        } else {
            &self.permissions
        };
        let account = Account {
            id: AccountId::random(),
            username,
            password: self.password().hash()?,
            permissions: permissions(granted),
            status: self.status(),
            tokens_end: Timestamp::from_secs(0),
            created: now,
        };
        store.apply(Change::CreateAccount(account.clone()), now)?;
        output::print(self.format, &Listed::from(&account), || {
            let Account { username, id, .. } = &account;
            format!("{username} is in the store as {id}, and in force within a second")
        })?;
        Ok(Exit::Done)
    }

    const fn password(&self) -> PasswordSource {
        if self.password_stdin {
            PasswordSource::Stdin
        } else {
            PasswordSource::Terminal
        }
    }

    const fn status(&self) -> Status {
        if self.disabled {
            Status::Disabled
        } else {
            Status::Enabled
        }
    }
}
