//! [`Materials`]: what the files that a configuration refers to hold, parsed.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use rustls::ClientConfig;

use crate::auth::KeySet;
use crate::config::{KeyFile, ReferenceKind, SecretSource};
use crate::profile::Profile;
use crate::secret::Secret;
use crate::tls::certificate::Pair;

/// Every reference of a configuration, loaded. Cheap to clone.
///
/// Something that is not here could not be loaded even once; whoever loads has said so.
#[derive(Clone, Debug, Default)]
pub struct Materials(HashMap<ReferenceKind, Material>);

/// One thing that was loaded.
#[derive(Clone, Debug)]
pub enum Material {
    /// [`ReferenceKind::Pair`].
    Pair(Arc<Pair>),
    /// [`ReferenceKind::Secret`] and [`ReferenceKind::Variable`].
    Secret(Arc<Secret>),
    /// [`ReferenceKind::KeyFile`].
    KeyFile(Arc<KeyFile>),
    /// [`ReferenceKind::PublicKey`] and [`ReferenceKind::KeySet`].
    Keys(Arc<KeySet>),
    /// [`ReferenceKind::CaFile`] and [`ReferenceKind::SystemRoots`].
    Trust(Arc<ClientConfig>),
    /// [`ReferenceKind::Profile`].
    Profile(Arc<Profile>),
}

impl Material {
    /// Whether both are one and the same.
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Pair(one), Self::Pair(other)) => Arc::ptr_eq(one, other),
            (Self::Secret(one), Self::Secret(other)) => Arc::ptr_eq(one, other),
            (Self::KeyFile(one), Self::KeyFile(other)) => Arc::ptr_eq(one, other),
            (Self::Keys(one), Self::Keys(other)) => Arc::ptr_eq(one, other),
            (Self::Trust(one), Self::Trust(other)) => Arc::ptr_eq(one, other),
            (Self::Profile(one), Self::Profile(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

impl Materials {
    /// Sets what was loaded for a reference.
    pub fn insert(&mut self, kind: ReferenceKind, material: Material) {
        self.0.insert(kind, material);
    }

    /// These, and those of `others` that are not among them.
    #[must_use]
    pub fn or(mut self, others: &Self) -> Self {
        for (kind, material) in &others.0 {
            self.0
                .entry(kind.clone())
                .or_insert_with(|| material.clone());
        }
        self
    }

    /// What of these is not in `earlier`, or is another value there.
    pub fn changed_since(
        &self,
        earlier: &Self,
    ) -> impl Iterator<Item = (&ReferenceKind, &Material)> {
        self.0.iter().filter(|(kind, material)| {
            let before = earlier.0.get(kind);
            !before.is_some_and(|before| before.is(material))
        })
    }

    /// A certificate pair, by its two paths as they are written.
    #[must_use]
    pub fn pair(&self, certificate: &Path, key: &Path) -> Option<&Arc<Pair>> {
        let kind = ReferenceKind::Pair {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        };
        match self.0.get(&kind) {
            Some(Material::Pair(pair)) => Some(pair),
            _ => None,
        }
    }

    /// All certificate pairs, by the path of their certificate.
    pub fn pairs(&self) -> impl Iterator<Item = (&Path, &Arc<Pair>)> {
        self.0
            .iter()
            .filter_map(|(kind, material)| match (kind, material) {
                (ReferenceKind::Pair { certificate, .. }, Material::Pair(pair)) => {
                    Some((certificate.as_path(), pair))
                }
                _ => None,
            })
    }

    /// The secret that a source names: its own, a file's or a variable's.
    #[must_use]
    pub fn secret(&self, source: SecretSource<'_>) -> Option<Secret> {
        let kind = match source {
            SecretSource::Inline(secret) => return Some(secret.clone()),
            SecretSource::File(path) => ReferenceKind::Secret(path.to_owned()),
            SecretSource::Variable(name) => ReferenceKind::Variable(name.to_owned()),
        };
        match self.0.get(&kind) {
            Some(Material::Secret(secret)) => Some(Secret::clone(secret)),
            _ => None,
        }
    }

    /// The digests of a `[[keys_file]]`.
    #[must_use]
    pub fn key_file(&self, path: &Path) -> Option<&Arc<KeyFile>> {
        match self.0.get(&ReferenceKind::KeyFile(path.to_owned())) {
            Some(Material::KeyFile(keys)) => Some(keys),
            _ => None,
        }
    }

    /// The key of a `public_key_file`.
    #[must_use]
    pub fn public_key(&self, path: &Path) -> Option<&Arc<KeySet>> {
        self.keys(&ReferenceKind::PublicKey(path.to_owned()))
    }

    /// The keys of a `jwks_file`.
    #[must_use]
    pub fn key_set(&self, path: &Path) -> Option<&Arc<KeySet>> {
        self.keys(&ReferenceKind::KeySet(path.to_owned()))
    }

    /// How an https backend is verified: by a `ca_file`, or by the system's authorities.
    #[must_use]
    pub fn trust(&self, ca_file: Option<&Path>) -> Option<&Arc<ClientConfig>> {
        let kind = match ca_file {
            Some(path) => ReferenceKind::CaFile(path.to_owned()),
            None => ReferenceKind::SystemRoots,
        };
        match self.0.get(&kind) {
            Some(Material::Trust(trust)) => Some(trust),
            _ => None,
        }
    }

    /// A backend profile of the operator's own.
    #[must_use]
    pub fn profile(&self, path: &Path) -> Option<&Arc<Profile>> {
        match self.0.get(&ReferenceKind::Profile(path.to_owned())) {
            Some(Material::Profile(profile)) => Some(profile),
            _ => None,
        }
    }

    fn keys(&self, kind: &ReferenceKind) -> Option<&Arc<KeySet>> {
        match self.0.get(kind) {
            Some(Material::Keys(keys)) => Some(keys),
            _ => None,
        }
    }
}
