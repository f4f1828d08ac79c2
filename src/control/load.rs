//! [`Loader`]: from the contents of files to [`Materials`], each unit keeping its last good value.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::content::Content;
use super::parse::{explain, name, parse, paths};
use crate::config::{Config, Diagnostic, Environment, Reference, ReferenceKind};
use crate::snapshot::{Material, Materials};

/// Loads everything that `config` refers to, once. What could not be loaded is an error each, at
/// the setting that asks for it.
#[must_use]
pub fn load(config: &Config, environment: &Environment) -> (Materials, Vec<Diagnostic>) {
    let references = config.references();
    let mut loader = Loader::new(environment.clone());
    loader.expect(references.iter());
    for path in loader.unread() {
        let content = Content::read(&path);
        loader.take(&path, &content);
    }
    loader.settle();
    (loader.materials(), loader.missing(&references))
}

/// The units of a configuration: what is read, parsed and kept on its own, so that a broken
/// certificate never delays a revocation.
#[derive(Debug)]
pub(super) struct Loader {
    environment: Environment,
    units: HashMap<ReferenceKind, Unit>,
}

/// What became of a unit that was read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// The file, as it is written in the configuration.
    pub(super) unit: String,
    /// Why it could not be used, if it could not.
    pub(super) fault: Option<String>,
    /// Whether an earlier value stays in force in spite of a fault.
    pub(super) kept: bool,
}

#[derive(Debug, Default)]
struct Unit {
    /// Contents that were read since the last parse, or for a pair at any time, by path.
    contents: BTreeMap<PathBuf, Content>,
    changed: bool,
    good: Option<Material>,
    fault: Option<String>,
}

impl Loader {
    pub(super) fn new(environment: Environment) -> Self {
        Self {
            environment,
            units: HashMap::new(),
        }
    }

    /// Keeps exactly the units of these references; says which are no longer among them.
    pub(super) fn expect<'a>(
        &mut self,
        references: impl Iterator<Item = &'a Reference>,
    ) -> Vec<String> {
        let mut before = std::mem::take(&mut self.units);
        for Reference { kind, .. } in references {
            let fresh = || Unit {
                changed: true,
                ..Unit::default()
            };
            let unit = before.remove(kind).unwrap_or_else(fresh);
            // A second reference to the same thing finds it here already.
            self.units.entry(kind.clone()).or_insert(unit);
        }
        before
            .keys()
            .filter(|kind| !self.units.contains_key(*kind))
            .map(name)
            .collect()
    }

    /// Every file of every unit.
    pub(super) fn paths(&self) -> BTreeSet<PathBuf> {
        self.units
            .keys()
            .flat_map(paths)
            .map(Path::to_path_buf)
            .collect()
    }

    /// The files of units that were never parsed.
    pub(super) fn unread(&self) -> BTreeSet<PathBuf> {
        let unread = |(_, unit): &(_, &Unit)| unit.good.is_none() && unit.fault.is_none();
        let kinds = self
            .units
            .iter()
            .filter(unread)
            .flat_map(|(kind, _)| paths(kind));
        kinds.map(Path::to_path_buf).collect()
    }

    /// Takes a file's new content, for every unit that it is part of.
    pub(super) fn take(&mut self, path: &Path, content: &Content) {
        for (kind, unit) in &mut self.units {
            if paths(kind).contains(&path) {
                unit.contents.insert(path.to_owned(), content.clone());
                unit.changed = true;
            }
        }
    }

    /// Looks again at what is no file: the system's authorities.
    pub(super) fn refresh(&mut self) {
        if let Some(unit) = self.units.get_mut(&ReferenceKind::SystemRoots) {
            unit.changed = true;
        }
    }

    /// Parses the units that changed. What cannot be used leaves the last good value.
    pub(super) fn settle(&mut self) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for (kind, unit) in &mut self.units {
            if !unit.changed
                || paths(kind)
                    .iter()
                    .any(|path| !unit.contents.contains_key(*path))
            {
                continue;
            }
            unit.changed = false;
            unit.fault = match parse(kind, &unit.contents, &self.environment) {
                Ok(material) => {
                    unit.good = Some(material);
                    None
                }
                Err(fault) => Some(fault),
            };
            // Of a pair one half may change alone; of anything else the bytes are needed no more.
            if !matches!(kind, ReferenceKind::Pair { .. }) {
                unit.contents.clear();
            }
            outcomes.push(unit.outcome(kind));
        }
        outcomes.sort_by(|a, b| a.unit.cmp(&b.unit));
        outcomes
    }

    /// The units that are in fault now.
    pub(super) fn faults(&self) -> Vec<Outcome> {
        let faulty = self.units.iter().filter(|(_, unit)| unit.fault.is_some());
        faulty.map(|(kind, unit)| unit.outcome(kind)).collect()
    }

    /// The last good value of every unit that ever had one.
    pub(super) fn materials(&self) -> Materials {
        let mut materials = Materials::default();
        for (kind, unit) in &self.units {
            if let Some(material) = &unit.good {
                materials.insert(kind.clone(), material.clone());
            }
        }
        materials
    }

    /// An error for each of these references that has no value, not even an earlier one.
    pub(super) fn missing(&self, references: &[Reference]) -> Vec<Diagnostic> {
        let diagnostic = |reference: &Reference| {
            let unit = self.units.get(&reference.kind)?;
            if unit.good.is_some() {
                return None;
            }
            let fault = unit.fault.as_deref().unwrap_or("not loaded");
            Some(explain(
                Diagnostic::error(reference.at.as_str(), fault),
                &reference.kind,
            ))
        };
        references.iter().filter_map(diagnostic).collect()
    }
}

impl Unit {
    fn outcome(&self, kind: &ReferenceKind) -> Outcome {
        let fault = self.fault.clone();
        Outcome {
            unit: name(kind),
            fault,
            kept: self.good.is_some(),
        }
    }
}

#[cfg(test)]
mod tests;
