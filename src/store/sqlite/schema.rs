//! The schema, and how an older one becomes the one of today.

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::store::StoreError;

/// Marks a file as ours (<https://www.sqlite.org/fileformat2.html#application_id>): `DWst`.
const APPLICATION: i64 = 0x4457_7374;

/// What leads from each version to the next; `PRAGMA user_version` counts those that were applied.
/// One that was ever released is never changed, only followed by another.
const MIGRATIONS: &[&str] = &[include_str!("schema/1.sql")];

/// Whether the tables are those of today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Schema {
    /// They are.
    Current,
    /// There are migrations to apply; nothing can be read before.
    Older,
}

/// What the file holds, as of one moment: somebody may be migrating it.
///
/// # Errors
/// When a newer program or another one has written it, or when it can't be read.
pub(super) fn schema(transaction: &Transaction<'_>) -> Result<Schema, StoreError> {
    compare(transaction, MIGRATIONS)
}

/// Applies what has not been applied, all of it or nothing.
///
/// # Errors
/// When it can't be written, and as [`schema`] does.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    apply(connection, MIGRATIONS)
}

fn compare(connection: &Connection, migrations: &[&str]) -> Result<Schema, StoreError> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let (found, known) = (number("user_version")?, known(migrations));
    let is_ours = number("application_id")? == APPLICATION;
    if !is_ours && (found != 0 || has_tables(connection)?) {
        let words = "the file is another program's database";
        return Err(StoreError::Unavailable(words.to_owned()));
    }
    match found {
        found if found > known => Err(StoreError::TooNew { found, known }),
        found if found < known => Ok(Schema::Older),
        _ => Ok(Schema::Current),
    }
}

fn apply(connection: &mut Connection, migrations: &[&str]) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have done it while this one waited.
    if compare(&transaction, migrations)? == Schema::Older {
        let applied: u32 =
            transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let applied = usize::try_from(applied).unwrap_or(usize::MAX);
        for migration in migrations.iter().skip(applied) {
            transaction.execute_batch(migration)?;
        }
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", known(migrations))?;
    }
    Ok(transaction.commit()?)
}

fn known(migrations: &[&str]) -> i64 {
    i64::try_from(migrations.len()).unwrap_or(i64::MAX)
}

fn has_tables(connection: &Connection) -> Result<bool, StoreError> {
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(tables > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "CREATE TABLE one (x INTEGER);";

    #[test]
    fn only_what_is_missing_is_applied() {
        let mut file = Connection::open_in_memory().unwrap();
        apply(&mut file, &[FIRST]).unwrap();
        file.execute("INSERT INTO one VALUES (7)", []).unwrap();
        let both = [FIRST, "ALTER TABLE one ADD COLUMN y INTEGER DEFAULT 8;"];
        assert_eq!(compare(&file, &both), Ok(Schema::Older));
        apply(&mut file, &both).unwrap();
        assert_eq!(compare(&file, &both), Ok(Schema::Current));
        let row = file.query_row("SELECT x, y FROM one", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        });
        assert_eq!(row, Ok((7, 8)));
    }

    #[test]
    fn of_a_migration_that_fails_nothing_stays() {
        let mut file = Connection::open_in_memory().unwrap();
        apply(&mut file, &[FIRST]).unwrap();
        let bad = [
            FIRST,
            "CREATE TABLE two (x INTEGER);",
            "CREATE TABLE one (x);",
        ];
        assert!(apply(&mut file, &bad).is_err());
        assert_eq!(compare(&file, &[FIRST]), Ok(Schema::Current));
        assert!(file.prepare("SELECT * FROM two").is_err());
    }

    #[test]
    fn a_newer_schema_and_a_foreign_file_are_refused() {
        let mut file = Connection::open_in_memory().unwrap();
        apply(&mut file, &[FIRST, "CREATE TABLE two (x INTEGER);"]).unwrap();
        let newer = StoreError::TooNew { found: 2, known: 1 };
        assert_eq!(apply(&mut file, &[FIRST]), Err(newer));
        let mut foreign = Connection::open_in_memory().unwrap();
        foreign.execute_batch("CREATE TABLE theirs (x);").unwrap();
        let refused = apply(&mut foreign, &[FIRST]).unwrap_err();
        assert!(refused.to_string().contains("another program"), "{refused}");
    }
}
