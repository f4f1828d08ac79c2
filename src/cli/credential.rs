//! Where a command reads a credential from: a file or standard input, never its arguments.

use std::{
    convert::Infallible,
    fmt, fs,
    io::{self, BufRead},
    path::PathBuf,
    str::FromStr,
};

use anyhow::{Context, bail};

use crate::secret::Secret;

/// A file, or `-` for standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    File(PathBuf),
    Stdin,
}

impl FromStr for Source {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(if text == "-" {
            Self::Stdin
        } else {
            Self::File(text.into())
        })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Stdin => f.write_str("standard input"),
        }
    }
}

impl Source {
    /// Reads the credential: a file's bytes, or the first line of standard input, whose further
    /// lines stay for others. One trailing line break is not part of it.
    pub(super) fn read(&self) -> anyhow::Result<Secret> {
        let bytes = match self {
            Self::File(path) => fs::read(path).with_context(|| format!("reading {self}"))?,
            Self::Stdin => {
                let mut line = Vec::new();
                io::stdin().lock().read_until(b'\n', &mut line)?;
                line
            }
        };
        let credential = Secret::from_file(bytes);
        if credential.is_empty() {
            bail!("{self} holds no credential");
        }
        Ok(credential)
    }
}
