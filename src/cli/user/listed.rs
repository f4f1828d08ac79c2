//! [`Listed`]: a user as it is printed; no hash is.

use serde::Serialize;

use crate::auth::Account;

/// A user, as `--format json` has it.
#[derive(Serialize)]
pub(super) struct Listed {
    id: String,
    username: String,
    status: &'static str,
    permissions: Vec<String>,
    created: String,
}

impl From<&Account> for Listed {
    fn from(account: &Account) -> Self {
        Self {
            id: account.id.to_string(),
            username: account.username.to_string(),
            status: account.status.as_str(),
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
            permissions,
            created,
        } = self;
        let permissions = permissions.join(" ");
        format!("{username:width$}  {id}  {status:8}  {created}  {permissions}")
    }
}
