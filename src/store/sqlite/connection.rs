//! [`Connection`]: one of SQLite's, opened as the file allows.

use std::thread;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{ErrorCode, MAIN_DB, OpenFlags, Row, Transaction, TransactionBehavior};

use super::file::{Beside, File, Fingerprint, Identity};
use super::schema::{Schema, migrate, schema};
use crate::store::StoreError;

/// How long another process may hold the file before a change fails.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long to wait before the next attempt.
const PAUSE: Duration = Duration::from_millis(5);

/// Versions before it could lose what was written while two connections checkpointed
/// (<https://www.sqlite.org/wal.html#walresetbug>).
const OLDEST: i32 = 3_051_003;

/// A connection to the file.
pub(super) struct Connection {
    sqlite: rusqlite::Connection,
    of: Identity,
    beside: Beside,
    mode: Mode,
    /// The last one that was asked for.
    version: Option<i64>,
}

/// How a connection stands to what is there now; the worse is the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// It is of what is there, and has seen all of it.
    Current,
    /// Of the same file, but somebody has removed the log: what is in it, only those see who have
    /// it open.
    LogGone,
    /// Something else is in the place of what it has open.
    Replaced,
}

/// What may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// All.
    Writable,
    /// Others may write, this process can't.
    ReadOnly,
    /// Nobody has the file open for writing, and this process can't: SQLite takes no locks and
    /// reads no log then, so what it has read counts if the file is still the same afterwards.
    Frozen(Fingerprint),
}

impl Connection {
    /// Opens the file, for reading alone if it can't be written.
    ///
    /// # Errors
    /// When it isn't there, can't be read, or is not a store of ours.
    pub(super) fn open(file: &File) -> Result<Self, StoreError> {
        if rusqlite::version_number() < OLDEST {
            let words = format!("SQLite {} is too old", rusqlite::version());
            return Err(StoreError::Unavailable(words));
        }
        let until = Instant::now() + PATIENCE;
        loop {
            let (of, before) = (file.identity()?, file.around());
            let (sqlite, mode) = match writable(file)? {
                Some(sqlite) => (sqlite, Mode::Writable),
                None => read_only(file)?,
            };
            let beside = file.around();
            // Others may have closed theirs meanwhile, and taken the log away with the last one.
            if matches!(mode, Mode::Frozen(_)) || beside.follows(before) {
                return Ok(Self {
                    sqlite,
                    of,
                    beside,
                    mode,
                    version: None,
                });
            }
            if Instant::now() > until {
                let words = "somebody takes its log away all the time";
                return Err(StoreError::Unavailable(words.to_owned()));
            }
        }
    }

    pub(super) fn is_writable(&self) -> bool {
        self.mode == Mode::Writable
    }

    /// Whether it is of what is there now, and has seen all of it.
    pub(super) fn is_current(&self, file: &File) -> bool {
        self.standing(file) == Standing::Current
    }

    pub(super) fn standing(&self, file: &File) -> Standing {
        if let Mode::Frozen(then) = self.mode {
            return match file.fingerprint() {
                Ok(now) if now == then => Standing::Current,
                _ => Standing::Replaced,
            };
        }
        let (of, beside) = (file.identity(), file.around());
        if of != Ok(self.of) {
            Standing::Replaced
        } else if beside == self.beside {
            Standing::Current
        } else if beside.log.is_none() {
            Standing::LogGone
        } else {
            Standing::Replaced
        }
    }

    /// Closes it, and leaves what is there as it is.
    pub(super) fn abandon(self) {
        let setting = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        let _ = self.sqlite.set_db_config(setting, true);
    }

    /// Whether another connection has written since this was asked last; when it never was, who
    /// knows?
    pub(super) fn has_news(&mut self) -> Result<bool, StoreError> {
        let version = |row: &Row<'_>| row.get(0);
        let version = self
            .sqlite
            .pragma_query_value(None, "data_version", version)?;
        Ok(self.version.replace(version) != Some(version))
    }

