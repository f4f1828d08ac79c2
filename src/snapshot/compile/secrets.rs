//! Secrets: fetched from the materials, and refused when anyone can guess them.

use super::Findings;
use crate::config::{SecretSource, TooManySources};
use crate::secret::Secret;
use crate::snapshot::Materials;

/// Secrets that stand in the documentation of a backend.
pub(super) const PUBLISHED: [&str; 4] = [
    "secret",
    "meow",
    "meow_jwt",
    "do-not-use-this-secret-in-production",
];

/// What becomes of a secret that anyone can guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weak {
    Refused,
    Warned,
}

impl Weak {
    /// As `allow_weak_secrets` says.
    pub(super) fn from_setting(config: &crate::config::Config) -> Self {
        if config.allow_weak_secrets {
            Self::Warned
        } else {
            Self::Refused
        }
    }

    /// Says that the secret at this key path is weak.
    pub(super) fn report(self, at: &str, why: &str, findings: &mut Findings) {
        match self {
            Self::Refused => findings.push(
                crate::config::Diagnostic::error(at, why)
                    .with_help("allow_weak_secrets = true accepts it all the same"),
            ),
            Self::Warned => findings.warning(at, why),
        }
    }

    /// Looks for a published value and at the length.
    pub(super) fn judge(self, fetched: &Fetched, least: usize, findings: &mut Findings) {
        let Fetched { secret, at, name } = fetched;
        if is_published(secret) {
            let why = format!("{name} is published as a default: anyone knows it");
            self.report(at, &why, findings);
        } else if secret.expose().len() < least {
            let why = format!("{name} has fewer than {least} bytes");
            self.report(at, &why, findings);
        }
    }
}

/// Whether it is one of the published defaults.
pub(super) fn is_published(secret: &Secret) -> bool {
    PUBLISHED
        .iter()
        .any(|published| published.as_bytes() == secret.expose())
}

/// A secret, and the key path of the setting that names it.
pub(super) struct Fetched {
    pub(super) secret: Secret,
    pub(super) at: String,
    /// What it is called where nothing else tells which one is meant.
    name: String,
}

/// The secret that a source names; nothing if none is named, or if it can't be had.
pub(super) fn fetch(
    source: Result<Option<SecretSource<'_>>, TooManySources>,
    base: impl Fn() -> String,
    materials: &Materials,
    findings: &mut Findings,
) -> Option<Fetched> {
    let source = match source {
        Ok(source) => source?,
        Err(error) => {
            findings.error(base(), error);
            return None;
        }
    };
    let at = base() + source.suffix();
    let name = match source {
        SecretSource::Variable(name) => name.to_owned(),
        SecretSource::Inline(_) | SecretSource::File(_) => "this secret".to_owned(),
    };
    match materials.secret(source) {
        None => findings.error(at, NOT_LOADED),
        Some(secret) if secret.is_empty() => findings.error(at, format!("{name} is empty")),
        Some(secret) => return Some(Fetched { secret, at, name }),
    }
    None
}

/// What is said where the loader has said why.
pub(super) const NOT_LOADED: &str = crate::config::Diagnostic::NOT_LOADED;
