//! Reads a TOML document into a type, with every error at once.
//!
//! serde stops at the first error, so the fast way is one pass, and only when that fails each
//! section is read on its own: the fault is found by its span, recorded and taken out of the
//! document, until the section reads.

use std::fmt::Write as _;
use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeArray, DeString, DeTable, DeValue, Deserializer};

use super::diagnostic::Diagnostic;
use super::suggest::{self, Fault};

/// A document and what is wrong with it.
pub(super) struct Read<T> {
    /// What could be read; whole only when there is no diagnostic.
    pub(super) value: T,
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// More faults than this in one section are not worth reporting.
const ENOUGH: usize = 50;

/// Every fault in the syntax, or the table.
pub(super) fn parse(text: &str) -> Result<DeTable<'_>, Vec<Diagnostic>> {
    match DeTable::parse(text) {
        Ok(table) => Ok(table.into_inner()),
        Err(_) => Err(syntax_errors(text)),
    }
}

fn syntax_errors(text: &str) -> Vec<Diagnostic> {
    let (_, errors) = DeTable::parse_recoverable(text);
    let diagnostic = |error: &toml::de::Error| {
        let found = Diagnostic::error("", error.message());
        match error.span() {
            Some(span) => found.with_span(span),
            None => found,
        }
    };
    errors.iter().map(diagnostic).collect()
}

/// Reads a table into a type; `T` must have a default for every section. The table is made once
/// more when something is wrong with it.
pub(super) fn read<'i, T>(table: impl Fn() -> DeTable<'i>) -> Read<T>
where
    T: DeserializeOwned + Default,
{
    match deserialize(table()) {
        Ok(value) => Read {
            value,
            diagnostics: Vec::new(),
        },
        Err(_) => read_by_section(table()),
    }
}

fn deserialize<T: DeserializeOwned>(table: DeTable<'_>) -> Result<T, toml::de::Error> {
    T::deserialize(Deserializer::from(Spanned::new(0..0, table)))
}

fn read_by_section<T: DeserializeOwned + Default>(table: DeTable<'_>) -> Read<T> {
    let mut repaired = DeTable::new();
    let mut diagnostics = Vec::new();
    for (name, section) in table {
        let span = section.span();
        let section = match section.into_inner() {
            DeValue::Array(elements) if is_list_of_sections(&elements) => {
                let mut kept = DeArray::new();
                for (first, element) in elements.into_iter().enumerate() {
                    let mut one = DeArray::new();
                    one.push(element);
                    let value = Spanned::new(span.clone(), DeValue::Array(one));
                    let one = Section {
                        name: name.clone(),
                        value,
                        first,
                    };
                    if let Some(DeValue::Array(one)) = one.repair::<T>(&mut diagnostics) {
                        one.into_iter().for_each(|element| kept.push(element));
                    }
                }
                Some(DeValue::Array(kept))
            }
            value => {
                let value = Spanned::new(span.clone(), value);
                Section {
                    name: name.clone(),
                    value,
                    first: 0,
                }
                .repair::<T>(&mut diagnostics)
            }
        };
        if let Some(section) = section {
            repaired.insert(name, Spanned::new(span, section));
        }
    }
    Read {
        value: deserialize(repaired).unwrap_or_default(),
        diagnostics,
    }
}

fn is_list_of_sections(elements: &DeArray<'_>) -> bool {
    !elements.is_empty() && elements.iter().all(|element| element.get_ref().is_table())
}

/// One section of a document, or one element of a list of sections.
struct Section<'i> {
    name: Spanned<DeString<'i>>,
    value: Spanned<DeValue<'i>>,
    /// Index of the element in its list.
    first: usize,
}

impl<'i> Section<'i> {
    /// Takes fault after fault out, until the rest reads; nothing if nothing is left.
    fn repair<T: DeserializeOwned>(mut self, found: &mut Vec<Diagnostic>) -> Option<DeValue<'i>> {
        let before = found.len();
        for attempt in 0..ENOUGH {
            let mut document = DeTable::new();
            document.insert(self.name.clone(), self.value.clone());
            let Err(error) = deserialize::<T>(document) else {
                return Some(self.value.into_inner());
            };
            let span = error.span().unwrap_or_else(|| self.value.span());
            let place = self.find(&span);
            if is_absent(&span) {
                // The stand-in was a string, and a list is wanted.
                place.replace(&mut self, DeValue::Array(DeArray::new()));
                continue;
            }
            let explained = suggest::explain(error.message(), place.key());
            let at = self.path(&place, &explained.fault);
            // A key whose bad value was taken out is not missing.
            if !found.iter().skip(before).any(|earlier| earlier.at == at) {
                found.push(Diagnostic {
                    span: (!is_foreign(&span)).then_some(span),
                    help: explained.help,
                    ..Diagnostic::error(at, explained.message)
                });
            }
            match explained.fault {
                Fault::MissingKey(key) => place.stand_in(&mut self, key, absent(attempt)),
                _ if place.is_inside() => place.remove(&mut self),
                _ => return None,
            }
        }
        None
    }

    /// The key path of a fault; a missing key is below the place that lacks it.
    fn path(&self, place: &Place, fault: &Fault) -> String {
        let path = place.path(self.first);
        match fault {
            Fault::MissingKey(key) => format!("{path}.{key}"),
            Fault::UnknownKey(key) if place.key() != key => format!("{path}.{key}"),
            _ => path,
        }
    }

    /// The place with this span; the whole section when there is none.
    fn find(&self, span: &Range<usize>) -> Place {
        let name = self.name.get_ref().to_string();
        let mut place = Place {
            steps: vec![Step::Key(name)],
        };
        if self.name.span() != *span {
            place.descend(self.value.get_ref(), span);
        }
        place
    }
}

