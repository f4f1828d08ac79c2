//! `doorward check`: whether `serve` would start, and everything that speaks against it.

use super::{
    Exit,
    configuration::ConfigArgument,
    output::{self, Format},
};
use crate::clock::Timestamp;

/// Checks the configuration and everything it refers to, offline.
///
/// Reports every error and warning in one pass, each with its place. Exits with 0 when `serve`
/// would start, else with 1; warnings alone do not matter.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  doorward check
  doorward check --config config/doorward.toml --format json")]
pub(super) struct Check {
    /// How to print what was found
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    config: ConfigArgument,
}

impl Check {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let report = self.config.compile(Timestamp::now())?.report;
        output::print(self.format, &report.to_json(), || {
            let verdict = if report.has_errors() {
                "not usable"
            } else {
                "usable"
            };
            format!("{}{}: {verdict}", report.to_text(), self.config.name())
        })?;
        Ok(if report.has_errors() {
            Exit::Failed
        } else {
            Exit::Done
        })
    }
}
