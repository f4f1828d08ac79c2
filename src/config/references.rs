//! Every file and variable that a configuration refers to, for the loader.

use std::path::PathBuf;

use super::Config;
use super::backend::{BackendUrl, ProfileName};
use super::secret_source::{SecretSource, TooManySources};

/// One thing to load, and where the configuration asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Key path of the setting, for diagnostics: `tls.certificate`, `key[2].value_file`.
    pub at: String,
    /// What it is.
    pub kind: ReferenceKind,
}

/// What is referred to, hence how its bytes are to be read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ReferenceKind {
    /// A certificate chain and its private key; they change together.
    Pair {
        /// PEM file of the chain.
        certificate: PathBuf,
        /// PEM file of the key.
        key: PathBuf,
    },
    /// A secret, one trailing newline apart.
    Secret(PathBuf),
    /// A secret in an environment variable.
    Variable(String),
    /// SHA-256 digests, one a line ([`super::KeyFile`]).
    KeyFile(PathBuf),
    /// PEM of one public key.
    PublicKey(PathBuf),
    /// JWK set.
    KeySet(PathBuf),
    /// PEM of certificate authorities.
    CaFile(PathBuf),
    /// The certificate authorities that the system trusts.
    SystemRoots,
    /// A backend profile.
    Profile(PathBuf),
}

impl Config {
    /// Everything that must be loaded before this configuration can be compiled.
    #[must_use]
    pub fn references(&self) -> Vec<Reference> {
        let mut found = Vec::new();
        self.pairs(&mut found);
        self.backend_references(&mut found);
        for (index, key) in self.key.iter().enumerate() {
            secret(&mut found, key.value(), || format!("key[{index}].value"));
        }
        for (index, file) in self.keys_file.iter().enumerate() {
            let kind = ReferenceKind::KeyFile(file.path.clone());
            found.push(Reference {
                at: format!("keys_file[{index}].path"),
                kind,
            });
        }
        self.issuer_references(&mut found);
        secret(&mut found, self.anonymous.secret(), || {
            "anonymous.secret".to_owned()
        });
        found
    }

    fn pairs(&self, found: &mut Vec<Reference>) {
        let pairs = self.tls.iter().flat_map(super::Tls::pairs);
        for (index, (certificate, key)) in pairs.enumerate() {
            let at = match index.checked_sub(1) {
                None => "tls.certificate".to_owned(),
                Some(also) => format!("tls.also[{also}].certificate"),
            };
            let kind = ReferenceKind::Pair {
                certificate: certificate.clone(),
                key: key.clone(),
            };
            found.push(Reference { at, kind });
        }
    }

    fn backend_references(&self, found: &mut Vec<Reference>) {
        let backend = &self.backend;
        if let ProfileName::Path(path) = &backend.profile {
            let kind = ReferenceKind::Profile(path.clone());
            found.push(Reference {
                at: "backend.profile".to_owned(),
                kind,
            });
        }
        if let Some(path) = &backend.ca_file {
            let kind = ReferenceKind::CaFile(path.clone());
            found.push(Reference {
                at: "backend.ca_file".to_owned(),
                kind,
            });
        } else if matches!(backend.url, Some(BackendUrl::Https(_))) {
            found.push(Reference {
                at: "backend.url".to_owned(),
                kind: ReferenceKind::SystemRoots,
            });
        }
        secret(found, backend.http_credential(), || {
            "backend.http_key".to_owned()
        });
        secret(found, backend.ws_credential(), || {
            "backend.ws_key".to_owned()
        });
        secret(found, backend.jwt_secret(), || {
            "backend.jwt_secret".to_owned()
        });
    }

    fn issuer_references(&self, found: &mut Vec<Reference>) {
        for (index, issuer) in self.issuer.iter().enumerate() {
            secret(found, issuer.secret(), || format!("issuer[{index}].secret"));
            if let Some(path) = &issuer.public_key_file {
                let kind = ReferenceKind::PublicKey(path.clone());
                found.push(Reference {
                    at: format!("issuer[{index}].public_key_file"),
                    kind,
                });
            }
            if let Some(path) = &issuer.jwks_file {
                let kind = ReferenceKind::KeySet(path.clone());
                found.push(Reference {
                    at: format!("issuer[{index}].jwks_file"),
                    kind,
                });
            }
        }
    }
}

/// A secret's file or variable; one written twice is refused elsewhere.
fn secret(
    found: &mut Vec<Reference>,
    source: Result<Option<SecretSource<'_>>, TooManySources>,
    base: impl FnOnce() -> String,
) {
    let Ok(Some(source)) = source else { return };
    let kind = match source {
        SecretSource::Inline(_) => return,
        SecretSource::File(path) => ReferenceKind::Secret(path.to_owned()),
        SecretSource::Variable(name) => ReferenceKind::Variable(name.to_owned()),
    };
    found.push(Reference {
        at: base() + source.suffix(),
        kind,
    });
}
