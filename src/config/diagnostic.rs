//! [`Diagnostic`]: one thing that is wrong, and where it is written; [`Report`]: all of them.

use std::fmt;
use std::ops::Range;

use serde::Serialize;

use super::{render, source::Source};

/// One thing that is wrong with a configuration, or only looks so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether the configuration can be used all the same.
    pub severity: Severity,
    /// What is wrong; never holds a secret's value.
    pub message: String,
    /// Key path of the setting: `key[2].sha256`. Empty for the file as a whole.
    pub at: String,
    /// Where it is in the source, when that is already known.
    pub span: Option<Range<usize>>,
    /// What was perhaps meant, or what to do.
    pub help: Option<String>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The configuration can't be used.
    Error,
    /// It can, but probably says something else than was meant.
    Warning,
}

impl Diagnostic {
    /// Said of a setting whose file or variable is not there. Whoever loads says why, and then
    /// this is left out of a report.
    pub const NOT_LOADED: &str = "could not be loaded";

    /// An error in the setting at this key path.
    pub fn error(at: impl Into<String>, message: impl Into<String>) -> Self {
        let (at, message) = (at.into(), message.into());
        Self {
            severity: Severity::Error,
            message,
            at,
            span: None,
            help: None,
        }
    }

    /// A warning about the setting at this key path.
    pub fn warning(at: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(at, message)
        }
    }

    /// With advice.
    #[must_use]
    pub fn with_help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }

    /// With its place in the source.
    #[must_use]
    pub fn with_span(self, span: Range<usize>) -> Self {
        Self {
            span: Some(span),
            ..self
        }
    }

    /// Whether it is an error.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.at.is_empty() {
            write!(f, "{}: ", self.at)?;
        }
        f.write_str(&self.message)
    }
}

/// Everything found wrong with one configuration, each with its place in it.
#[derive(Clone, Debug)]
pub struct Report {
    source: Source,
    diagnostics: Vec<Diagnostic>,
    errors: usize,
    warnings: usize,
}

/// Nobody reads more than this, and a file may have a hundred thousand keys.
const ENOUGH: usize = 200;

impl Report {
    pub(super) fn new(source: Source, mut diagnostics: Vec<Diagnostic>) -> Self {
        drop_consequences(&mut diagnostics);
        source.place(&mut diagnostics);
        let start = |d: &Diagnostic| d.span.as_ref().map_or(usize::MAX, |span| span.start);
        diagnostics.sort_by_key(|d| (start(d), d.severity));
        diagnostics.dedup();
        let errors = diagnostics.iter().filter(|d| d.is_error()).count();
        let warnings = diagnostics.len() - errors;
        diagnostics.truncate(ENOUGH);
        Self {
            source,
            diagnostics,
            errors,
            warnings,
        }
    }

    /// The errors and warnings in the order of the file, the first 200 of them.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// Whether any of them is an error.
    #[must_use]
    pub const fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// One line each, as in a log: `config/doorward.toml:3:7: unknown key "addres"`.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.diagnostics.iter().map(|diagnostic| {
            let place = self.source.place_of(diagnostic);
            format!("{place}: {}", diagnostic.message)
        })
    }

    /// For people: each with its source line and a caret. Values of secrets are masked.
    #[must_use]
    pub fn to_text(&self) -> String {
        let shown = render::text(&self.source, &self.diagnostics);
        shown + &render::tally(self.errors, self.warnings)
    }

    /// For programs: `{"diagnostics": [{severity, message, path, file, line, column, help}]}`.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        render::json(&self.source, &self.diagnostics)
    }
}

/// Of two errors at one setting, "could not be loaded" says less.
fn drop_consequences(diagnostics: &mut Vec<Diagnostic>) {
    let explained = diagnostics
        .iter()
        .filter(|d| d.is_error() && d.message != Diagnostic::NOT_LOADED);
    let explained: std::collections::HashSet<String> = explained.map(|d| d.at.clone()).collect();
    diagnostics.retain(|d| d.message != Diagnostic::NOT_LOADED || !explained.contains(&d.at));
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

impl std::error::Error for Report {}
