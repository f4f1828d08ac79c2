//! `doorward store check`: whether the store is whole.

use serde::Serialize;

use super::OpenStore;
use crate::{
    cli::{
        Exit,
        configuration::ConfigArgument,
        output::{self, Format},
    },
    control::exposed_store,
};

/// Looks whether everything in the store fits together: the file itself, its rows, and what the
/// audit log says of them. Exits with 1 when something does not.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  doorward store check
  doorward store check --format json | jq -r '.flaws[]'")]
pub(super) struct Check {
    #[command(flatten)]
    config: ConfigArgument,
    /// How to print what was found
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What is printed with `--format json`.
#[derive(Serialize)]
struct Checked {
    /// What no change could have left so.
    flaws: Vec<String>,
    /// What is no flaw, and should be otherwise.
    warnings: Vec<String>,
}

impl Check {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let config = self.config.read_sound()?.config;
        let store = OpenStore::existing(&config)?;
        let checked = Checked {
            flaws: store.flaws()?.iter().map(ToString::to_string).collect(),
            warnings: exposed_store(&config)
                .map(|found| found.message)
                .into_iter()
                .collect(),
        };
        output::print(self.format, &checked, || {
            let found = match &checked.flaws[..] {
                [] => "the store is whole".to_owned(),
                flaws => flaws.join("\n"),
            };
            let warnings = checked.warnings.iter().map(|it| format!("warning: {it}"));
            let lines: Vec<String> = warnings.chain([found]).collect();
            lines.join("\n")
        })?;
        Ok(if checked.flaws.is_empty() {
            Exit::Done
        } else {
            Exit::Failed
        })
    }
}
