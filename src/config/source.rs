//! [`Source`]: the text that a configuration was read from, and where in it a setting stands.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::Diagnostic;

/// What a configuration was read from: a file's text, and variables laid over it.
#[derive(Clone, Default)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) text: Arc<str>,
    /// Key paths that a variable decides, with the variable's name.
    pub(super) variables: BTreeMap<String, String>,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Source {
    /// The text of the file of this name.
    pub(super) fn new(name: impl Into<String>, text: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            text: text.into(),
            variables: BTreeMap::new(),
        }
    }

    /// Line and column, from 1, in characters.
    #[must_use]
    pub(super) fn position(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        (
            line,
            before.get(line_start..).unwrap_or_default().chars().count() + 1,
        )
    }

    /// `file:line:column`, or the variable, or what is known of it.
    pub(super) fn place_of(&self, diagnostic: &Diagnostic) -> String {
        match (&diagnostic.span, self.variable(diagnostic)) {
            (_, Some(variable)) => format!("environment variable {variable}"),
            (Some(span), None) => {
                let (line, column) = self.position(span.start);
                format!("{}:{line}:{column}", self.name)
            }
            (None, None) if self.name.is_empty() => "environment".to_owned(),
            (None, None) => self.name.clone(),
        }
    }

    pub(super) fn variable(&self, diagnostic: &Diagnostic) -> Option<&str> {
        self.variables.get(&diagnostic.at).map(String::as_str)
    }

    /// Gives each diagnostic that lacks one the span of its key path.
    pub(super) fn place(&self, diagnostics: &mut [Diagnostic]) {
        let lost = |d: &&mut Diagnostic| {
            d.span.is_none() && !d.at.is_empty() && !self.variables.contains_key(&d.at)
        };
        let mut lost = diagnostics.iter_mut().filter(lost).peekable();
        if lost.peek().is_none() {
            return;
        }
        let root = self.tree();
        lost.for_each(|diagnostic| diagnostic.span = span_of(&root, &diagnostic.at));
    }

    /// The text as far as its syntax goes.
    pub(super) fn tree(&self) -> DeTable<'_> {
        DeTable::parse_recoverable(&self.text).0.into_inner()
    }
}

/// The span of the value at a key path, or of the nearest table above it that is written.
fn span_of(root: &DeTable<'_>, path: &str) -> Option<Range<usize>> {
    follow(root, path)
        .map_while(|value| value)
        .last()
        .map(Spanned::span)
}

/// Whether there is a value at this very key path.
pub(super) fn is_written(root: &DeTable<'_>, path: &str) -> bool {
    follow(root, path)
        .last()
        .is_some_and(|value| value.is_some())
}

/// The value at each step of a key path, from the section down.
fn follow<'t, 'i: 't>(
    root: &'t DeTable<'i>,
    path: &str,
) -> impl Iterator<Item = Option<&'t Spanned<DeValue<'i>>>> {
    let mut here = None;
    steps(path).enumerate().map(move |(depth, step)| {
        here = match here.map(Spanned::get_ref) {
            None if depth == 0 => root.get(step),
            Some(DeValue::Table(table)) => table.get(step),
            Some(DeValue::Array(array)) => step.parse().ok().and_then(|at: usize| array.get(at)),
            _ => None,
        };
        here
    })
}

/// `key[2].sha256` as `key`, `2`, `sha256`.
fn steps(path: &str) -> impl Iterator<Item = &str> {
    path.split(['.', '[', ']']).filter(|step| !step.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_path_leads_to_the_value_or_to_the_nearest_table() {
        let text = "[[key]]\nid = 'a'\n[[key]]\nid = 'b'\nuser = 'x'\n";
        let (root, _) = DeTable::parse_recoverable(text);
        let at = |path: &str| span_of(root.get_ref(), path).map(|span| &text[span]);
        assert_eq!(at("key[1].id"), Some("'b'"));
        assert_eq!(at("key[1].sha256"), Some("[[key]]"));
        assert_eq!(at("tls.key"), None);
        assert!(is_written(root.get_ref(), "key[1].id"));
        assert!(!is_written(root.get_ref(), "key[1].sha256"));
        assert!(!is_written(root.get_ref(), "key[2].id"));
    }

    #[test]
    fn columns_count_characters() {
        let source = Source::new("f", "a\nüb = 1");
        assert_eq!(source.position("a\nü".len()), (2, 2));
        assert_eq!(source.position(0), (1, 1));
    }
}
