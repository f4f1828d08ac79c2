//! Making a change: rows, the feed and the audit log in the one transaction of whoever calls.

use rusqlite::{Connection, Transaction, params};

use super::columns::Owner;
use super::feed::{forget, put_mark, touch};
use super::rows::{Mark, StoredRows};
use crate::auth::{Account, Record, SigningKey, StoredKey};
use crate::store::{Author, Change, KeyUse, Refusal, Revision, StoreError, effect};

/// What became of a change.
pub(super) type Outcome = Result<Revision, Refusal>;

/// Makes a change, or says why it makes no sense; then nothing is written.
///
/// # Errors
/// When something can't be read or written: then the transaction must not be committed.
pub(super) fn enact(
    transaction: &mut Transaction<'_>,
    change: &Change,
    by: &Author,
) -> Result<Outcome, StoreError> {
    let part = transaction.savepoint()?;
    let records = match effect(change, &StoredRows(&part))? {
        Ok(records) => records,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if let Change::Prune { over } = change {
        forget(&part, *over)?;
    }
    let revision = log(&part, change, by)?;
    for record in &records {
        put(&part, record)?;
    }
    touch(&part, revision, &records)?;
    part.commit()?;
    Ok(Ok(revision))
}

/// Notes when keys were used last, of those that there are.
pub(super) fn note(transaction: &Transaction<'_>, uses: &[KeyUse]) -> Result<(), StoreError> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO key_use (key, at) SELECT ?1, ?2 WHERE EXISTS (SELECT 1 FROM key WHERE name = ?1)
         ON CONFLICT DO UPDATE SET at = max(at, excluded.at)",
    )?;
    for KeyUse { key, at } in uses {
        insert.execute(params![key, at])?;
    }
    Ok(())
}

fn log(part: &Connection, change: &Change, by: &Author) -> Result<Revision, StoreError> {
    let mut insert = part.prepare_cached(
        "INSERT INTO audit (at, author, origin, action, subject, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let (subject, detail) = (change.subject(), change.detail());
    let revision = insert.insert(params![
        by.at,
        by.name,
        by.from,
        change.action(),
        subject,
        detail
    ])?;
    Ok(Revision(revision))
}

fn put(part: &Connection, record: &Record) -> Result<(), StoreError> {
    let delete = |query, name: &dyn rusqlite::ToSql| -> Result<(), StoreError> {
        part.prepare_cached(query)?.execute([name])?;
        Ok(())
    };
    match record {
        Record::Account(account) => put_account(part, account),
        Record::AccountGone(id) => delete("DELETE FROM account WHERE id = ?1", id),
        Record::Key(key) => put_key(part, key),
        Record::KeyGone(name) => delete("DELETE FROM key WHERE name = ?1", name),
        Record::Revoked(revocation) => {
            let query = "INSERT INTO revocation VALUES (?1, ?2)
                ON CONFLICT DO UPDATE SET until = excluded.until";
            let given = params![revocation.token, revocation.until];
            part.prepare_cached(query)?.execute(given)?;
            Ok(())
        }
        Record::RevocationGone(token) => delete("DELETE FROM revocation WHERE token = ?1", token),
        Record::TokensEnd(end) => put_mark(part, Mark::TokensEnd, end.as_millis()),
        Record::SigningKey(key) => put_signing_key(part, key),
        Record::SigningKeyGone(kid) => delete("DELETE FROM signing_key WHERE kid = ?1", kid),
    }
}

fn put_account(part: &Connection, account: &Account) -> Result<(), StoreError> {
    let mut insert = part.prepare_cached(
        "INSERT INTO account (id, username, password, permissions, status, tokens_end, created)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (id) DO UPDATE SET username = excluded.username, password = excluded.password,
           permissions = excluded.permissions, status = excluded.status,
           tokens_end = excluded.tokens_end, created = excluded.created",
    )?;
    insert.execute(params![
        account.id,
        account.username,
        account.password,
        account.permissions,
        account.status,
        account.tokens_end,
        account.created,
    ])?;
    Ok(())
}

fn put_key(part: &Connection, key: &StoredKey) -> Result<(), StoreError> {
    let mut insert = part.prepare_cached(
        "INSERT INTO key (name, digest, beginning, account, bound, acting, permissions, transports, created, expires)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT (name) DO UPDATE SET digest = excluded.digest, beginning = excluded.beginning,
           account = excluded.account, bound = excluded.bound, acting = excluded.acting,
           permissions = excluded.permissions, transports = excluded.transports,
           created = excluded.created, expires = excluded.expires",
    )?;
    let owner = Owner::of(&key.owner);
    insert.execute(params![
        key.name,
        key.digest,
        key.beginning,
        owner.account,
        owner.bound,
        owner.acting,
        key.permissions,
        key.transports,
        key.created,
        key.expires,
    ])?;
    Ok(())
}

fn put_signing_key(part: &Connection, key: &SigningKey) -> Result<(), StoreError> {
    let mut insert = part.prepare_cached(
        "INSERT INTO signing_key (kid, purpose, algorithm, secret, created, retires)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (kid) DO UPDATE SET purpose = excluded.purpose, algorithm = excluded.algorithm,
           secret = excluded.secret, created = excluded.created, retires = excluded.retires",
    )?;
    insert.execute(params![
        key.kid,
        key.purpose,
        key.algorithm,
        key.secret,
        key.created,
        key.retires,
    ])?;
    Ok(())
}
