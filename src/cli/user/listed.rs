//! [`Listed`]: a user as it is printed; no hash is.

use serde::Serialize;

use crate::{
    auth::{Account, Accounts, UserId},
    clock::Timestamp,
};

/// A user, as `--format json` has it.
#[derive(Serialize)]
pub(super) struct Listed {
    id: String,
    username: String,
    status: &'static str,
    /// Whether nobody gets in with it: a key may act for whoever is called so, or an issuer names
    /// its users so.
    reserved: bool,
    permissions: Vec<String>,
    created: String,
}

/// One whose name is nobody else's.
impl From<&Account> for Listed {
    fn from(account: &Account) -> Self {
        Self {
            id: account.id.to_string(),
            username: account.username.to_string(),
            status: account.status.as_str(),
            reserved: false,
            permissions: account
                .permissions
                .iter()
                .map(ToString::to_string)
                .collect(),
            created: account.created.to_string(),
        }
    }
}

impl Listed {
    /// The same by what is kept for others now.
    pub(super) fn among(self, accounts: &Accounts, name: &UserId, now: Timestamp) -> Self {
        let reserved = accounts.reserves(name, now);
        Self { reserved, ..self }
    }

    /// How wide a column must be to hold the name.
    pub(super) fn name_width(&self) -> usize {
        self.username.len()
    }

    /// One line, the name in a column so wide.
    pub(super) fn to_line(&self, width: usize) -> String {
        let Self {
            id,
            username,
            status,
            reserved,
            permissions,
            created,
        } = self;
        let permissions = permissions.join(" ");
        let reserved = if *reserved {
            "  (nobody gets in: the name is kept for others)"
        } else {
            ""
        };
        format!("{username:width$}  {id}  {status:8}  {created}  {permissions}{reserved}")
    }
}
