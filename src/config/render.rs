//! Shows diagnostics: as text with a caret under the fault, or as JSON.

use std::fmt::Write as _;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde_json::{Value, json};

use super::diagnostic::{Diagnostic, Severity};
use super::mask::mask;
use super::source::Source;

/// Each diagnostic with its source line.
pub(super) fn text(source: &Source, diagnostics: &[Diagnostic]) -> String {
    let mut out = String::new();
    if diagnostics.is_empty() {
        return out;
    }
    let masked = mask(&source.text);
    for diagnostic in diagnostics {
        let rendered = match line_of(&masked, diagnostic) {
            Some(line) if source.variable(diagnostic).is_none() => {
                snippet(source, diagnostic, &line)
            }
            _ => bare(source, diagnostic),
        };
        out.push_str(&rendered);
        out.push_str("\n\n");
    }
    out
}

/// `{"diagnostics": [...]}`.
pub(super) fn json(source: &Source, diagnostics: &[Diagnostic]) -> Value {
    let one = |diagnostic: &Diagnostic| {
        let variable = source.variable(diagnostic);
        let span = diagnostic.span.as_ref().filter(|_| variable.is_none());
        let position = span.map(|span| source.position(span.start));
        json!({
            "severity": diagnostic.severity,
            "message": diagnostic.message,
            "path": diagnostic.at,
            "file": (!source.name.is_empty() && variable.is_none()).then_some(&source.name),
            "variable": variable,
            "line": position.map(|(line, _)| line),
            "column": position.map(|(_, column)| column),
            "help": diagnostic.help,
        })
    };
    json!({ "diagnostics": diagnostics.iter().map(one).collect::<Vec<_>>() })
}

/// One masked line of the source, and the part of it that is meant.
struct Line<'t> {
    number: usize,
    text: &'t str,
    caret: Range<usize>,
}

fn line_of<'t>(masked: &'t str, diagnostic: &Diagnostic) -> Option<Line<'t>> {
    let span = diagnostic.span.clone()?;
    let before = masked.get(..span.start)?;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let text = masked.get(start..)?.lines().next().unwrap_or_default();
    let in_line = |offset: usize| offset.saturating_sub(start).min(text.len());
    let caret = in_line(span.start)..in_line(span.end.max(span.start));
    Some(Line {
        number: before.matches('\n').count() + 1,
        text,
        caret,
    })
}

fn snippet(source: &Source, diagnostic: &Diagnostic, line: &Line<'_>) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let caret = AnnotationKind::Primary.span(line.caret.clone());
    let shown = Snippet::source(line.text)
        .path(&source.name)
        .line_start(line.number);
    let mut group = level
        .primary_title(&diagnostic.message)
        .element(shown.annotation(caret));
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help));
    }
    Renderer::plain().render(&[group])
}

fn bare(source: &Source, diagnostic: &Diagnostic) -> String {
    let severity = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let mut out = format!(
        "{severity}: {diagnostic}\n --> {}",
        source.place_of(diagnostic)
    );
    if let Some(help) = &diagnostic.help {
        let _ = write!(out, "\n  = help: {help}");
    }
    out
}

/// How many there are, those that aren't shown among them.
pub(super) fn tally(errors: usize, warnings: usize) -> String {
    let count = |number: usize, word: &str| match number {
        1 => format!("1 {word}"),
        _ => format!("{number} {word}s"),
    };
    format!(
        "{}, {}\n",
        count(errors, "error"),
        count(warnings, "warning")
    )
}
