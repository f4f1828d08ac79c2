//! [`Thread`]: a thread that works off a queue, and ends with whoever holds it.

use std::fmt;
use std::sync::mpsc;
use std::thread::{Builder, JoinHandle};

use tokio::sync::oneshot;

use super::fault::{gone, of_the_system};
use crate::store::StoreError;

/// A thread. It has done all that it was given when this is dropped.
pub(super) struct Thread<W> {
    /// There until it is dropped.
    queue: Option<mpsc::Sender<W>>,
    thread: Option<JoinHandle<()>>,
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
            queue: Some(queue),
            thread: Some(thread),
        };
        opened.await.unwrap_or_else(|_| Err(gone()))?;
        Ok(started)
    }

    /// Queues some work. Whoever waits for its outcome learns that the thread has ended.
    pub(super) fn give(&self, work: W) {
        if let Some(queue) = &self.queue {
            let _ = queue.send(work);
        }
    }
}

impl<W> fmt::Debug for Thread<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Thread").field(&self.thread).finish()
    }
}

impl<W> Drop for Thread<W> {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
