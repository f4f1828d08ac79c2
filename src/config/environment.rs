//! The environment: overrides of a file's scalars, and a configuration of its own without a file.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;

use toml::Spanned;
use toml::de::{DeArray, DeString, DeTable, DeValue};

use super::diagnostic::Diagnostic;
use super::document;
use super::mask;
use super::suggest;

/// Environment variables, handed in by whoever may read them. Names without a value that is
/// Unicode are left out.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl FromIterator<(OsString, OsString)> for Environment {
    fn from_iter<I: IntoIterator<Item = (OsString, OsString)>>(variables: I) -> Self {
        let text = variables.into_iter().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self(text.collect())
    }
}

impl<'a, const N: usize> From<[(&'a str, &'a str); N]> for Environment {
    fn from(variables: [(&'a str, &'a str); N]) -> Self {
        let owned = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self(owned.into_iter().collect())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Environment {
    /// A variable's value; one that is set to nothing is not set.
    #[must_use]
    pub fn var(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// Whether a variable is there, be it empty.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The names that begin so, of variables that are set.
    pub(super) fn names<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        let names = self.0.iter().filter(|(_, value)| !value.is_empty());
        names
            .map(|(name, _)| name.as_str())
            .filter(move |name| name.starts_with(prefix))
    }
}

/// Sections whose scalars a variable can set; lists of sections have no names to set them by.
const SECTIONS: &[&str] = &[
    "listen",
    "tls",
    "backend",
    "admin",
    "anonymous",
    "cors",
    "websocket",
    "telemetry",
    "log",
    "limits",
];

/// One `DOORWARD_SECTION_KEY`.
pub(super) struct Override<'e> {
    pub(super) variable: &'e str,
    section: Option<&'static str>,
    key: String,
    value: &'e str,
}

impl Override<'_> {
    /// The key path that it decides.
    pub(super) fn path(&self) -> String {
        match self.section {
            Some(section) => format!("{section}.{}", self.key),
            None => self.key.clone(),
        }
    }
}

/// The overrides in an environment, and warnings about names that look like one.
pub(super) fn overrides(environment: &Environment) -> (Vec<Override<'_>>, Vec<Diagnostic>) {
    let mut found = Vec::new();
    let mut warnings = Vec::new();
    for variable in environment.names("DOORWARD_") {
        let name = variable
            .trim_start_matches("DOORWARD_")
            .to_ascii_lowercase();
        let Some(value) = environment.var(variable) else {
            continue;
        };
        let (section, key) = match name.as_str() {
            "profile" => (Some("backend"), "profile"),
            "listen" => (Some("listen"), "address"),
            "allow_weak_secrets" => (None, "allow_weak_secrets"),
            // The command line's own, and what Kubernetes sets for a service of our name.
            "config" | "port" | "service_host" | "service_port" => continue,
            other if other.starts_with("port_") || other.starts_with("service_port_") => continue,
            other => {
                let Some((section, key)) = split(other) else {
                    warnings.push(stray(variable, other));
                    continue;
                };
                (Some(section), key)
            }
        };
        found.push(Override {
            variable,
            section,
            key: key.to_owned(),
            value,
        });
    }
    (found, warnings)
}

fn split(name: &str) -> Option<(&'static str, &str)> {
    SECTIONS.iter().find_map(|section| {
        let key = name.strip_prefix(section)?.strip_prefix('_')?;
        (!key.is_empty()).then_some((*section, key))
    })
}

fn stray(variable: &str, name: &str) -> Diagnostic {
    let section = name.split('_').next().unwrap_or_default();
    let warning = Diagnostic::warning("", format!("{variable} sets nothing and is ignored"));
    match suggest::nearest(section, SECTIONS) {
        Some(near) => warning.with_help(format!(
            "did you mean DOORWARD_{}_…?",
            near.to_ascii_uppercase()
        )),
        None => warning,
    }
}

/// Lays the overrides over a document.
pub(super) fn apply<'i>(overrides: &'i [Override<'i>], table: &mut DeTable<'i>) {
    for (number, over) in overrides.iter().enumerate() {
        let target = match over.section {
            None => Some(&mut *table),
            Some(section) => subtable(table, section),
        };
        let Some(target) = target else { continue };
        for rival in rivals(&over.key, target) {
            target.remove(rival.as_str());
        }
        let value = Spanned::new(document::foreign(2 * number), value_of(over));
        let key = Spanned::new(
            document::foreign(2 * number + 1),
            DeString::Borrowed(&over.key),
        );
        // The old key keeps its span on insertion; a fault must not be looked for there.
        target.remove(over.key.as_str());
        target.insert(key, value);
    }
}

fn subtable<'t, 'i>(table: &'t mut DeTable<'i>, name: &'static str) -> Option<&'t mut DeTable<'i>> {
    if !table.contains_key(name) {
        // Past the numbers of all overrides.
        let span = document::foreign(usize::from(u16::MAX));
        let empty = Spanned::new(span.clone(), DeValue::Table(DeTable::new()));
        table.insert(Spanned::new(span, DeString::Borrowed(name)), empty);
    }
    match table.get_mut(name).map(Spanned::get_mut) {
        Some(DeValue::Table(inner)) => Some(inner),
        _ => None,
    }
}

/// Other sources of the secret that this key sets: `x` against `x_file` and `x_env`.
fn rivals(key: &str, table: &DeTable<'_>) -> Vec<String> {
    let base = |key: &str| {
        let base = key.trim_end_matches("_file").trim_end_matches("_env");
        (!mask::may_show(base)).then(|| base.to_owned())
    };
    let Some(secret) = base(key) else {
        return Vec::new();
    };
    let keys = table.keys().map(|key| key.get_ref().to_string());
    keys.filter(|other| other != key && base(other).as_deref() == Some(&secret))
        .collect()
}

/// A variable's text as a TOML value: a secret as it is, else a boolean, a number, a
/// comma-separated list, or a string.
fn value_of<'i>(over: &'i Override<'i>) -> DeValue<'i> {
    let string = |text: &'i str| DeValue::String(DeString::Borrowed(text));
    if !mask::may_show(&over.key) {
        return string(over.value);
    }
    match DeValue::parse(over.value).map(Spanned::into_inner) {
        Ok(value @ (DeValue::Boolean(_) | DeValue::Integer(_))) => value,
        _ if over.value.contains(',') => {
            let mut list = DeArray::new();
            let span = document::foreign(usize::from(u16::MAX) + 1);
            let items = over
                .value
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty());
            items.for_each(|item| list.push(Spanned::new(span.clone(), string(item))));
            DeValue::Array(list)
        }
        _ => string(over.value),
    }
}
