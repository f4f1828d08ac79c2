//! [`Watch`]: the system's word about directory entries, by `notify` on their parents.
//!
//! Files themselves are not watched: a watch on a file dies with it when an editor or Kubernetes
//! puts another in its place.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind, RenameMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

use super::settle::Touch;

/// Whether a close after writing is reported; only then may a write wait for it.
const CLOSES_ARE_REPORTED: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// More reports than this between two looks are replaced by "anything may have changed".
const BACKLOG: usize = 4096;

/// Reports what happens to a set of directory entries.
pub(super) struct Watch {
    /// Nothing when the system refuses: then the slow re-read is all there is.
    notify: Option<RecommendedWatcher>,
    /// The directories that are watched, each as the device and inode that it was then.
    watched: BTreeMap<PathBuf, (u64, u64)>,
    /// Directories that could not be watched, so that each is complained about once.
    refused: BTreeSet<PathBuf>,
    unsaid: Vec<Complaint>,
    inbox: Arc<Inbox>,
}

/// What was reported since the last look.
#[derive(Debug, Default)]
pub(super) struct Reports {
    /// In the order in which they happened.
    pub(super) touches: Vec<(PathBuf, Touch)>,
    /// Reports were lost: anything may have changed.
    pub(super) lost: bool,
}

/// What the system does not let us watch.
#[derive(Debug)]
enum Complaint {
    /// Anything.
    Files(notify::Error),
    /// What is in this directory.
    Directory(PathBuf, notify::Error),
}

impl Watch {
    pub(super) fn new() -> Self {
        let inbox = Arc::new(Inbox::default());
        let handler = Arc::clone(&inbox);
        let notify = notify::recommended_watcher(move |event| handler.take_in(event));
        let (notify, unsaid) = match notify {
            Ok(notify) => (Some(notify), Vec::new()),
            Err(error) => (None, vec![Complaint::Files(error)]),
        };
        Self {
            notify,
            unsaid,
            watched: BTreeMap::new(),
            refused: BTreeSet::new(),
            inbox,
        }
    }

    /// Says in the log what could not be watched since the last time. Watching begins before there
    /// is a log.
    pub(super) fn complain(&mut self) {
        for complaint in self.unsaid.drain(..) {
            match complaint {
                Complaint::Files(error) => {
                    tracing::warn!(%error, "cannot watch files; changes are found by re-reading only");
                }
                Complaint::Directory(directory, error) => {
                    tracing::warn!(directory = %directory.display(), %error,
                        "cannot watch; changes here are found by re-reading only");
                }
            }
        }
    }

    /// Watches the parents of exactly these entries from now on. Cheap when nothing changed, and
    /// to be repeated when something did: a directory may be another than it was.
    pub(super) fn follow(&mut self, entries: &BTreeSet<PathBuf>) {
        let parents = entries
            .iter()
            .filter_map(|entry| entry.parent().map(Path::to_path_buf));
        let wanted: BTreeSet<PathBuf> = parents.collect();
        self.inbox.lock().interest = entries.union(&wanted).cloned().collect();
        let Some(notify) = &mut self.notify else {
            return;
        };
        self.watched.retain(|dir, was| {
            let stays = wanted.contains(dir) && identity(dir).is_ok_and(|is| is == *was);
            if !stays {
                // An error says that the system had dropped the watch already.
                let _ = notify.unwatch(dir);
            }
            stays
        });
        for dir in wanted {
            if self.watched.contains_key(&dir) {
                continue;
            }
            let watched = identity(&dir)
                .map_err(notify::Error::io)
                .and_then(|identity| {
                    notify
                        .watch(&dir, RecursiveMode::NonRecursive)
                        .map(|()| identity)
                });
            match watched {
                Ok(identity) => {
                    self.refused.remove(&dir);
                    self.watched.insert(dir, identity);
                }
                Err(e) => {
                    if self.refused.insert(dir.clone()) {
                        self.unsaid.push(Complaint::Directory(dir, e));
                    }
                }
            }
        }
    }

    /// Waits until there is something to take.
    pub(super) async fn reported(&self) {
        self.inbox.arrived.notified().await;
    }

    /// Takes what was reported. A directory that was itself removed or moved is forgotten, so that
    /// the next [`Watch::follow`] watches whatever then has its name.
    pub(super) fn take(&mut self) -> Reports {
        let reports = std::mem::take(&mut self.inbox.lock().reports);
        let gone = |dir: &Path| {
            reports
                .touches
                .iter()
                .any(|(path, touch)| *touch == Touch::Gone && path == dir)
        };
        let Some(notify) = &mut self.notify else {
            return reports;
        };
        self.watched.retain(|dir, _| {
            let stays = !reports.lost && !gone(dir);
            if !stays {
                // An error says that the system had dropped the watch already.
                let _ = notify.unwatch(dir);
            }
            stays
        });
        reports
    }
}

fn identity(dir: &Path) -> io::Result<(u64, u64)> {
    dir.metadata()
        .map(|metadata| (metadata.dev(), metadata.ino()))
}

/// Filled by the thread of `notify`, emptied by the control plane's.
#[derive(Default)]
struct Inbox {
    state: Mutex<State>,
    arrived: Notify,
}

#[derive(Default)]
struct State {
    interest: BTreeSet<PathBuf>,
    reports: Reports,
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_in(&self, event: notify::Result<Event>) {
        let mut state = self.lock();
        let State { interest, reports } = &mut *state;
        match event {
            Ok(event) if event.need_rescan() => reports.lost = true,
            Ok(event) => {
                let Some(touch) = touch(event.kind) else {
                    return;
                };
                for path in event.paths {
                    if interest.contains(&path) {
                        reports.add(path, touch);
                    }
                }
            }
            Err(_) => reports.lost = true,
        }
        if reports.lost || !reports.touches.is_empty() {
            self.arrived.notify_one();
        }
    }
}

impl Reports {
    fn add(&mut self, path: PathBuf, touch: Touch) {
        // Whoever makes a link is done with it; whoever makes a file is about to write it.
        let touch = match touch {
            Touch::Partial if path.is_symlink() || path.is_dir() => Touch::Unknown,
            touch => touch,
        };
        if self
            .touches
            .last()
            .is_some_and(|last| last.0 == path && last.1 == touch)
        {
            return;
        }
        if self.touches.len() < BACKLOG {
            self.touches.push((path, touch));
        } else {
            self.touches.clear();
            self.lost = true;
        }
    }
}

/// What an event of `notify` means for the entry that it names; nothing for mere reading.
fn touch(kind: EventKind) -> Option<Touch> {
    let partial = if CLOSES_ARE_REPORTED {
        Touch::Partial
    } else {
        Touch::Unknown
    };
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write))
        | EventKind::Modify(ModifyKind::Name(RenameMode::To)) => Some(Touch::Complete),
        EventKind::Create(CreateKind::File) | EventKind::Modify(ModifyKind::Data(_)) => {
            Some(partial)
        }
        EventKind::Modify(ModifyKind::Name(RenameMode::From)) | EventKind::Remove(_) => {
            Some(Touch::Gone)
        }
        EventKind::Access(_) => None,
        // Follows a `From` and a `To` that said the same.
        EventKind::Modify(ModifyKind::Name(RenameMode::Both)) if CLOSES_ARE_REPORTED => None,
        EventKind::Create(_) | EventKind::Modify(_) | EventKind::Any | EventKind::Other => {
            Some(Touch::Unknown)
        }
    }
}
