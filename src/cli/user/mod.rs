//! `doorward user`: users of the store, one action a file.

mod create;
mod delete;
mod list;
mod listed;
mod new_password;
mod update;

use anyhow::{Context as _, bail};
use clap::Subcommand;

use super::{Exit, configuration::Usable};
use crate::{
    accounts::Username,
    auth::{
        Account, AccountId, Accounts, Directory, InvalidPermission, Permission, Permissions, UserId,
    },
    clock::Timestamp,
};

/// Keeps the users of a store.
#[derive(Debug, clap::Args)]
pub(super) struct Users {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Create(create::Create),
    List(list::List),
    Update(update::Update),
    Delete(delete::Delete),
}

impl Users {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let now = Timestamp::now();
        match self.action {
            Action::Create(create) => create.run(now),
            Action::List(list) => list.run(now),
            Action::Update(update) => update.run(),
            Action::Delete(delete) => delete.run(now),
        }
    }
}

/// The user of this name or of this id. A name may look like somebody's id.
pub(super) fn find<'d>(directory: &'d Directory, user: &str) -> anyhow::Result<&'d Account> {
    let of_id = AccountId::parse(user).and_then(|id| directory.account(id));
    match (of_id, directory.account_named(user)) {
        (Some(one), Some(other)) if one.id != other.id => {
            bail!(
                "{user} is the id of one user and the name of another: {}",
                other.id
            )
        }
        (Some(account), _) | (None, Some(account)) => Ok(account),
        (None, None) => bail!("there is no user {user} in the store"),
    }
}

/// A name to be given to somebody, by what this configuration and the store keep for others.
fn new_name(
    text: &str,
    usable: &Usable,
    directory: Directory,
    now: Timestamp,
) -> anyhow::Result<UserId> {
    let accounts = accounts(usable, directory)?;
    Ok(Username::parse(text, &accounts, now)?.into())
}

/// What a server with this configuration would make of the store.
pub(super) fn accounts(usable: &Usable, directory: Directory) -> anyhow::Result<Accounts> {
    let accounts = usable.snapshot.gate.verifiers.accounts.as_ref();
    let accounts = accounts.context("the configuration has no [accounts]")?;
    Ok(accounts.with(directory.into()))
}

fn permission(text: &str) -> Result<Permission, InvalidPermission> {
    Permission::parse(text)
}

fn permissions(granted: &[Permission]) -> Permissions {
    granted.iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{PasswordHash, Record, Status};

    fn account(name: &str) -> Account {
        Account {
            id: AccountId::random(),
            username: UserId::parse(name).unwrap(),
            password: PasswordHash::new("$"),
            permissions: Permissions::default(),
            status: Status::Enabled,
            tokens_end: Timestamp::from_secs(0),
            created: Timestamp::from_secs(0),
        }
    }

    #[test]
    fn a_user_is_found_by_name_or_id_and_nobody_by_a_name_that_is_anothers_id() {
        let alice = account("alice");
        let mut directory = Directory::default();
        directory.absorb(Record::Account(alice.clone()));
        let id = alice.id.to_string();
        for user in ["Alice", &id] {
            assert_eq!(find(&directory, user).unwrap(), &alice);
        }
        assert!(find(&directory, "bob").is_err());
        let impostor = account(&id);
        directory.absorb(Record::Account(impostor.clone()));
        assert!(find(&directory, &id).is_err());
        let own = impostor.id.to_string();
        assert_eq!(find(&directory, &own).unwrap(), &impostor);
    }
}
