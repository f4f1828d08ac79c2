//! `doorward schema`: what the configuration file and the APIs are, for programs.

use super::{Exit, output};
use crate::{accounts, admin, config::Config};

/// Prints the JSON Schema of the configuration file, or what one of our APIs takes and gives
/// (`OpenAPI`), for editors and generators.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  doorward schema > doorward.schema.json
  # then, as the first line of doorward.toml:
  #:schema ./doorward.schema.json
  doorward schema --api admin > admin.openapi.json")]
pub(super) struct Schema {
    /// An API instead of the configuration file
    #[arg(long, value_enum)]
    api: Option<Api>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Api {
    /// Of operators, at `admin.address`
    Admin,
    /// Of users, below `accounts.prefix`
    Accounts,
}

impl Schema {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        output::line(&match self.api {
            None => serde_json::to_string_pretty(&schemars::schema_for!(Config))?,
            Some(Api::Admin) => admin::document().to_pretty_json()?,
            Some(Api::Accounts) => accounts::service::document().to_pretty_json()?,
        })?;
        Ok(Exit::Done)
    }
}
