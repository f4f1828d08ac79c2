//! `doorward store audit`: who changed what, when, and from where.

use serde::Serialize;

use super::OpenStore;
use crate::{
    cli::{
        Exit,
        configuration::ConfigArgument,
        output::{self, Format},
    },
    store::{Entry, Page, Revision},
};

/// Prints the audit log, the newest entry first.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  doorward store audit
  doorward store audit --limit 20 --before 1234
  doorward store audit --format json | jq '.[] | select(.action == \"user.delete\")'")]
pub(super) struct Audit {
    #[command(flatten)]
    config: ConfigArgument,
    /// So many entries at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Only what was done before this revision, the first column
    #[arg(long, value_name = "REVISION")]
    before: Option<i64>,
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// An entry, as `--format json` has it.
#[derive(Serialize)]
struct Listed<'a> {
    revision: i64,
    at: String,
    author: &'a str,
    from: &'a str,
    action: &'a str,
    subject: &'a str,
    detail: &'a str,
}

impl Audit {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let store = OpenStore::existing(&self.config.read_sound()?.config)?;
        let entries = store.audit(Page {
            before: self.before.map(Revision),
            limit: self.limit,
        })?;
        let listed: Vec<Listed<'_>> = entries.iter().map(Listed::from).collect();
        output::print(self.format, &listed, || {
            let lines: Vec<String> = entries.iter().map(line).collect();
            lines.join("\n")
        })?;
        Ok(Exit::Done)
    }
}

impl<'a> From<&'a Entry> for Listed<'a> {
    fn from(entry: &'a Entry) -> Self {
        Self {
            revision: entry.revision.0,
            at: entry.by.at.to_string(),
            author: &entry.by.name,
            from: &entry.by.from,
            action: &entry.action,
            subject: &entry.subject,
            detail: &entry.detail,
        }
    }
}

/// The name of an author is whatever the environment said: it shall not steer a terminal.
fn line(entry: &Entry) -> String {
    let line = format!("{}  {entry}", entry.revision);
    line.chars().filter(|char| !char.is_control()).collect()
}
