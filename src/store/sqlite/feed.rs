//! The feed: which things each revision touched, so that a follower need not read everything.

use rusqlite::{Connection, params};

use super::rows::{Mark, StoredRows};
use crate::auth::{AccountId, KeyName, Kid, Record, TokenId};
use crate::clock::Timestamp;
use crate::store::{Changes, Revision, Rows as _, StoreError};

/// What a record is about.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Thing {
    Account(AccountId),
    Key(KeyName),
    Token(TokenId),
    TokensEnd,
    SigningKey(Kid),
}

/// Notes that a revision touched these things.
pub(super) fn touch(
    connection: &Connection,
    revision: Revision,
    records: &[Record],
) -> Result<(), StoreError> {
    // The same thing may be touched twice by one change.
    let mut insert =
        connection.prepare_cached("INSERT OR IGNORE INTO touched VALUES (?1, ?2, ?3)")?;
    for thing in records.iter().map(Thing::of) {
        insert.execute(params![revision, thing.kind(), thing.name()])?;
    }
    Ok(())
}

/// How everything is now that was touched after a revision.
pub(super) fn changes(connection: &Connection, after: Revision) -> Result<Changes, StoreError> {
    let rows = StoredRows(connection);
    let last = rows.revision()?;
    let begins = Revision(rows.mark(Mark::FeedBegins)?.unwrap_or_default());
    // Whoever knows a revision that isn't there yet has known another file.
    if after < begins || after > last {
        return Ok(Changes::Forgotten);
    }
    let query = "SELECT DISTINCT kind, thing FROM touched WHERE revision > ?1";
    let touched = rows.all(query, [after], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut found = Found::default();
    for (kind, name) in touched {
        let kind: String = kind;
        let name: String = name;
        let thing = Thing::parse(&kind, &name).ok_or_else(|| unknown(&kind))?;
        found.look_up(thing, &rows)?;
    }
    Ok(Changes::Since(found.in_order(), last))
}

/// Forgets what was touched by revisions that were over by then.
pub(super) fn forget(connection: &Connection, over: Timestamp) -> Result<(), StoreError> {
    let rows = StoredRows(connection);
    let begins = Revision(rows.mark(Mark::FeedBegins)?.unwrap_or_default());
    // Clocks may have gone back, revisions don't: all up to the first that was not over.
    let query =
        "SELECT revision FROM audit WHERE revision > ?1 AND at > ?2 ORDER BY revision LIMIT 1";
    let first: Vec<Revision> = rows.all(query, params![begins, over], |row| row.get(0))?;
    let until = match first.first() {
        Some(kept) => Revision(kept.0 - 1),
        None => rows.revision()?,
    };
    connection.execute("DELETE FROM touched WHERE revision <= ?1", [until])?;
    put_mark(connection, Mark::FeedBegins, until.0)
}

pub(super) fn put_mark(connection: &Connection, mark: Mark, value: i64) -> Result<(), StoreError> {
    let query = "INSERT INTO mark VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value";
    connection.execute(query, params![mark.as_str(), value])?;
    Ok(())
}

/// Records in the order in which a directory may absorb them.
#[derive(Default)]
struct Found {
    gone: Vec<Record>,
    accounts: Vec<Record>,
    others: Vec<Record>,
}

impl Found {
    fn look_up(&mut self, thing: Thing, rows: &StoredRows<'_>) -> Result<(), StoreError> {
        match thing {
            Thing::Account(id) => match rows.account(id)? {
                Some(account) => self.accounts.push(Record::Account(account)),
                None => self.gone.push(Record::AccountGone(id)),
            },
            Thing::Key(name) => {
                let key = rows.key(&name)?;
                // Two keys may have swapped digests: the old ones go before the new ones come.
                self.gone.push(Record::KeyGone(name));
                self.others.extend(key.map(Record::Key));
            }
            Thing::Token(token) => match rows.revocation(token)? {
                Some(revocation) => self.others.push(Record::Revoked(revocation)),
                None => self.gone.push(Record::RevocationGone(token)),
            },
            Thing::TokensEnd => self
                .others
                .extend(rows.tokens_end()?.map(Record::TokensEnd)),
            Thing::SigningKey(kid) => match rows.signing_key(&kid)? {
                Some(key) => self.others.push(Record::SigningKey(key)),
                None => self.gone.push(Record::SigningKeyGone(kid)),
            },
        }
        Ok(())
    }

    /// What is gone, then accounts, then the keys that find their owners among them.
    fn in_order(self) -> Vec<Record> {
        let parts = [self.gone, self.accounts, self.others];
        parts.into_iter().flatten().collect()
    }
}

impl Thing {
    fn of(record: &Record) -> Self {
        match record {
            Record::Account(account) => Self::Account(account.id),
            Record::AccountGone(id) => Self::Account(*id),
            Record::Key(key) => Self::Key(key.name.clone()),
            Record::KeyGone(name) => Self::Key(name.clone()),
            Record::Revoked(revocation) => Self::Token(revocation.token),
            Record::RevocationGone(token) => Self::Token(*token),
            Record::TokensEnd(_) => Self::TokensEnd,
            Record::SigningKey(key) => Self::SigningKey(key.kid.clone()),
            Record::SigningKeyGone(kid) => Self::SigningKey(kid.clone()),
        }
    }

    fn parse(kind: &str, name: &str) -> Option<Self> {
        match kind {
            "account" => AccountId::parse(name).map(Self::Account),
            "key" => KeyName::parse(name).ok().map(Self::Key),
            "token" => name.parse().ok().map(TokenId).map(Self::Token),
            "tokens-end" => Some(Self::TokensEnd),
            "signing-key" => Some(Self::SigningKey(Kid::new(name))),
            _ => None,
        }
    }

    const fn kind(&self) -> &'static str {
        match self {
            Self::Account(_) => "account",
            Self::Key(_) => "key",
            Self::Token(_) => "token",
            Self::TokensEnd => "tokens-end",
            Self::SigningKey(_) => "signing-key",
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Account(id) => id.to_string(),
            Self::Key(name) => name.to_string(),
            Self::Token(token) => token.to_string(),
            Self::TokensEnd => "*".to_owned(),
            Self::SigningKey(kid) => kid.to_string(),
        }
    }
}

fn unknown(kind: &str) -> StoreError {
    StoreError::Unavailable(format!("the feed says that a `{kind}` was touched"))
}
