//! [`HashingPool`]: hashes passwords on threads of its own, a bounded number of them at a time.
//!
//! A hash takes tens of milliseconds and 19 MiB. On a worker it would keep every other request
//! waiting, and on as many threads as there are logins it would take all the memory there is.

mod counts;
mod priority;

use std::{
    io,
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
};

use tokio::sync::oneshot;

use super::{HashFailed, Hashing, Memory, Password, Verdict};
use crate::auth::PasswordHash;

use counts::Counts;
pub use counts::HashingCounts;

/// A few threads that hash, and a short queue before them.
///
/// A job holds its place until it is done, whatever becomes of who asked for it: to ask and go
/// away frees nothing. One whose asker has gone before it began is passed over when its turn
/// comes. Dropped, the pool lets its threads end after the jobs that they are at.
#[derive(Debug)]
pub struct HashingPool {
    jobs: SyncSender<Job>,
    counts: Arc<Counts>,
}

/// Why a password was neither hashed nor checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashingError {
    /// The queue is full; nothing was done.
    #[error("too many passwords are waiting to be hashed")]
    Busy,
    /// It was begun, and could not be done.
    #[error(transparent)]
    Failed(#[from] HashFailed),
    /// It was begun, and ended in a panic, of which the log tells.
    #[error("a password could not be hashed: the attempt broke off")]
    BrokeOff,
}

/// A job's part on the thread. Whether its asker is still there is known to it alone.
type Job = Box<dyn FnOnce(&mut Memory, &Counts) + Send>;

/// Which places of the queue may be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Places {
    /// All but the last few.
    Common,
    /// The last few as well: whoever floods the queue can't have them.
    Kept,
}

/// Places that are not for everybody.
const KEPT: u64 = 4;

/// The jobs that may wait. With a thread that takes 50 ms for each, the last one waits for less
/// than a second.
const QUEUE: usize = 16;

impl HashingPool {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system refuses one.
    pub fn new(threads: NonZeroUsize) -> io::Result<Self> {
        let (jobs, queue) = sync_channel(QUEUE);
        let (queue, counts) = (Arc::new(Mutex::new(queue)), Arc::new(Counts::default()));
        for number in 0..threads.get() {
            let (queue, counts) = (Arc::clone(&queue), Arc::clone(&counts));
            thread::Builder::new()
                .name(format!("hash-{number}"))
                .spawn(move || work(&queue, &counts))?;
        }
        Ok(Self { jobs, counts })
    }

    /// How many threads a machine with so many cores should hash on: a quarter, and one at least.
    #[must_use]
    pub const fn threads_of(cores: NonZeroUsize) -> NonZeroUsize {
        match NonZeroUsize::new(cores.get() / 4) {
            Some(quarter) => quarter,
            None => NonZeroUsize::MIN,
        }
    }

    /// Checks a password against a user's hash; against none, in the same time, when there is no
    /// such user. See [`Hashing::verify`].
    ///
    /// # Errors
    /// When too many are waiting, or the system has no memory.
    pub async fn verify(
        &self,
        hashing: Hashing,
        password: Arc<Password>,
        stored: Option<PasswordHash>,
        places: Places,
    ) -> Result<Verdict, HashingError> {
        self.run(places, move |memory| {
            hashing.verify(&password, stored.as_ref(), memory)
        })
        .await
    }

    /// Makes the hash of a password.
    ///
    /// # Errors
    /// When too many are waiting, or the system has no memory or no randomness.
    pub async fn hash(
        &self,
        hashing: Hashing,
        password: Arc<Password>,
    ) -> Result<PasswordHash, HashingError> {
        self.run(Places::Common, move |memory| {
            hashing.hash(&password, memory)
        })
        .await
    }

    /// What has been asked of it, and what it is at.
    #[must_use]
    pub fn counts(&self) -> HashingCounts {
        self.counts.read()
    }

    async fn run<T: Send + 'static>(
        &self,
        places: Places,
        work: impl FnOnce(&mut Memory) -> Result<T, HashFailed> + Send + 'static,
    ) -> Result<T, HashingError> {
        let (answer, outcome) = oneshot::channel();
        let job = move |memory: &mut Memory, counts: &Counts| {
            if answer.is_closed() {
                counts.passed_over();
                return;
            }
            let running = counts.begin();
            let outcome = work(memory);
            // Counted before it is told: who was answered finds itself counted.
            drop(running);
            let _ = answer.send(outcome);
        };
        self.enqueue(Box::new(job), places)?;
        match outcome.await {
            Ok(outcome) => Ok(outcome?),
            Err(_) => Err(HashingError::BrokeOff),
        }
    }

    fn enqueue(&self, job: Job, places: Places) -> Result<(), HashingError> {
        let common = QUEUE as u64 - KEPT;
        if places == Places::Common && self.counts.read().queued >= common {
            self.counts.turn_away();
            return Err(HashingError::Busy);
        }
        // Before it is there for a thread to take, or there would be fewer than none.
        self.counts.enqueue();
        match self.jobs.try_send(job) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.counts.refuse();
                Err(HashingError::Busy)
            }
        }
    }
}

/// What each thread does until the pool is dropped.
fn work(queue: &Mutex<Receiver<Job>>, counts: &Counts) {
    if let Err(error) = priority::lower() {
        tracing::warn!(%error, "passwords are hashed with the priority of everything else");
    }
    let mut memory = Memory::new();
    while let Some(job) = next(queue) {
        // A library that panics must not leave nobody to hash.
        if catch_unwind(AssertUnwindSafe(|| job(&mut memory, counts))).is_err() {
            memory = Memory::new();
        }
    }
}

/// Waits for a job: one thread at the queue, the others for their turn there.
fn next(queue: &Mutex<Receiver<Job>>) -> Option<Job> {
    let queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
    queue.recv().ok()
}

#[cfg(test)]
mod tests;
