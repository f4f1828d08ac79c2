//! How a command prints what it found.

use std::io::{self, Write};

use serde::Serialize;

/// For people, or for programs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people
    #[default]
    Text,
    /// One JSON object
    Json,
}

/// Prints `value` as JSON, or as the text that people read.
pub(super) fn print(
    format: Format,
    value: &impl Serialize,
    text: impl FnOnce() -> String,
) -> anyhow::Result<()> {
    let shown = match format {
        Format::Text => text(),
        Format::Json => serde_json::to_string_pretty(value)?,
    };
    line(&shown)
}

/// Prints text that ends with exactly one line break.
pub(super) fn line(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", text.trim_end_matches('\n'))?;
    out.flush()?;
    Ok(())
}
