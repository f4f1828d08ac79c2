//! From a file's text and the environment to a [`Config`], with every error.

use std::cell::Cell;
use std::collections::HashSet;
use std::sync::Arc;

use toml::de::DeTable;

use super::diagnostic::{Diagnostic, Report};
use super::environment::{self, Environment, Override};
use super::many_keys::KeyBlocks;
use super::source::{self, Source};
use super::{Config, document, environment_alone};

/// A configuration as it was written, with what was wrong in how it was written.
///
/// A setting that could not be read is left out of `config`, so that what remains can be checked
/// too and all errors come at once.
#[derive(Clone, Debug)]
pub struct Written {
    /// What could be read.
    pub config: Config,
    source: Source,
    /// The keys of a long file, to begin with when it is read again.
    blocks: KeyBlocks,
    diagnostics: Vec<Diagnostic>,
}

impl Written {
    /// Reads a file's text, and the `DOORWARD_SECTION_KEY` variables over it.
    #[must_use]
    pub fn from_file(
        name: impl Into<String>,
        text: impl Into<Arc<str>>,
        environment: &Environment,
    ) -> Self {
        Self::of_file(Source::new(name, text), environment, None)
    }

    /// Reads what the same file holds now, the same as [`Self::from_file`]. Of a long file, only
    /// the keys near a change are read.
    #[must_use]
    pub fn reread(&self, text: impl Into<Arc<str>>, environment: &Environment) -> Self {
        let source = Source::new(self.source.name.as_str(), text);
        Self::of_file(source, environment, Some(self))
    }

    fn of_file(source: Source, environment: &Environment, before: Option<&Self>) -> Self {
        let mut written = Self::read(source, environment, before);
        written
            .diagnostics
            .extend(environment_alone::ignored(environment));
        written
    }

    /// Makes a configuration of the environment alone.
    #[must_use]
    pub fn from_environment(environment: &Environment) -> Self {
        let mut written = Self::read(Source::default(), environment, None);
        let found = environment_alone::complete(&mut written.config, environment);
        written.diagnostics.extend(found);
        written
    }

    fn read(mut source: Source, environment: &Environment, before: Option<&Self>) -> Self {
        let (overrides, mut diagnostics) = environment::overrides(environment);
        let in_blocks = Self::in_blocks(&source.text, &overrides, before);
        let (config, blocks) = in_blocks.unwrap_or_else(|| {
            let read = read_text(&source.text, &overrides);
            diagnostics.extend(read.diagnostics);
            (read.value, KeyBlocks::default())
        });
        let variables = overrides
            .iter()
            .map(|over| (over.path(), over.variable.to_owned()));
        source.variables = variables.collect();
        Self {
            config,
            source,
            blocks,
            diagnostics,
        }
    }

    /// A long file without a fault.
    fn in_blocks(
        text: &str,
        overrides: &[Override<'_>],
        before: Option<&Self>,
    ) -> Option<(Config, KeyBlocks)> {
        let none = KeyBlocks::default();
        let before = before.map_or(("", &none), |before| (&*before.source.text, &before.blocks));
        let (blocks, rest) = KeyBlocks::apart(text, before)?;
        let rest = read_text(&rest, overrides);
        let is_sound = rest.diagnostics.is_empty();
        is_sound.then(|| (blocks.join(rest.value), blocks))
    }

    /// Whether it could be read whole.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        !self.diagnostics.iter().any(Diagnostic::is_error)
    }

    /// Whether so little could be read that checking the rest would only mislead.
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        self.diagnostics
            .iter()
            .any(|found| found.is_error() && found.at.is_empty())
    }

    /// Everything wrong with it: what was found while reading, and what others found since.
    ///
    /// In a section that could not be read whole, only what others say of a setting that was read
    /// counts; the rest may be a consequence.
    #[must_use]
    pub fn report(&self, later: impl IntoIterator<Item = Diagnostic>) -> Report {
        let mut all = self.diagnostics.clone();
        if !self.is_unreadable() {
            let broken = self.diagnostics.iter().filter(|found| found.is_error());
            let broken: Vec<&str> = broken.map(|found| found.at.as_str()).collect();
            let sections: HashSet<&str> = broken.iter().copied().map(section_of).collect();
            let tree = if broken.is_empty() {
                DeTable::new()
            } else {
                self.source.tree()
            };
            all.extend(later.into_iter().filter(|found| {
                !sections.contains(section_of(&found.at))
                    || (source::is_written(&tree, &found.at)
                        && !broken.iter().any(|broken| overlap(broken, &found.at)))
            }));
        }
        Report::new(self.source.clone(), all)
    }
}

/// Whether one key path is the other, or leads to it.
fn overlap(a: &str, b: &str) -> bool {
    a.starts_with(b) || b.starts_with(a)
}

fn read_text(text: &str, overrides: &[Override<'_>]) -> document::Read<Config> {
    let first = match document::parse(text) {
        Ok(table) => Cell::new(Some(table)),
        Err(diagnostics) => {
            return document::Read {
                value: Config::default(),
                diagnostics,
            };
        }
    };
    document::read(|| {
        let again = || document::parse(text).unwrap_or_default();
        let mut table = first.take().unwrap_or_else(again);
        environment::apply(overrides, &mut table);
        table
    })
}

/// Reads a document of another kind in the same way.
pub(crate) fn read_toml<T>(name: &str, text: &str) -> Result<T, Report>
where
    T: serde::de::DeserializeOwned + Default,
{
    let report = |diagnostics| Report::new(Source::new(name, text), diagnostics);
    document::parse(text).map_err(report)?;
    let read = document::read::<T>(|| document::parse(text).unwrap_or_default());
    if read.diagnostics.is_empty() {
        Ok(read.value)
    } else {
        Err(report(read.diagnostics))
    }
}

/// `key[2]` of `key[2].sha256`.
fn section_of(path: &str) -> &str {
    path.split('.').next().unwrap_or_default()
}

#[cfg(test)]
mod tests;
