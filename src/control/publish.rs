//! From configuration and materials to the snapshot in force.

use std::time::Instant;

use super::exposure::exposed;
use super::load::{Loader, Outcome};
use super::parse::name;
use super::{Controller, State};
use crate::clock::Timestamp;
use crate::config::{Diagnostic, Reference, Report, Written};
use crate::snapshot::Materials;
use crate::snapshot::compile::{Compiled, Context, compile};

/// What can be put in force of what is written and loaded.
struct Plan {
    compiled: Compiled,
    materials: Materials,
    part: Part,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Everything,
    /// The loaded units, under the configuration in force.
    Units,
    /// The written configuration, with what can be had of the units.
    Config,
    /// Some of the loaded units, under the configuration in force.
    SomeUnits,
}

impl Controller {
    /// Puts in force as much as can be of the written configuration and the loaded units.
    pub(super) fn publish(&mut self, outcomes: &[Outcome], began: Instant) {
        if self.candidate().is_none() && !self.unpublished {
            return;
        }
        let Some(Plan {
            compiled,
            materials,
            part,
        }) = self.plan()
        else {
            return;
        };
        // First of all: whoever is revoked need not wait for the book-keeping.
        self.publisher.publish(compiled.snapshot);
        let mut changed = Vec::new();
        let mut replaced = None;
        if matches!(part, Part::Everything | Part::Config) {
            replaced = self.adopt();
            changed.extend(replaced.is_some().then(|| self.source.name()));
        }
        if matches!(part, Part::Everything | Part::Units) {
            let units = outcomes.iter().filter(|outcome| outcome.fault.is_none());
            changed.extend(units.map(|outcome| outcome.unit.clone()));
            self.unpublished = false;
        } else {
            let units = materials.changed_since(&self.proven);
            changed.extend(units.map(|(kind, _)| name(kind)));
        }
        self.proven = materials;
        self.follow();
        if matches!(self.written, State::InForce) && !self.unpublished {
            self.complaint.clear();
        }
        self.tell_reloaded(&changed, began);
        self.tell_warnings(warnings(&self.good, compiled.warnings));
        // Freeing many keys takes a while, and nobody waits for it here.
        drop(replaced);
        self.publisher.sweep();
    }

    /// When the written configuration and the loaded units do not go together, as much of them as
    /// does: so a fault in one does not delay a revocation in another.
    fn plan(&mut self) -> Option<Plan> {
        let fresh = self.loader.materials();
        match self.compile(self.candidate().unwrap_or(&self.good), &fresh) {
            Ok(compiled) => {
                return Some(Plan {
                    compiled,
                    materials: fresh,
                    part: Part::Everything,
                });
            }
            Err(report) => self.complain(&report),
        }
        if !self.unpublished {
            return None;
        }
        let Some(candidate) = self.candidate() else {
            return self.salvage(&self.good, &fresh, Part::SomeUnits);
        };
        if let Ok(compiled) = self.compile(&self.good, &fresh) {
            return Some(Plan {
                compiled,
                materials: fresh,
                part: Part::Units,
            });
        }
        self.salvage(candidate, &fresh, Part::Config)
            .or_else(|| self.salvage(&self.good, &fresh, Part::SomeUnits))
    }

    /// A configuration with the units that are proven, and with each of the fresh ones that goes
    /// together with those: a secret may be too weak, or a key be there already.
    fn salvage(&self, written: &Written, fresh: &Materials, part: Part) -> Option<Plan> {
        let mut materials = self.proven.clone().or(fresh);
        let mut best = match part {
            Part::Config => Some(self.compile(written, &materials).ok()?),
            _ => None,
        };
        let mut changed: Vec<_> = fresh.changed_since(&materials).collect();
        changed.sort_by_key(|(kind, _)| name(kind));
        for (kind, material) in changed {
            let mut more = materials.clone();
            more.insert(kind.clone(), material.clone());
            if let Ok(compiled) = self.compile(written, &more) {
                best = Some(compiled);
                materials = more;
            }
        }
        Some(Plan {
            compiled: best?,
            materials,
            part,
        })
    }

    fn compile(&self, written: &Written, materials: &Materials) -> Result<Compiled, Report> {
        attempt(
            written,
            &self.loader,
            materials,
            &Context {
                generation: self.publisher.next(),
                now: Timestamp::now(),
                keys: &self.keys,
                store: &self.store,
            },
        )
    }

    /// Makes the candidate, if there is one, the configuration in force; gives the one before.
    fn adopt(&mut self) -> Option<Written> {
        match std::mem::replace(&mut self.written, State::InForce) {
            State::Waiting(written) => Some(std::mem::replace(&mut self.good, *written)),
            other => {
                self.written = other;
                None
            }
        }
    }
}

/// Compiles a configuration; or everything that is wrong with it and what it refers to. What the
/// loader knows of a missing file is said in its words.
pub(super) fn attempt(
    written: &Written,
    loader: &Loader,
    materials: &Materials,
    context: &Context<'_>,
) -> Result<Compiled, Report> {
    let references: Vec<Reference> = written.config.references();
    let missing = loader.missing(&references);
    let (compiled, found) = match compile(&written.config, materials, context) {
        Ok(compiled) if missing.is_empty() && written.is_sound() => return Ok(compiled),
        Ok(compiled) => (Some(compiled), Vec::new()),
        Err(errors) => (None, errors.0),
    };
    let warnings = compiled
        .map(|compiled| compiled.warnings)
        .unwrap_or_default();
    let said = |at: &str| missing.iter().any(|missing| missing.at == at);
    let found = found
        .into_iter()
        .filter(|found| !said(&found.at))
        .collect::<Vec<_>>();
    Err(written.report(missing.into_iter().chain(found).chain(warnings)))
}

pub(super) fn warnings(written: &Written, found: Vec<Diagnostic>) -> Vec<String> {
    let found = found.into_iter().chain(exposed(&written.config));
    written.report(found).lines().collect()
}
