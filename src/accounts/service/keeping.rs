//! Users are made, changed and deleted, by whoever asks: over this API or the operator's.

use super::desk::Desk;
use super::user_fields::{self, Edited, NewUser};
use super::users::{PermissionMap, permission_map};
use super::{Actor, Fault, Problem};
use crate::accounts::Username;
use crate::auth::{Account, AccountId, KeyOwner, Permissions, UserId};
use crate::clock::Timestamp;
use crate::store::{AccountEdit, Change};

impl Desk {
    /// Makes a user.
    ///
    /// # Errors
    /// When a field is not valid, the name is taken or another source's, or the actor gives more
    /// than it has.
    pub async fn create_user(&self, new: NewUser, by: &Actor) -> Result<Account, Fault> {
        let settings = self.settings();
        let username = self.username(&new.username);
        let password = user_fields::password(new.password);
        let (username, password) = match (username, password) {
            (Ok(username), Ok(password)) => (username, password),
            (username, password) => {
                let problems = username.err().into_iter().chain(password.err());
                return Err(Fault::Invalid(problems.collect()));
            }
        };
        let permissions = match &new.permissions {
            Some(map) => user_fields::permissions(map, &settings.vocabulary)?,
            None => settings.base.clone(),
        };
        by.check_gives(&permissions)?;
        let account = Account {
            id: AccountId::random(),
            username,
            password: self.hash(password).await?,
            permissions,
            status: new.status.into(),
            tokens_end: Timestamp::from_millis(0),
            created: Timestamp::now(),
        };
        let change = Change::CreateAccount(account.clone());
        self.ledger.make(change, by).await?;
        Ok(account)
    }

    /// Changes a user.
    ///
    /// # Errors
    /// As [`Desk::create_user`], and when there is no such user, or one who may do what the actor
    /// may not: whoever sets a password has what it opens.
    pub async fn edit_user(
        &self,
        id: AccountId,
        edited: Edited,
        by: &Actor,
    ) -> Result<Account, Fault> {
        let settings = self.settings();
        let account = self.account(id)?;
        by.check_gives(&account.permissions)?;
        let invalid = |problem| Fault::Invalid(vec![problem]);
        let username = edited.username.as_deref();
        let username = username.map(|name| {
            // Clients send it along with whatever else they change.
            if name == account.username.as_str() {
                return Ok(account.username.clone());
            }
            self.username(name)
        });
        let username = username.transpose().map_err(invalid)?;
        let permissions = edited.permissions.as_ref();
        let permissions =
            permissions.map(|map| user_fields::permissions(map, &settings.vocabulary));
        let permissions = permissions.transpose()?;
        if let Some(permissions) = &permissions {
            by.check_gives(permissions)?;
        }
        let password = edited.password.map(user_fields::password);
        let password = match password.transpose().map_err(invalid)? {
            None => None,
            Some(password) => {
                let hash = self.hash(password).await?;
                Some((hash, account.tokens_end.max(Timestamp::now())))
            }
        };
        let edit = AccountEdit {
            username,
            password,
            permissions,
            status: edited.status.map(Into::into),
        };
        self.ledger
            .make(Change::EditAccount { id, edit }, by)
            .await?;
        self.account(id)
    }

    /// Deletes a user; says who that was.
    ///
    /// # Errors
    /// When there is none, or one who may do what the actor may not.
    pub async fn delete_user(&self, id: AccountId, by: &Actor) -> Result<Account, Fault> {
        let account = self.account(id)?;
        by.check_gives(&account.permissions)?;
        self.ledger.make(Change::DeleteAccount(id), by).await?;
        Ok(account)
    }

    /// The user of this id.
    ///
    /// # Errors
    /// When there is none.
    pub fn account(&self, id: AccountId) -> Result<Account, Fault> {
        let directory = self.directory()?;
        directory.account(id).cloned().ok_or(Fault::NoSuchUser)
    }

    /// A username that somebody may be given.
    fn username(&self, text: &str) -> Result<UserId, Problem> {
        let snapshot = self.snapshot();
        let Some(among) = &snapshot.gate.verifiers.accounts else {
            return Err(Problem::with("username", "There are no users"));
        };
        let name = Username::parse(text, among, Timestamp::now());
        name.map(Into::into)
            .map_err(|error| Problem::with("username", error.to_string()))
    }

    /// A key that may name users of ours would shut them out, since nobody is called like those
    /// whom a key may name.
    ///
    /// # Errors
    /// When there are such users.
    pub fn check_shuts_nobody_out(&self, owner: &KeyOwner) -> Result<(), Fault> {
        let KeyOwner::Acting(globs) = owner else {
            return Ok(());
        };
        let snapshot = self.snapshot();
        let accounts = snapshot.gate.verifiers.accounts.as_ref();
        match accounts.and_then(|accounts| accounts.shut_out_by(globs)) {
            Some(_) => Err(Fault::NamesUsers),
            None => Ok(()),
        }
    }

    /// Permissions of words that the backend knows.
    ///
    /// # Errors
    /// When it knows one of them not.
    pub fn parse_permissions(&self, map: &PermissionMap) -> Result<Permissions, Fault> {
        user_fields::permissions(map, &self.settings().vocabulary)
    }

    /// Permissions as they are shown.
    #[must_use]
    pub fn shown_permissions(&self, permissions: &Permissions) -> PermissionMap {
        permission_map(permissions, &self.settings().vocabulary)
    }
}
