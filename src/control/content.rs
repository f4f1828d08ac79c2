//! [`Content`]: what a file held when it was read.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use zeroize::Zeroizing;

/// No file that we read has a reason to be larger: a million key digests are 65 MB.
const LARGEST: u64 = 256 << 20;

/// What one read of a path found. Wiped when dropped: it may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Content {
    /// A regular file's bytes.
    Bytes(Arc<Zeroizing<Vec<u8>>>),
    /// Nothing is there.
    Missing,
    /// Something is there that cannot be read, and why.
    Unreadable(String),
}

/// SHA-256 over a [`Content`]; contents decide whether something changed, never file times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Digest([u8; 32]);

impl Content {
    /// Reads `path` as it is now.
    #[must_use]
    pub(super) fn read(path: &Path) -> Self {
        match read(path) {
            Ok(bytes) => Self::Bytes(Arc::new(bytes)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Self::Missing,
            // A file in the place of a directory: the path leads nowhere.
            Err(e) if e.kind() == io::ErrorKind::NotADirectory => Self::Missing,
            Err(e) => Self::Unreadable(e.to_string()),
        }
    }

    pub(super) fn digest(&self) -> Digest {
        let mut context = Context::new(&SHA256);
        let (tag, bytes) = match self {
            Self::Bytes(bytes) => (b"b", bytes.as_slice()),
            Self::Missing => (b"m", &[][..]),
            Self::Unreadable(reason) => (b"u", reason.as_bytes()),
        };
        context.update(tag);
        context.update(bytes);
        let mut digest = [0; 32];
        for (to, from) in digest.iter_mut().zip(context.finish().as_ref()) {
            *to = *from;
        }
        Digest(digest)
    }

    #[cfg(test)]
    pub(super) fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Bytes(Arc::new(Zeroizing::new(bytes.into())))
    }
}

fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    // Asked before opening: opening a named pipe would wait for its writer.
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    // Room for the whole at once, so that growing leaves no copies behind.
    let expected = usize::try_from(metadata.len().min(LARGEST)).unwrap_or_default() + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(expected));
    File::open(path)?
        .take(LARGEST + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::other("larger than 256 MiB"));
    }
    Ok(bytes)
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::Missing => f.write_str("Missing"),
            Self::Unreadable(reason) => write!(f, "Unreadable({reason})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_regular_file_is_named_and_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(
            Content::read(dir.path()),
            Content::Unreadable("not a regular file".into())
        );
        let pipe = dir.path().join("pipe");
        let made = std::process::Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap();
        assert!(made.success());
        assert_eq!(
            Content::read(&pipe),
            Content::Unreadable("not a regular file".into())
        );
    }

    #[test]
    fn a_missing_file_and_an_empty_one_differ() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        assert_eq!(Content::read(&path), Content::Missing);
        assert_eq!(Content::read(&path.join("below")), Content::Missing);
        std::fs::write(&path, "").unwrap();
        assert_eq!(Content::read(&path.join("below")), Content::Missing);
        assert_eq!(Content::read(&path), Content::bytes(""));
        assert_ne!(Content::Missing.digest(), Content::bytes("").digest());
    }

    #[test]
    fn content_does_not_show_itself() {
        assert!(!format!("{:?}", Content::bytes("hunter2")).contains("hunter2"));
    }
}
