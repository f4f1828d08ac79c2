//! [`Connections`]: those of this process, which stand and fall together.
//!
//! SQLite shares the index of the log among all connections of a process to one file. When
//! somebody removes the log or its index from under them, one that was opened beside the old ones
//! would read a new log by the old index. So all are closed before one is opened again.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::connection::{Connection, Standing};
use super::file::File;
use crate::store::StoreError;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Writer,
    Reader,
    Watcher,
}

/// One connection for each role, opened when it is needed.
#[derive(Default)]
pub(super) struct Connections {
    writer: Slot,
    reader: Slot,
    watcher: Slot,
}

type Slot = Mutex<Option<Connection>>;

/// A role's connection, if it has one. Nobody closes it meanwhile.
pub(super) type Held<'c> = MutexGuard<'c, Option<Connection>>;

impl Connections {
    /// The connection of a role, to what is there now.
    ///
    /// # Errors
    /// As [`Connection::open`].
    pub(super) fn current(&self, role: Role, file: &File) -> Result<Held<'_>, StoreError> {
        let held = lock(self.slot(role));
        let is_current = held.as_ref().is_some_and(|it| it.is_current(file));
        if is_current {
            return Ok(held);
        }
        drop(held);
        self.reopen(role, file)
    }

    fn reopen(&self, role: Role, file: &File) -> Result<Held<'_>, StoreError> {
        // Whoever needs several takes them in this order.
        let mut all = [&self.writer, &self.reader, &self.watcher].map(lock);
        let standing = all.iter().flat_map(|held| held.iter());
        let worst = standing.map(|it| it.standing(file)).max();
        for held in &mut all {
            match (worst, held.take()) {
                // The last one to be closed brings the log into the file that is still there.
                (Some(Standing::LogGone), it) => drop(it),
                (Some(Standing::Replaced), Some(it)) => it.abandon(),
                (_, it) => **held = it,
            }
        }
        let [writer, reader, watcher] = all;
        let mut own = match role {
            Role::Writer => writer,
            Role::Reader => reader,
            Role::Watcher => watcher,
        };
        *own = None;
        *own = Some(Connection::open(file)?);
        Ok(own)
    }

    const fn slot(&self, role: Role) -> &Slot {
        match role {
            Role::Writer => &self.writer,
            Role::Reader => &self.reader,
            Role::Watcher => &self.watcher,
        }
    }
}

fn lock(slot: &Slot) -> Held<'_> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}
