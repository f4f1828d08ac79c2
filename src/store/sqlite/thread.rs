//! [`Thread`]: a thread that works off a queue, and ends with whoever holds it.

use std::fmt;
use std::future::pending;
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{Builder, JoinHandle};

use tokio::sync::oneshot;

use super::fault::{gone, of_the_system};
use crate::store::StoreError;

/// A thread. It has done all that it was given when this is closed or dropped.
pub(super) struct Thread<W> {
    /// There until it is closed.
    running: Mutex<Option<Running<W>>>,
}

struct Running<W> {
    queue: mpsc::Sender<W>,
    thread: JoinHandle<()>,
}

impl<W: Send + 'static> Thread<W> {
    /// Starts a thread that opens what it needs, and then works.
    ///
    /// # Errors
    /// Those of `open`, and when the system has no thread to give.
    pub(super) async fn start<S>(
        name: &str,
        open: impl FnOnce() -> Result<S, StoreError> + Send + 'static,
        work: impl FnOnce(S, &mpsc::Receiver<W>) + Send + 'static,
    ) -> Result<Self, StoreError> {
        let (queue, given) = mpsc::channel();
        let (ready, opened) = oneshot::channel();
        let run = move || match open() {
            Ok(state) => {
                if ready.send(Ok(())).is_ok() {
                    work(state, &given);
                }
            }
            Err(error) => drop(ready.send(Err(error))),
        };
        let thread = Builder::new().name(name.to_owned()).spawn(run);
        let thread = thread.map_err(|error| of_the_system(&error))?;
        let started = Self {
            running: Mutex::new(Some(Running { queue, thread })),
        };
        opened.await.unwrap_or_else(|_| Err(gone()))?;
        Ok(started)
    }
}

impl<W> Thread<W> {
    /// Queues some work. Whoever waits for its outcome learns that the thread has ended.
    pub(super) fn give(&self, work: W) {
        if let Some(running) = &*self.running() {
            let _ = running.queue.send(work);
        }
    }

    /// What became of work that was given. Where the thread was closed, nobody is told anything.
    pub(super) async fn outcome<T>(
        &self,
        answered: oneshot::Receiver<Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        match answered.await {
            Ok(outcome) => outcome,
            Err(_) if self.running().is_none() => pending().await,
            Err(_) => Err(gone()),
        }
    }

    /// Ends the thread, once it has done all that it was given; blocks meanwhile.
    pub(super) fn close(&self) {
        let running = self.running().take();
        if let Some(Running { queue, thread }) = running {
            drop(queue);
            let _ = thread.join();
        }
    }

    fn running(&self) -> MutexGuard<'_, Option<Running<W>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W> fmt::Debug for Thread<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Thread(…)")
    }
}

impl<W> Drop for Thread<W> {
    fn drop(&mut self) {
        self.close();
    }
}
