//! Where the configuration is written, and reading it for the first time.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::content::Content;
use super::files::Files;
use super::load::Loader;
use super::parse::paths;
use crate::config::{Config, Environment, Report, Written};

/// Where the configuration is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// In a file; `DOORWARD_…` variables override single settings.
    File(PathBuf),
    /// In the environment alone, which cannot change; the files it names can.
    Environment,
}

impl Source {
    pub(super) fn is(&self, path: &Path) -> bool {
        matches!(self, Self::File(own) if own == path)
    }

    /// How it is called in the log and in metrics.
    pub(super) fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Environment => "environment".to_owned(),
        }
    }
}

/// Why nothing could be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration file cannot be read.
    #[error("cannot read the configuration file {path}: {reason}")]
    Unreadable {
        /// As it was given.
        path: String,
        /// What the system says.
        reason: String,
    },
    /// It can be read, and has errors.
    #[error("{}", .0.lines().collect::<Vec<_>>().join("\n"))]
    Invalid(Report),
}

/// The configuration as it is written at the start; watched before it is read.
pub(super) fn read_first(
    source: &Source,
    environment: &Environment,
    files: &mut Files,
) -> Result<Written, StartError> {
    let Source::File(path) = source else {
        return Ok(Written::from_environment(environment));
    };
    files.follow(&BTreeSet::from([path.clone()]));
    let content = files.read(path);
    let text = text(&content).map_err(|reason| StartError::Unreadable {
        path: source.name(),
        reason,
    })?;
    Ok(Written::from_file(source.name(), text, environment))
}

/// A file's text, or why there is none.
pub(super) fn text(content: &Content) -> Result<&str, String> {
    match content {
        Content::Bytes(bytes) => std::str::from_utf8(bytes).map_err(|e| format!("not UTF-8: {e}")),
        Content::Missing => Err("there is no such file".to_owned()),
        Content::Unreadable(reason) => Err(reason.clone()),
    }
}

/// Every file that the control plane would watch for this configuration.
#[must_use]
pub fn watched(source: &Source, config: &Config) -> BTreeSet<PathBuf> {
    let references = config.references();
    let files = references
        .iter()
        .flat_map(|reference| paths(&reference.kind));
    let own = match source {
        Source::File(path) => Some(path.as_path()),
        Source::Environment => None,
    };
    files.chain(own).map(Path::to_path_buf).collect()
}

/// Every file that matters.
pub(super) fn followed(source: &Source, loader: &Loader) -> BTreeSet<PathBuf> {
    let mut paths = loader.paths();
    if let Source::File(path) = source {
        paths.insert(path.clone());
    }
    paths
}
