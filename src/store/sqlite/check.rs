//! Whether a store is whole.

use std::fmt;

use rusqlite::Connection;

use super::rows::StoredRows;
use crate::store::StoreError;

/// Something in a store that no change could have left so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw(String);

/// What must not be found: a query for names, and what is wrong with each.
const NEVER: &[(&str, &str)] = &[
    (
        "SELECT DISTINCT revision FROM touched WHERE revision NOT IN (SELECT revision FROM audit)",
        "touched something and is not in the audit log",
    ),
    (
        "SELECT max(revision) FROM audit HAVING count(*) <> coalesce(max(revision), 0)",
        "is the last revision, and some before it are missing",
    ),
    (
        "SELECT id FROM account EXCEPT SELECT subject FROM
           (SELECT subject, action, max(revision) FROM audit
            WHERE action IN ('user.create', 'user.delete') GROUP BY subject)
         WHERE action = 'user.create'",
        "is a user whom the audit log doesn't know",
    ),
    (
        "SELECT subject FROM
           (SELECT subject, action, max(revision) FROM audit
            WHERE action IN ('user.create', 'user.delete') GROUP BY subject)
         WHERE action = 'user.create' EXCEPT SELECT id FROM account",
        "is a user of the audit log who isn't there",
    ),
    (
        "SELECT lower(username) FROM account GROUP BY lower(username) HAVING count(*) > 1",
        "is the name of two users",
    ),
    (
        "SELECT name FROM key WHERE account IS NOT NULL AND account NOT IN (SELECT id FROM account)",
        "is a key of nobody",
    ),
    (
        "SELECT key FROM key_use WHERE key NOT IN (SELECT name FROM key)",
        "was used and is no key",
    ),
    (
        "SELECT DISTINCT revision FROM touched
         WHERE revision <= (SELECT value FROM mark WHERE name = 'feed-begins')",
        "is in the feed before its beginning",
    ),
    (
        "SELECT kind || ' ' || name FROM (
           SELECT 'account' AS kind, id AS name FROM account
           UNION ALL SELECT 'key', name FROM key
           UNION ALL SELECT 'token', token FROM revocation
           UNION ALL SELECT 'signing-key', kid FROM signing_key
           EXCEPT SELECT kind, thing FROM touched)
         WHERE NOT EXISTS (SELECT 1 FROM mark WHERE name = 'feed-begins')",
        "is there and was never touched",
    ),
];

/// Everything that is wrong.
///
/// # Errors
/// When the file can't be read so far.
pub(super) fn flaws(connection: &Connection) -> Result<Vec<Flaw>, StoreError> {
    let rows = StoredRows(connection);
    let mut flaws = Vec::new();
    for said in rows.all("PRAGMA integrity_check", [], |row| row.get::<_, String>(0))? {
        if said != "ok" {
            flaws.push(Flaw(said));
        }
    }
    let orphans = "SELECT \"table\" || ' refers to no ' || parent FROM pragma_foreign_key_check";
    let orphans = rows.all(orphans, [], |row| row.get(0))?;
    flaws.extend(orphans.into_iter().map(Flaw));
    for (query, wrong) in NEVER {
        let named = format!("WITH found (name) AS ({query}) SELECT CAST(name AS TEXT) FROM found");
        for name in rows.all(&named, [], |row| row.get::<_, String>(0))? {
            flaws.push(Flaw(format!("{name} {wrong}")));
        }
    }
    if let Err(unreadable) = rows.directory() {
        flaws.push(Flaw(unreadable.to_string()));
    }
    Ok(flaws)
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
