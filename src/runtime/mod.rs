//! Threads and their runtimes, signals, and the orderly stop.

pub mod cores;
pub mod drain;
pub mod signal;

use std::io;
use std::sync::mpsc;
use std::thread;

use tokio::runtime::{Builder, LocalOptions};

/// Starts a thread that runs one future on a single-threaded runtime of its own.
///
/// `main` runs on the new thread, so neither the future it returns nor what that spawns with
/// [`tokio::task::spawn_local`] needs to be [`Send`]. The thread ends when the future does; its
/// tasks are dropped with it. Once this has returned `Ok`, the thread's own result is `Ok`, too.
///
/// # Errors
///
/// When the system refuses the thread, or the runtime its file descriptors.
pub fn spawn<M, F>(
    name: impl Into<String>,
    main: M,
) -> io::Result<thread::JoinHandle<io::Result<F::Output>>>
where
    M: FnOnce() -> F + Send + 'static,
    F: Future,
    F::Output: Send + 'static,
{
    let (started, start) = mpsc::sync_channel(1);
    let thread = thread::Builder::new().name(name.into()).spawn(move || {
        // A local runtime stays on the thread that built it.
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build_local(LocalOptions::default())?;
        let _ = started.send(());
        Ok(runtime.block_on(async { main().await }))
    })?;
    match start.recv() {
        Ok(()) => Ok(thread),
        Err(mpsc::RecvError) => Err(match thread.join() {
            Ok(Err(refused)) => refused,
            _ => io::Error::other("the thread ended before its runtime was built"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    #[test]
    fn a_thread_runs_tasks_that_cannot_leave_it() {
        let thread = spawn("worker-7", || async {
            let local = Rc::new(41);
            let task = tokio::task::spawn_local(async move { *local + 1 });
            (
                task.await.unwrap(),
                thread::current().name().map(str::to_owned),
            )
        });
        let (answer, name) = thread.unwrap().join().unwrap().unwrap();
        assert_eq!(answer, 42);
        assert_eq!(name.as_deref(), Some("worker-7"));
    }
}
