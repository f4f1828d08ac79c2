//! `doorward key revoke`: a key of the store counts no more.

use crate::{
    auth::{InvalidKeyName, KeyName},
    cli::{Exit, configuration::ConfigArgument, output, store::OpenStore},
    clock::Timestamp,
    store::Change,
};

/// Takes a key out of the store. Whatever was opened with it is closed within a second.
///
/// A key that is declared in the configuration is revoked by removing its block.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  doorward key revoke web
  doorward key revoke key-1f00ba44 --config /etc/doorward.toml")]
pub(super) struct Revoke {
    #[command(flatten)]
    config: ConfigArgument,
    /// Its id, as `key list` shows it
    #[arg(value_parser = name)]
    id: KeyName,
}

impl Revoke {
    pub(super) fn run(self, now: Timestamp) -> anyhow::Result<Exit> {
        let store = OpenStore::existing(&self.config.read_sound()?.config)?;
        store.apply(Change::RevokeKey(self.id.clone()), now)?;
        output::line(&format!("{} is revoked", self.id))?;
        Ok(Exit::Done)
    }
}

pub(super) fn name(text: &str) -> Result<KeyName, InvalidKeyName> {
    KeyName::parse(text)
}
