//! [`Change`]: one mutation of the store as a value.

use crate::auth::{
    Account, AccountId, KeyName, KeyOwner, PasswordHash, Permissions, Revocation, SigningKey,
    Status, StoredKey, UserId,
};
use crate::clock::Timestamp;

/// One mutation. The page, the API and the command line make them alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A new user.
    CreateAccount(Account),
    /// Some of a user's settings are others now.
    EditAccount {
        /// Whose.
        id: AccountId,
        /// Which.
        edit: AccountEdit,
    },
    /// A user is no more; nor are the user's keys.
    DeleteAccount(AccountId),
    /// The same password has another hash: its parameters were old. Nothing happens when the hash
    /// is no longer the one that the password was checked against.
    Rehash {
        /// Whose.
        id: AccountId,
        /// The old one.
        from: PasswordHash,
        /// The new one.
        to: PasswordHash,
    },
    /// A new key.
    CreateKey(StoredKey),
    /// A key gets a successor, and ends.
    RotateKey {
        /// The one that ends.
        name: KeyName,
        /// When, if it does not end before.
        ends: Timestamp,
        /// The one that follows it.
        next: StoredKey,
    },
    /// A key is no more.
    RevokeKey(KeyName),
    /// A token counts no more; of one that was revoked before, the later end is kept.
    RevokeToken(Revocation),
    /// A user's tokens that were issued until then count no more.
    RevokeTokensOf {
        /// Whose.
        id: AccountId,
        /// Until when.
        issued_until: Timestamp,
    },
    /// All tokens that were issued until then count no more.
    RevokeAllTokens {
        /// Until when.
        issued_until: Timestamp,
    },
    /// A signing key is there; the others of its purpose retire.
    AddSigningKey {
        /// The new one.
        key: SigningKey,
        /// When the ones before it retire, if they don't before.
        others_retire: Timestamp,
    },
    /// What has been over for long is forgotten: revocations, signing keys.
    Prune {
        /// What was over by then.
        over: Timestamp,
    },
}

/// What of an account is to be changed; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountEdit {
    /// Its name.
    pub username: Option<UserId>,
    /// The hash of its new password, and until when tokens were issued that count no more.
    pub password: Option<(PasswordHash, Timestamp)>,
    /// What it may do.
    pub permissions: Option<Permissions>,
    /// Whether it counts.
    pub status: Option<Status>,
}

impl Change {
    /// What is done, as the audit log says it.
    #[must_use]
    pub const fn action(&self) -> &'static str {
        match self {
            Self::CreateAccount(_) => "user.create",
            Self::EditAccount { .. } => "user.edit",
            Self::DeleteAccount(_) => "user.delete",
            Self::Rehash { .. } => "user.rehash",
            Self::CreateKey(_) => "key.create",
            Self::RotateKey { .. } => "key.rotate",
            Self::RevokeKey(_) => "key.revoke",
            Self::RevokeToken(_) => "token.revoke",
            Self::RevokeTokensOf { .. } => "token.revoke-user",
            Self::RevokeAllTokens { .. } => "token.revoke-all",
            Self::AddSigningKey { .. } => "signing-key.create",
            Self::Prune { .. } => "store.prune",
        }
    }

    /// To whom or what it is done.
    #[must_use]
    pub fn subject(&self) -> String {
        match self {
            Self::CreateAccount(account) => account.id.to_string(),
            Self::EditAccount { id, .. }
            | Self::DeleteAccount(id)
            | Self::Rehash { id, .. }
            | Self::RevokeTokensOf { id, .. } => id.to_string(),
            Self::CreateKey(key) => key.name.to_string(),
            Self::RotateKey { name, .. } | Self::RevokeKey(name) => name.to_string(),
            Self::RevokeToken(revocation) => revocation.token.to_string(),
            Self::AddSigningKey { key, .. } => key.kid.to_string(),
            Self::RevokeAllTokens { .. } | Self::Prune { .. } => "*".to_owned(),
        }
    }

    /// What is worth knowing besides. No secret and no hash.
    #[must_use]
    pub fn detail(&self) -> String {
        match self {
            Self::CreateAccount(account) => {
                let (name, granted) = (&account.username, granted(&account.permissions));
                format!("username={name} {granted} {}", account.status.as_str())
            }
            Self::EditAccount { edit, .. } => edit.to_string(),
            Self::CreateKey(key) => key_detail(key),
            Self::RotateKey { next, ends, .. } => {
                format!("ends={ends} next={} {}", next.name, key_detail(next))
            }
            Self::RevokeTokensOf { issued_until, .. } | Self::RevokeAllTokens { issued_until } => {
                format!("issued-until={issued_until}")
            }
            Self::AddSigningKey { key, .. } => format!("purpose={}", key.purpose.as_str()),
            Self::DeleteAccount(_)
            | Self::Rehash { .. }
            | Self::RevokeKey(_)
            | Self::RevokeToken(_)
            | Self::Prune { .. } => String::new(),
        }
    }
}

/// What whoever gives a key gives away with it.
fn key_detail(key: &StoredKey) -> String {
    let owner = match &key.owner {
        KeyOwner::Account(id) => format!("account={id}"),
        KeyOwner::Bound(user) => format!("user={user}"),
        KeyOwner::Acting(globs) => {
            let globs: Vec<_> = globs.iter().map(ToString::to_string).collect();
            format!("acts-as={}", globs.join(","))
        }
    };
    let (beginning, transports) = (&key.beginning, key.transports.as_str());
    let granted = granted(&key.permissions);
    let expires = match key.expires {
        Some(end) => end.to_string(),
        None => "never".to_owned(),
    };
    format!("beginning={beginning} {owner} {granted} transports={transports} expires={expires}")
}

fn granted(permissions: &Permissions) -> String {
    let grants: Vec<_> = permissions.iter().map(ToString::to_string).collect();
    format!("permissions={}", grants.join(","))
}

impl std::fmt::Display for AccountEdit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut words = Vec::new();
        words.extend(
            self.username
                .as_ref()
                .map(|name| format!("username={name}")),
        );
        words.extend(self.password.as_ref().map(|_| "password".to_owned()));
        words.extend(self.permissions.as_ref().map(granted));
        words.extend(self.status.map(|status| status.as_str().to_owned()));
        f.write_str(&words.join(" "))
    }
}
