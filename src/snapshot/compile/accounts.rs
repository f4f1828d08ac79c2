//! `[accounts]`: how far the store is believed.

use super::namespaces::Namespaces;
use crate::auth::{AccountSettings, Accounts, Known, Namespace, SessionProof};
use crate::config::Config;

/// What the store vouches for, where there is one.
pub(super) fn compile(config: &Config, namespaces: &Namespaces, known: &Known) -> Option<Accounts> {
    let written = config.accounts.as_ref()?;
    let settings = AccountSettings {
        reserved: namespaces.reserved_for_accounts(config, written),
        namespace: if written.shared_namespace {
            Namespace::Shared
        } else {
            Namespace::Apart
        },
        session_proof: SessionProof::Origin,
    };
    Some(Accounts::new(known.clone(), settings))
}