/// The span of a value that stands in for a missing one; no document is as long.
const fn absent(attempt: usize) -> Range<usize> {
    usize::MAX - 1 - attempt..usize::MAX
}

const fn is_absent(span: &Range<usize>) -> bool {
    span.end == usize::MAX
}

/// The span of something that isn't in the text: the numbered part of an overlay.
pub(super) const fn foreign(number: usize) -> Range<usize> {
    usize::MAX - 1_000_000 - number..usize::MAX - 1
}

const fn is_foreign(span: &Range<usize>) -> bool {
    span.end >= usize::MAX - 1
}

/// What the steps lead to.
fn resolve<'s, 'i>(section: &'s mut Section<'i>, steps: &[Step]) -> Option<&'s mut DeValue<'i>> {
    let mut here = section.value.get_mut();
    for step in steps.iter().skip(1) {
        here = match (step, here) {
            (Step::Key(key), DeValue::Table(table)) => table.get_mut(key.as_str())?.get_mut(),
            (Step::Index(index), DeValue::Array(array)) => array.get_mut(*index)?.get_mut(),
            _ => return None,
        };
    }
    Some(here)
}

/// The way to a key or a value inside a section.
struct Place {
    steps: Vec<Step>,
}

enum Step {
    Key(String),
    Index(usize),
}

impl Place {
    /// Goes down to what has this span; stays here when nothing below has.
    fn descend(&mut self, value: &DeValue<'_>, span: &Range<usize>) -> bool {
        match value {
            DeValue::Table(table) => table.iter().any(|(key, value)| {
                self.steps.push(Step::Key(key.get_ref().to_string()));
                key.span() == *span || self.matches(value, span)
            }),
            DeValue::Array(array) => array.iter().enumerate().any(|(index, value)| {
                self.steps.push(Step::Index(index));
                self.matches(value, span)
            }),
            _ => false,
        }
    }

    fn matches(&mut self, value: &Spanned<DeValue<'_>>, span: &Range<usize>) -> bool {
        // A list of tables has the span of its first table: the deepest match is meant.
        let found = self.descend(value.get_ref(), span) || value.span() == *span;
        if !found {
            self.steps.pop();
        }
        found
    }

    fn key(&self) -> &str {
        let keys = self.steps.iter().rev();
        let mut keys = keys.filter_map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::Index(_) => None,
        });
        keys.next().unwrap_or_default()
    }

    /// Whether it is below the section itself.
    fn is_inside(&self) -> bool {
        self.steps.len() > 1
    }

    /// The key path, the first list's index being counted from `first`.
    fn path(&self, first: usize) -> String {
        let mut path = String::new();
        let mut offset = first;
        for step in &self.steps {
            match step {
                Step::Key(key) if path.is_empty() => path.push_str(key),
                Step::Key(key) => {
                    path.push('.');
                    path.push_str(key);
                }
                Step::Index(index) => {
                    let _ = write!(path, "[{}]", index + offset);
                    offset = 0;
                }
            }
        }
        path
    }

    /// Takes it out.
    fn remove(&self, section: &mut Section<'_>) {
        let Some((last, above)) = self.steps.split_last() else {
            return;
        };
        match (last, resolve(section, above)) {
            (Step::Key(key), Some(DeValue::Table(table))) => {
                table.remove(key.as_str());
            }
            (Step::Index(index), Some(DeValue::Array(array))) => {
                let all = std::mem::replace(array, DeArray::new())
                    .into_iter()
                    .enumerate();
                let others = all.filter(|(at, _)| at != index);
                others.for_each(|(_, value)| array.push(value));
            }
            _ => {}
        }
    }

    /// Puts another value in its place.
    fn replace<'i>(&self, section: &mut Section<'i>, value: DeValue<'i>) {
        if let Some(here) = resolve(section, &self.steps) {
            *here = value;
        }
    }

    /// Puts an empty string where a key is missing, so that the next fault can be found.
    fn stand_in(&self, section: &mut Section<'_>, key: String, span: Range<usize>) {
        if let Some(DeValue::Table(table)) = resolve(section, &self.steps) {
            let empty = DeValue::String(DeString::Borrowed(""));
            table.insert(
                Spanned::new(span.clone(), key.into()),
                Spanned::new(span, empty),
            );
        }
    }
}
