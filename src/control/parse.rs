//! From the bytes of one unit to its [`Material`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::content::Content;
use crate::auth::KeySet;
use crate::config::{Diagnostic, Environment, KeyFile, ReferenceKind};
use crate::profile::Profile;
use crate::secret::Secret;
use crate::snapshot::Material;
use crate::tls::certificate::Pair;
use crate::tls::client::client_config;

/// How a unit is called in the log and in metrics.
pub(super) fn name(kind: &ReferenceKind) -> String {
    match (kind, paths(kind).first()) {
        (_, Some(path)) => path.display().to_string(),
        (ReferenceKind::Variable(name), _) => format!("${name}"),
        _ => "system authorities".to_owned(),
    }
}

/// The files that a unit is made of.
pub(super) fn paths(kind: &ReferenceKind) -> Vec<&Path> {
    match kind {
        ReferenceKind::Pair { certificate, key } => vec![certificate, key],
        ReferenceKind::Secret(path)
        | ReferenceKind::KeyFile(path)
        | ReferenceKind::PublicKey(path)
        | ReferenceKind::KeySet(path)
        | ReferenceKind::CaFile(path)
        | ReferenceKind::Profile(path) => vec![path],
        ReferenceKind::Variable(_) | ReferenceKind::SystemRoots => Vec::new(),
    }
}

/// Makes of the contents of a unit's files what they stand for; faults never repeat a content.
pub(super) fn parse(
    kind: &ReferenceKind,
    contents: &BTreeMap<PathBuf, Content>,
    environment: &Environment,
) -> Result<Material, String> {
    let bytes = |path: &Path| bytes(path, contents.get(path));
    let in_file =
        |path: &Path, fault: &dyn std::fmt::Display| format!("{}: {fault}", path.display());
    Ok(match kind {
        ReferenceKind::Pair { certificate, key } => {
            let pair = Pair::parse(bytes(certificate)?, bytes(key)?)
                .map_err(|e| format!("{} with {}: {e}", certificate.display(), key.display()))?;
            Material::Pair(Arc::new(pair))
        }
        ReferenceKind::Secret(path) => {
            let secret = Secret::from_file(bytes(path)?.to_vec());
            if secret.is_empty() {
                return Err(in_file(path, &"the file is empty"));
            }
            Material::Secret(Arc::new(secret))
        }
        ReferenceKind::Variable(name) => match environment.var(name) {
            Some(value) => Material::Secret(Arc::new(Secret::new(value))),
            None => return Err(format!("the environment variable {name} is not set")),
        },
        ReferenceKind::KeyFile(path) => {
            let keys = KeyFile::parse(bytes(path)?).map_err(|e| in_file(path, &e))?;
            Material::KeyFile(Arc::new(keys))
        }
        ReferenceKind::PublicKey(path) => {
            let keys = KeySet::from_pem(bytes(path)?).map_err(|e| in_file(path, &e))?;
            Material::Keys(Arc::new(keys))
        }
        ReferenceKind::KeySet(path) => {
            let keys = KeySet::from_jwks(bytes(path)?).map_err(|e| in_file(path, &e))?;
            for ignored in keys.ignored() {
                tracing::warn!(file = %path.display(), "key left out: {ignored}");
            }
            Material::Keys(Arc::new(keys))
        }
        ReferenceKind::CaFile(path) => {
            let trust = client_config(Some(bytes(path)?)).map_err(|e| in_file(path, &e))?;
            Material::Trust(trust)
        }
        ReferenceKind::SystemRoots => {
            Material::Trust(client_config(None).map_err(|e| e.to_string())?)
        }
        ReferenceKind::Profile(path) => {
            let text = std::str::from_utf8(bytes(path)?).map_err(|e| in_file(path, &e))?;
            let name = path.display().to_string();
            Material::Profile(Arc::new(
                Profile::parse(&name, text).map_err(|e| e.to_string())?,
            ))
        }
    })
}

fn bytes<'a>(path: &Path, content: Option<&'a Content>) -> Result<&'a [u8], String> {
    match content {
        Some(Content::Bytes(bytes)) => Ok(bytes),
        Some(Content::Unreadable(why)) => Err(format!("cannot read {}: {why}", path.display())),
        Some(Content::Missing) | None => Err(format!("there is no file {}", path.display())),
    }
}

/// Where a relative path was looked for, since that is the usual surprise.
pub(super) fn explain(diagnostic: Diagnostic, kind: &ReferenceKind) -> Diagnostic {
    let missing = |path: &&Path| path.is_relative() && !path.exists();
    match (paths(kind).iter().any(missing), std::env::current_dir()) {
        (true, Ok(dir)) => diagnostic.with_help(format!(
            "relative paths are relative to the working directory, {}",
            dir.display()
        )),
        _ => diagnostic,
    }
}
