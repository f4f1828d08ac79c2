//! [`Writer`]: makes changes, those that came together in one commit.

use std::sync::{Arc, mpsc};

use rusqlite::Transaction;
use tokio::sync::{oneshot, watch};

use super::connections::{Connections, Role};
use super::enact::{Outcome, enact, note};
use super::file::File;
use crate::store::{Author, Change, KeyUse, Revision, StoreError};

/// So many changes at most are committed at once.
const LARGEST_GROUP: usize = 256;

/// Who waits for what becomes of something.
pub(super) type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// What is to be written.
#[derive(Debug)]
pub(super) enum Write {
    Change(Box<Request>),
    Uses(Vec<KeyUse>, Answer<()>),
}

/// A change, and who waits for it.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) change: Change,
    pub(super) by: Author,
    pub(super) answer: Answer<Revision>,
}

/// The one connection of this process that writes.
pub(super) struct Writer {
    file: File,
    all: Arc<Connections>,
    changed: Arc<watch::Sender<u64>>,
}

impl Writer {
    /// Opens the file; makes it if there is none.
    pub(super) fn open(
        file: File,
        all: Arc<Connections>,
        changed: Arc<watch::Sender<u64>>,
    ) -> Result<Self, StoreError> {
        file.create_if_missing()?;
        drop(all.current(Role::Writer, &file)?);
        Ok(Self { file, all, changed })
    }

    /// Writes what it is given until nobody can give it anything.
    pub(super) fn run(mut self, queue: &mpsc::Receiver<Write>) {
        while let Ok(first) = queue.recv() {
            let (mut group, mut noted) = (Vec::new(), Vec::new());
            let waiting = std::iter::once(first).chain(queue.try_iter());
            for write in waiting.take(LARGEST_GROUP) {
                match write {
                    Write::Change(request) => group.push(*request),
                    Write::Uses(uses, answer) => noted.push((uses, answer)),
                }
            }
            if !group.is_empty() {
                self.commit(group);
            }
            for (uses, answer) in noted {
                let _ = answer.send(self.write(|transaction| note(transaction, &uses)));
            }
        }
    }

    /// Of these changes each is made or refused by itself; all are committed, or none.
    fn commit(&mut self, group: Vec<Request>) {
        let enact_all = |transaction: &mut Transaction<'_>| {
            let outcomes = group
                .iter()
                .map(|request| enact(transaction, &request.change, &request.by));
            outcomes.collect::<Result<Vec<Outcome>, _>>()
        };
        match self.write(enact_all) {
            Ok(outcomes) => {
                if outcomes.iter().any(Result::is_ok) {
                    self.changed.send_modify(|number| *number += 1);
                }
                for (request, outcome) in group.into_iter().zip(outcomes) {
                    let _ = request.answer.send(outcome.map_err(StoreError::from));
                }
            }
            Err(error) => {
                for request in group {
                    let _ = request.answer.send(Err(error.clone()));
                }
            }
        }
    }

    fn write<T>(
        &mut self,
        act: impl FnOnce(&mut Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut held = self.all.current(Role::Writer, &self.file)?;
        // What can't write now may be able to later: each time it is tried anew.
        if held.take_if(|it| !it.is_writable()).is_some() {
            drop(held);
            held = self.all.current(Role::Writer, &self.file)?;
        }
        let Some(connection) = held.as_mut().filter(|it| it.is_writable()) else {
            return Err(StoreError::ReadOnly);
        };
        let outcome = connection.write(act);
        if outcome.is_ok() && !connection.is_current(&self.file) {
            let words = "its files were taken away while it was written";
            return Err(StoreError::Unavailable(words.to_owned()));
        }
        if outcome.is_err() {
            // What the system still holds of a failed write is not to be trusted.
            *held = None;
        }
        match outcome {
            Err(StoreError::Unavailable(_)) if self.file.lacks_room() => Err(StoreError::Full),
            outcome => outcome,
        }
    }
}
