//! `doorward key rotate`: a key of the store gets a successor, and both count for a while.

use anyhow::Context as _;
use serde::Serialize;

use super::revoke::name;
use crate::{
    accounts::ApiKey,
    auth::{KeyName, StoredKey},
    cli::{
        Exit,
        configuration::ConfigArgument,
        output::{self, Format},
        store::OpenStore,
    },
    clock::Timestamp,
    config::Period,
    store::Change,
};

/// Makes a key that does what an earlier one does, and ends the earlier one after a while.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  doorward key rotate web
  doorward key rotate web --overlap 7d --id web-2027")]
pub(super) struct Rotate {
    #[command(flatten)]
    config: ConfigArgument,
    /// The id of the earlier key, as `key list` shows it
    #[arg(value_parser = name)]
    earlier: KeyName,
    /// How long the earlier key still counts
    #[arg(long, value_name = "DURATION", default_value = "24h")]
    overlap: Period,
    /// The id of the new key; without it, of the first digits of its digest
    #[arg(long, value_parser = name)]
    id: Option<KeyName>,
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What is printed with `--format json`.
#[derive(Serialize)]
struct Rotated<'a> {
    key: &'a str,
    id: &'a str,
    /// When the earlier key ends.
    earlier_ends: String,
}

impl Rotate {
    pub(super) fn run(self, now: Timestamp) -> anyhow::Result<Exit> {
        let store = OpenStore::existing(&self.config.read_sound()?.config)?;
        let directory = store.directory()?;
        let earlier = directory
            .key_named(&self.earlier)
            .with_context(|| format!("there is no key {} in the store", self.earlier))?;
        let key = ApiKey::generate()?;
        let id = match self.id {
            Some(id) => id,
            None => KeyName::parse(&key.usual_name())?,
        };
        let next = StoredKey {
            name: id.clone(),
            digest: key.digest(),
            beginning: key.beginning().into(),
            created: now,
            expires: earlier.end_of_successor(now),
            ..earlier.clone()
        };
        let ends = earlier.ends_by(now.after(self.overlap.0));
        let name = self.earlier.clone();
        store.apply(Change::RotateKey { name, ends, next }, now)?;
        let rotated = Rotated {
            key: key.expose(),
            id: id.as_str(),
            earlier_ends: ends.to_string(),
        };
        output::print(self.format, &rotated, || {
            let (earlier, key) = (self.earlier, key.expose());
            format!(
                "# The key. It is shown this once: hand it to its user.\n{key}\n\n\
                 # It is in the store as {id}; {earlier} counts until {ends}."
            )
        })?;
        Ok(Exit::Done)
    }
}
