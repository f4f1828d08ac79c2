//! Secrets that every user of the machine may read.

use std::path::Path;

use super::parse::paths;
use crate::config::{Config, Diagnostic, Reference, ReferenceKind};

/// A warning for each file of a secret or a private key that is ours and that everybody may read.
///
/// One that belongs to somebody else was put there by who knows better: container platforms mount
/// secrets so, where there is nobody else to read them.
#[must_use]
pub fn exposed(config: &Config) -> Vec<Diagnostic> {
    let references = config.references();
    let warnings = references.iter().filter_map(warning);
    warnings.chain(exposed_store(config)).collect()
}

/// A warning if somebody else may read the store, as [`exposed`] has it: the secrets that tokens are
/// signed with are in it. Doorward makes it for its owner alone.
#[must_use]
pub fn exposed_store(config: &Config) -> Option<Diagnostic> {
    let path = &config.accounts.as_ref()?.store;
    is_ours_and_open(path, 0o044)?.then(|| {
        let path = path.display();
        let message = format!("others than its owner may read {path}, which holds secrets");
        let help = format!("chmod go-r {path} {path}-*");
        Diagnostic::warning("accounts.store", message).with_help(help)
    })
}

fn warning(reference: &Reference) -> Option<Diagnostic> {
    let path = match &reference.kind {
        ReferenceKind::Pair { key, .. } => key.as_path(),
        kind @ ReferenceKind::Secret(_) => paths(kind).first().copied()?,
        _ => return None,
    };
    let everybody_reads = is_ours_and_open(path, 0o004)?;
    everybody_reads.then(|| {
        let message = format!("every user of this machine may read {}", path.display());
        let help = format!("chmod o-r {}", path.display());
        Diagnostic::warning(reference.at.as_str(), message).with_help(help)
    })
}

/// Whether a file of ours has one of these bits in its mode.
#[cfg(unix)]
fn is_ours_and_open(path: &Path, bits: u32) -> Option<bool> {
    use std::os::unix::fs::MetadataExt as _;

    let file = std::fs::metadata(path).ok()?;
    // The owner of a process is that of what the system shows of it.
    let us = std::fs::metadata("/proc/self").ok()?.uid();
    Some(file.uid() == us && file.mode() & bits != 0)
}

#[cfg(not(unix))]
fn is_ours_and_open(_path: &Path, _bits: u32) -> Option<bool> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::config::{Environment, Written};

    #[test]
    fn a_secret_that_everybody_may_read_is_complained_of() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, "0123456789abcdef").unwrap();
        let text = format!(
            "[[key]]\nid = 'a'\nuser = 'a'\nvalue_file = '{0}'\n[[keys_file]]\npath = '{0}'\nuser = 'b'\n",
            path.display()
        );
        let config = Written::from_file("doorward.toml", text, &Environment::default()).config;
        for (mode, complaints) in [(0o600, 0), (0o640, 0), (0o644, 1), (0o604, 1)] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let found = exposed(&config);
            assert_eq!(found.len(), complaints, "{mode:o}: {found:?}");
            assert!(found.iter().all(|found| !found.is_error()));
        }
        fs::remove_file(&path).unwrap();
        assert!(exposed(&config).is_empty());
    }
    #[test]
    fn a_store_that_others_than_its_owner_may_read_is_complained_of() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.db");
        let text = format!("[accounts]\nstore = '{}'\n", path.display());
        let config = Written::from_file("doorward.toml", text, &Environment::default()).config;
        assert!(exposed(&config).is_empty());
        fs::write(&path, "").unwrap();
        for (mode, complaints) in [(0o600, 0), (0o620, 0), (0o640, 1), (0o604, 1)] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let found = exposed(&config);
            assert_eq!(found.len(), complaints, "{mode:o}: {found:?}");
            assert!(found.iter().all(|found| !found.is_error()));
        }
    }
}
