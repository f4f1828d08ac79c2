//! [`Files`]: the believed contents of every file that the configuration refers to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::content::{Content, Digest};
use super::entries::entries;
use super::settle::{CALM, COALESCE, Settling, Touch, Verdict};
use super::watch::{Reports, Watch};

/// Everything is read again at least this often, for file systems that report nothing.
const REREAD: Duration = Duration::from_secs(10);

/// How long a change of the configuration waits at most for the files that it newly refers to.
const HASTE: Duration = Duration::from_millis(300);

/// A set of files that is followed, and what each was last believed to hold.
pub(super) struct Files {
    watch: Watch,
    followed: BTreeMap<PathBuf, Followed>,
    reread_at: Instant,
    /// Believed changes not handed out yet, and since when there are any.
    settled: Vec<(PathBuf, Content)>,
    settled_at: Option<Instant>,
}

struct Followed {
    entries: Vec<PathBuf>,
    settling: Settling,
    believed: Digest,
}

impl Files {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            watch: Watch::new(),
            followed: BTreeMap::new(),
            reread_at: now + REREAD,
            settled: Vec::new(),
            settled_at: None,
        }
    }

    /// Follows exactly `paths` from now on. Read a new one after this, so that what is written
    /// later is reported later.
    pub(super) fn follow(&mut self, paths: &BTreeSet<PathBuf>) {
        self.followed.retain(|path, _| paths.contains(path));
        self.settled.retain(|(path, _)| paths.contains(path));
        for path in paths {
            if !self.followed.contains_key(path) {
                let followed = Followed {
                    entries: entries(path),
                    settling: Settling::default(),
                    believed: Content::Missing.digest(),
                };
                self.followed.insert(path.clone(), followed);
            }
        }
        self.watch_entries();
    }

    /// Reads a followed file now and believes it.
    pub(super) fn read(&mut self, path: &Path) -> Content {
        let content = Content::read(path);
        if let Some(followed) = self.followed.get_mut(path) {
            followed.believed = content.digest();
        }
        content
    }

    /// Reads these files, again and again until two reads are equal or `HASTE` is over. Who needs
    /// them does so for the first time, so there is nothing older to keep meanwhile.
    pub(super) async fn read_calmly(
        &mut self,
        paths: &BTreeSet<PathBuf>,
    ) -> Vec<(PathBuf, Content)> {
        let mut read = || {
            paths
                .iter()
                .map(|path| (path.clone(), self.read(path)))
                .collect()
        };
        let mut found: Vec<(PathBuf, Content)> = read();
        let deadline = Instant::now() + HASTE;
        while !found.is_empty() && Instant::now() < deadline {
            tokio::time::sleep(CALM).await;
            let again = read();
            if again == found {
                break;
            }
            found = again;
        }
        found
    }

    /// Compares every file with what was believed, now rather than when the time comes. Says
    /// whether any seems to have changed.
    pub(super) fn reread(&mut self, now: Instant) -> bool {
        self.reread_at = now + REREAD;
        self.watch_again();
        for (path, followed) in &mut self.followed {
            if followed.settling.is_idle() && Content::read(path).digest() != followed.believed {
                followed.settling.touch(Touch::Unknown, now);
            }
        }
        self.followed
            .values()
            .any(|followed| !followed.settling.is_idle())
    }

    /// Waits for files that hold something else than before, and says what. Nothing is lost when
    /// the wait is given up.
    pub(super) async fn changed(&mut self) -> Vec<(PathBuf, Content)> {
        loop {
            let reports = self.watch.take();
            let now = Instant::now();
            self.take_note(&reports, now);
            if now >= self.reread_at {
                self.reread(now);
            }
            self.read_due(now);
            self.watch.complain();
            let wake = match self.settled_at {
                None => self.next_due(),
                Some(since) => match self.soon(since + COALESCE) {
                    Some(due) if now < since + COALESCE => due,
                    _ => {
                        self.settled_at = None;
                        return std::mem::take(&mut self.settled);
                    }
                },
            };
            tokio::select! {
                () = self.watch.reported() => {}
                () = tokio::time::sleep_until(wake.into()) => {}
            }
        }
    }

    fn take_note(&mut self, reports: &Reports, now: Instant) {
        for (touched, touch) in &reports.touches {
            for followed in self.followed.values_mut() {
                let concerned = followed
                    .entries
                    .iter()
                    .any(|entry| entry == touched || entry.parent() == Some(touched));
                if concerned {
                    followed.settling.touch(*touch, now);
                }
            }
        }
        if reports.lost {
            for followed in self.followed.values_mut() {
                followed.settling.touch(Touch::Unknown, now);
            }
        }
        if reports.lost || !reports.touches.is_empty() {
            self.watch_again();
        }
    }

    fn read_due(&mut self, now: Instant) {
        for (path, followed) in &mut self.followed {
            if followed.settling.due().is_none_or(|due| due > now) {
                continue;
            }
            let content = Content::read(path);
            let digest = content.digest();
            let settled = followed.settling.read(digest, now) == Verdict::Settled;
            if settled && digest != followed.believed {
                followed.believed = digest;
                self.settled.retain(|(earlier, _)| earlier != path);
                self.settled.push((path.clone(), content));
                self.settled_at.get_or_insert(now);
            }
        }
    }

    /// When the next file is due, or the slow re-read.
    fn next_due(&self) -> Instant {
        let due = self
            .followed
            .values()
            .filter_map(|followed| followed.settling.due());
        due.min()
            .map_or(self.reread_at, |due| due.min(self.reread_at))
    }

    /// When the first file that may still join the settled ones before `deadline` is due.
    fn soon(&self, deadline: Instant) -> Option<Instant> {
        let settling = self.followed.values().map(|followed| &followed.settling);
        settling
            .filter(|settling| settling.settles_before(deadline))
            .filter_map(Settling::due)
            .min()
    }

    /// Links may lead elsewhere now, and directories may be others.
    fn watch_again(&mut self) {
        for (path, followed) in &mut self.followed {
            followed.entries = entries(path);
        }
        self.watch_entries();
    }

    fn watch_entries(&mut self) {
        let entries = self
            .followed
            .values()
            .flat_map(|followed| followed.entries.iter().cloned());
        self.watch.follow(&entries.collect());
    }
}

#[cfg(test)]
mod tests;
