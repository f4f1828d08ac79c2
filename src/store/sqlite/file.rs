//! [`File`]: the store's file, and what lies beside it.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::fault::of_the_system;
use crate::store::StoreError;

/// What is written to see whether there is room, in bytes: more than a group of changes takes.
const ROOM: usize = 64 * 1024;

/// Where the store is. It is never opened here while SQLite has it open: to close it would give up
/// this process's locks on it (POSIX, `fcntl`).
#[derive(Clone, Debug)]
pub(super) struct File(PathBuf);

/// Which file it is, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    number: u64,
}

/// The log beside the file and the log's index. SQLite makes them with the first connection and
/// removes them with the last: while one is open, they stay the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Beside {
    pub(super) log: Option<Identity>,
    pub(super) index: Option<Identity>,
}

/// How a file is that nobody writes: it has another fingerprint after somebody did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint {
    identity: Identity,
    length: u64,
    modified: (i64, i64),
    log: Option<u64>,
}

impl File {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Makes the file if there is none, for nobody but its owner, so that it outlives a power cut.
    pub(super) fn create_if_missing(&self) -> Result<(), StoreError> {
        match OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&self.0)
        {
            Ok(file) => {
                let synced = file.sync_all().and_then(|()| self.sync_directory());
                synced.map_err(|error| of_the_system(&error))
            }
            Err(_) if self.0.exists() => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Err(StoreError::ReadOnly)
            }
            Err(error) => Err(of_the_system(&error)),
        }
    }

    pub(super) fn identity(&self) -> Result<Identity, StoreError> {
        Ok(self.fingerprint()?.identity)
    }

    pub(super) fn fingerprint(&self) -> Result<Fingerprint, StoreError> {
        let about = fs::metadata(&self.0).map_err(|error| of_the_system(&error))?;
        if !about.is_file() {
            let words = "it is not a regular file";
            return Err(StoreError::Unavailable(words.to_owned()));
        }
        Ok(Fingerprint {
            identity: Identity::of(&about),
            length: about.len(),
            modified: (about.mtime(), about.mtime_nsec()),
            log: self.log_length(),
        })
    }

    /// What lies beside it now.
    pub(super) fn around(&self) -> Beside {
        let identity = |ending| {
            let about = fs::metadata(self.beside(ending)).ok()?;
            Some(Identity::of(&about))
        };
        Beside {
            log: identity("-wal"),
            index: identity("-shm"),
        }
    }

    /// The length of the write-ahead log, in bytes. Whoever has the file open for writing has one.
    pub(super) fn log_length(&self) -> Option<u64> {
        fs::metadata(self.beside("-wal"))
            .map(|about| about.len())
            .ok()
    }

    /// Whether the index of the write-ahead log is there, which those who write share.
    pub(super) fn has_index(&self) -> bool {
        self.beside("-shm").exists()
    }

    /// Whether no more can be written where the store is. SQLite tells a full disk from a broken
    /// one for some of its calls only.
    pub(super) fn lacks_room(&self) -> bool {
        let beside = self.beside("-room");
        let written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)
            .and_then(|mut file| {
                file.write_all(&vec![0; ROOM])
                    .and_then(|()| file.sync_all())
            });
        let _ = fs::remove_file(&beside);
        written.is_err_and(|error| of_the_system(&error) == StoreError::Full)
    }

    /// The file as a URI with these parameters (<https://www.sqlite.org/uri.html>).
    pub(super) fn uri(&self, parameters: &str) -> String {
        let bytes = self.0.as_os_str().as_bytes().iter();
        let path = bytes.map(|byte| match byte {
            b'/' | b'-' | b'.' | b'_' => char::from(*byte).to_string(),
            byte if byte.is_ascii_alphanumeric() => char::from(*byte).to_string(),
            byte => format!("%{byte:02X}"),
        });
        format!("file:{}?{parameters}", path.collect::<String>())
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut path = OsString::from(&self.0);
        path.push(ending);
        path.into()
    }

    fn sync_directory(&self) -> io::Result<()> {
        let parent = self.0.parent().filter(|it| !it.as_os_str().is_empty());
        fs::File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl Identity {
    fn of(about: &fs::Metadata) -> Self {
        Self {
            device: about.dev(),
            number: about.ino(),
        }
    }
}

impl Beside {
    /// Whether both are there, and none is another than it was before.
    pub(super) fn follows(self, before: Self) -> bool {
        let follows = |now: Option<Identity>, then: Option<Identity>| {
            now.is_some() && (then.is_none() || then == now)
        };
        follows(self.log, before.log) && follows(self.index, before.index)
    }
}