    /// Reads everything as of one moment.
    pub(super) fn read<T>(
        &mut self,
        act: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let transaction = self.sqlite.transaction()?;
        expect_current(&transaction)?;
        act(&transaction)
    }

    /// Writes all of it or nothing.
    pub(super) fn write<T>(
        &mut self,
        act: impl FnOnce(&mut Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let immediate = TransactionBehavior::Immediate;
        let mut transaction = self.sqlite.transaction_with_behavior(immediate)?;
        expect_current(&transaction)?;
        let outcome = act(&mut transaction)?;
        transaction.commit()?;
        Ok(outcome)
    }
}

/// A newer program may have come and changed the tables meanwhile.
fn expect_current(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    match schema(transaction)? {
        Schema::Current => Ok(()),
        Schema::Older => Err(StoreError::ReadOnly),
    }
}

/// A connection that can write; none when the file, or what has to lie beside it, can't be written.
fn writable(file: &File) -> Result<Option<rusqlite::Connection>, StoreError> {
    let mut sqlite = match patiently(|| attach(file)) {
        Ok(sqlite) => sqlite,
        Err(error) => {
            let code = error.sqlite_error_code();
            let is_shut = matches!(code, Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly));
            return if is_shut { Ok(None) } else { Err(error.into()) };
        }
    };
    if sqlite.is_readonly(MAIN_DB)? {
        return Ok(None);
    }
    // Before anything of another program's is touched.
    let found = schema(&sqlite.transaction()?)?;
    let word = |row: &Row<'_>| row.get::<_, String>(0);
    let journal = patiently(|| sqlite.pragma_update_and_check(None, "journal_mode", "WAL", word))?;
    if journal != "wal" {
        let words = format!("SQLite keeps the journal `{journal}` here, not a write-ahead log");
        return Err(StoreError::Unavailable(words));
    }
    // Every commit waits for the disk, not only a checkpoint.
    sqlite.pragma_update(None, "synchronous", "FULL")?;
    sqlite.pragma_update(None, "foreign_keys", "ON")?;
    if found == Schema::Older {
        migrate(&mut sqlite)?;
    }
    Ok(Some(sqlite))
}

/// SQLite itself does not wait for whoever makes the same file into a store at the same time: two
/// who wait for each other would wait for ever.
fn patiently<T>(mut act: impl FnMut() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    let until = Instant::now() + PATIENCE;
    loop {
        match act() {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && Instant::now() < until =>
            {
                thread::sleep(PAUSE);
            }
            outcome => return outcome,
        }
    }
}

/// SQLite opens for reading what can't be written; then nothing is read yet, since it would leave
/// its own files beside it.
fn attach(file: &File) -> rusqlite::Result<rusqlite::Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let sqlite = rusqlite::Connection::open_with_flags(file.path(), flags)?;
    sqlite.busy_timeout(PATIENCE)?;
    if !sqlite.is_readonly(MAIN_DB)? {
        // Opens the log and its index, too.
        sqlite.pragma_query_value(None, "user_version", |_| Ok(()))?;
    }
    Ok(sqlite)
}

/// A connection that leaves nothing beside the file.
fn read_only(file: &File) -> Result<(rusqlite::Connection, Mode), StoreError> {
    let print = file.fingerprint()?;
    let (parameters, mode) = match file.log_length() {
        // Somebody writes, or did until the power was cut: the index there is used as it is.
        Some(_) if file.has_index() => ("mode=ro&readonly_shm=1", Mode::ReadOnly),
        Some(0) | None => ("mode=ro&immutable=1", Mode::Frozen(print)),
        Some(_) => {
            let words = "it is read-only, and beside it lies a log that has to be recovered";
            return Err(StoreError::Unavailable(words.to_owned()));
        }
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let mut sqlite = rusqlite::Connection::open_with_flags(file.uri(parameters), flags)?;
    sqlite.busy_timeout(PATIENCE)?;
    let found = schema(&sqlite.transaction()?)?;
    match found {
        Schema::Current => Ok((sqlite, mode)),
        Schema::Older => Err(StoreError::ReadOnly),
    }
}
