//! Reading rows: one for a change, all for a directory.

use rusqlite::{Connection, OptionalExtension as _, Params, Row};

use super::columns::Owner;
use crate::auth::{
    Account, AccountId, Directory, KeyDigest, KeyName, Kid, Record, Revocation, SigningKey,
    StoredKey, TokenId, UserId,
};
use crate::clock::Timestamp;
use crate::store::{Author, Entry, KeyUse, Page, Revision, Rows, StoreError};

/// The rows as a transaction sees them.
pub(super) struct StoredRows<'c>(pub(super) &'c Connection);

/// A number of which there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// What was touched up to this revision is forgotten.
    FeedBegins,
    /// Tokens issued until then count no more.
    TokensEnd,
}

impl StoredRows<'_> {
    /// Everything that decides about requests.
    pub(super) fn directory(&self) -> Result<Directory, StoreError> {
        let mut directory = Directory::default();
        // Accounts first: a key finds its owner.
        for account in self.all("SELECT * FROM account", [], account)? {
            directory.absorb(Record::Account(account));
        }
        for key in self.all("SELECT * FROM key", [], key)? {
            directory.absorb(Record::Key(key));
        }
        for revocation in self.all("SELECT * FROM revocation", [], revocation)? {
            directory.absorb(Record::Revoked(revocation));
        }
        for key in self.signing_keys()? {
            directory.absorb(Record::SigningKey(key));
        }
        if let Some(end) = self.tokens_end()? {
            directory.absorb(Record::TokensEnd(end));
        }
        Ok(directory)
    }

    /// The last revision.
    pub(super) fn revision(&self) -> Result<Revision, StoreError> {
        let last = self.one("SELECT max(revision) FROM audit", [], |row| row.get(0))?;
        Ok(last.flatten().unwrap_or_default())
    }

    pub(super) fn mark(&self, mark: Mark) -> Result<Option<i64>, StoreError> {
        let query = "SELECT value FROM mark WHERE name = ?1";
        self.one(query, [mark.as_str()], |row| row.get(0))
    }

    pub(super) fn signing_key(&self, kid: &Kid) -> Result<Option<SigningKey>, StoreError> {
        self.one(
            "SELECT * FROM signing_key WHERE kid = ?1",
            [kid],
            signing_key,
        )
    }

    pub(super) fn audit(&self, page: Page) -> Result<Vec<Entry>, StoreError> {
        let query = "SELECT * FROM audit WHERE revision < ?1 ORDER BY revision DESC LIMIT ?2";
        let before = page.before.unwrap_or(Revision(i64::MAX));
        self.all(query, (before, page.limit), entry)
    }

    pub(super) fn uses(&self) -> Result<Vec<KeyUse>, StoreError> {
        self.all("SELECT * FROM key_use ORDER BY key", [], key_use)
    }

    pub(super) fn uses_of(&self, keys: &[KeyName]) -> Result<Vec<KeyUse>, StoreError> {
        let query = "SELECT * FROM key_use WHERE key = ?1";
        let uses = keys.iter().map(|key| self.one(query, [key], key_use));
        uses.filter_map(Result::transpose).collect()
    }

    pub(super) fn all<T>(
        &self,
        query: &str,
        given: impl Params,
        read: fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let mut query = self.0.prepare_cached(query)?;
        let rows = query.query_map(given, read)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn one<T>(
        &self,
        query: &str,
        given: impl Params,
        read: fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        let mut query = self.0.prepare_cached(query)?;
        Ok(query.query_row(given, read).optional()?)
    }
}

fn key_use(row: &Row<'_>) -> rusqlite::Result<KeyUse> {
    Ok(KeyUse {
        key: row.get("key")?,
        at: row.get("at")?,
    })
}

impl Rows for StoredRows<'_> {
    type Error = StoreError;

    fn account(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        self.one("SELECT * FROM account WHERE id = ?1", [id], account)
    }

    fn account_named(&self, username: &UserId) -> Result<Option<AccountId>, StoreError> {
        let query = "SELECT id FROM account WHERE username = ?1";
        self.one(query, [username], |row| row.get(0))
    }

    fn key(&self, name: &KeyName) -> Result<Option<StoredKey>, StoreError> {
        self.one("SELECT * FROM key WHERE name = ?1", [name], key)
    }

    fn key_of_digest(&self, digest: KeyDigest) -> Result<Option<KeyName>, StoreError> {
        let query = "SELECT name FROM key WHERE digest = ?1";
        self.one(query, [digest], |row| row.get(0))
    }

    fn keys_of(&self, id: AccountId) -> Result<Vec<KeyName>, StoreError> {
        let query = "SELECT name FROM key WHERE account = ?1";
        self.all(query, [id], |row| row.get(0))
    }

    fn signing_keys(&self) -> Result<Vec<SigningKey>, StoreError> {
        self.all("SELECT * FROM signing_key", [], signing_key)
    }

    fn revocation(&self, token: TokenId) -> Result<Option<Revocation>, StoreError> {
        self.one(
            "SELECT * FROM revocation WHERE token = ?1",
            [token],
            revocation,
        )
    }

    fn revocations_over(&self, by: Timestamp) -> Result<Vec<Revocation>, StoreError> {
        let query = "SELECT * FROM revocation WHERE until <= ?1";
        self.all(query, [by], revocation)
    }

    fn tokens_end(&self) -> Result<Option<Timestamp>, StoreError> {
        let end = self.mark(Mark::TokensEnd)?;
        Ok(end.map(Timestamp::from_millis))
    }
}

impl Mark {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::FeedBegins => "feed-begins",
            Self::TokensEnd => "tokens-end",
        }
    }
}

fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    Ok(Account {
        id: row.get("id")?,
        username: row.get("username")?,
        password: row.get("password")?,
        permissions: row.get("permissions")?,
        status: row.get("status")?,
        tokens_end: row.get("tokens_end")?,
        created: row.get("created")?,
    })
}

fn key(row: &Row<'_>) -> rusqlite::Result<StoredKey> {
    Ok(StoredKey {
        name: row.get("name")?,
        digest: row.get("digest")?,
        beginning: row.get("beginning")?,
        owner: Owner::read(row)?,
        permissions: row.get("permissions")?,
        transports: row.get("transports")?,
        created: row.get("created")?,
        expires: row.get("expires")?,
    })
}

fn revocation(row: &Row<'_>) -> rusqlite::Result<Revocation> {
    Ok(Revocation {
        token: row.get("token")?,
        until: row.get("until")?,
    })
}

fn signing_key(row: &Row<'_>) -> rusqlite::Result<SigningKey> {
    Ok(SigningKey {
        kid: row.get("kid")?,
        purpose: row.get("purpose")?,
        algorithm: row.get("algorithm")?,
        secret: row.get("secret")?,
        created: row.get("created")?,
        retires: row.get("retires")?,
    })
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        revision: row.get("revision")?,
        by: Author {
            name: row.get("author")?,
            from: row.get("origin")?,
            at: row.get("at")?,
        },
        action: row.get("action")?,
        subject: row.get("subject")?,
        detail: row.get("detail")?,
    })
}
