//! `doorward schema`: JSON Schema of the configuration file.

use super::{Exit, output};
use crate::config::Config;

/// Prints the JSON Schema of the configuration file, for editors and generators.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  doorward schema > doorward.schema.json
  # then, as the first line of doorward.toml:
  #:schema ./doorward.schema.json")]
pub(super) struct Schema {}

impl Schema {
    #[expect(clippy::unused_self, reason = "every command is run alike")]
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        output::line(&serde_json::to_string_pretty(&schemars::schema_for!(
            Config
        ))?)?;
        Ok(Exit::Done)
    }
}
