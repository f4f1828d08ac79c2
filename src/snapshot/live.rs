//! The live snapshot: the control plane publishes, every worker reads.
//!
//! A worker holds an `Arc` of its own and compares one atomic number a request; only when that
//! differs does it take the new `Arc`. So the path of a plain request touches a cache line that
//! nobody writes between two reloads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use arc_swap::ArcSwapAny;
use tokio::sync::watch;

use super::Snapshot;

/// The strategy is deliberate: the default one of `arc-swap` has returned a value of *another*
/// cell (vorner/arc-swap#210), which would be someone else's identity here. A load is rare.
type Cell<T> = ArcSwapAny<Arc<T>, RwLock<()>>;

struct Shared<T> {
    current: Cell<T>,
    generation: AtomicU64,
}

/// The number of a published snapshot; it grows by one with each publication.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub u64);

/// Begins with a first snapshot, made for [`FIRST`].
#[must_use]
pub fn live<T>(first: T) -> (Publisher<T>, Reader<T>) {
    let shared = Arc::new(Shared {
        current: Cell::new(Arc::new(first)),
        generation: AtomicU64::new(FIRST.0),
    });
    let (announce, changes) = watch::channel(());
    let reader = Reader {
        shared: Arc::clone(&shared),
        changes,
    };
    let publisher = Publisher {
        shared,
        announce,
        retired: Vec::new(),
    };
    (publisher, reader)
}

/// The number of the first snapshot.
pub const FIRST: Generation = Generation(1);

/// The writing end; there is one.
pub struct Publisher<T = Snapshot> {
    shared: Arc<Shared<T>>,
    announce: watch::Sender<()>,
    /// Replaced snapshots that someone still reads; see [`Publisher::sweep`].
    retired: Vec<Arc<T>>,
}

impl<T> Publisher<T> {
    /// The number that the next snapshot is to bear.
    #[must_use]
    pub fn next(&self) -> Generation {
        Generation(self.generation().0 + 1)
    }

    /// Puts a snapshot in force, made for [`Publisher::next`]. When this returns, every worker
    /// that looks sees it.
    pub fn publish(&mut self, next: T) {
        let generation = self.next();
        let replaced = self.shared.current.swap(Arc::new(next));
        // After the snapshot: who sees the number finds at least that snapshot.
        self.shared
            .generation
            .store(generation.0, Ordering::Release);
        self.announce.send_replace(());
        self.retired.push(replaced);
    }

    /// The number now in force.
    #[must_use]
    pub fn generation(&self) -> Generation {
        Generation(self.shared.generation.load(Ordering::Acquire))
    }

    /// What is in force now.
    #[must_use]
    pub fn current(&self) -> Arc<T> {
        self.shared.current.load_full()
    }

    /// Frees the replaced snapshots that no worker holds any more. Call it after a publication and
    /// now and then: so it is this thread that frees a table of many keys, and never a worker
    /// between two requests.
    pub fn sweep(&mut self) {
        self.retired
            .retain(|snapshot| Arc::strong_count(snapshot) > 1);
    }
}

/// The reading end; every worker has a clone.
pub struct Reader<T = Snapshot> {
    shared: Arc<Shared<T>>,
    changes: watch::Receiver<()>,
}

impl<T> Reader<T> {
    /// The number in force: one atomic load.
    #[must_use]
    pub fn generation(&self) -> Generation {
        Generation(self.shared.generation.load(Ordering::Acquire))
    }

    /// The snapshot in force: at least as new as the last number that was seen.
    #[must_use]
    pub fn load(&self) -> Arc<T> {
        self.shared.current.load_full()
    }

    /// Waits until something was published since this reader was made or last waited. Never ends
    /// once the publisher is gone: the last snapshot stays in force.
    pub async fn changed(&mut self) {
        if self.changes.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl<T> Clone for Reader<T> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            changes: self.changes.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Weak;
    use std::sync::atomic::AtomicBool;

    use super::*;

    #[test]
    fn every_publication_has_the_next_number() {
        let (mut publisher, reader) = live(10);
        assert_eq!((reader.generation(), *reader.load()), (FIRST, 10));
        assert_eq!(publisher.next(), Generation(2));
        publisher.publish(20);
        assert_eq!((reader.generation(), *reader.load()), (Generation(2), 20));
    }

    #[test]
    fn a_replaced_snapshot_is_freed_by_the_publisher() {
        let (mut publisher, reader) = live(1);
        let held = reader.load();
        let weak: Weak<u64> = Arc::downgrade(&held);
        publisher.publish(2);
        drop(held);
        assert!(
            weak.upgrade().is_some(),
            "the reader's drop is not the last"
        );
        publisher.sweep();
        assert!(weak.upgrade().is_none());
    }

    #[test]
    fn a_reader_never_sees_a_number_without_its_snapshot() {
        let (mut publisher, reader) = live(FIRST);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let watching = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let seen = reader.generation();
                assert!(*reader.load() >= seen);
            }
        });
        for _ in 0..5_000 {
            publisher.publish(publisher.next());
        }
        stop.store(true, Ordering::Relaxed);
        watching.join().unwrap();
    }

    #[tokio::test]
    async fn a_waiting_reader_wakes_once_for_publications_it_slept_through() {
        let (mut publisher, mut reader) = live(1);
        publisher.publish(2);
        publisher.publish(3);
        reader.changed().await;
        assert_eq!(*reader.load(), 3);
        let idle = tokio::time::timeout(std::time::Duration::from_millis(10), reader.changed());
        assert!(idle.await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_outlives_its_publisher() {
        let (publisher, mut reader) = live(1);
        drop(publisher);
        let wait = tokio::time::timeout(std::time::Duration::from_mins(1), reader.changed());
        assert!(wait.await.is_err());
        assert_eq!(*reader.load(), 1);
    }
}
