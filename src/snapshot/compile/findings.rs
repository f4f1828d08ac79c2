//! [`Findings`]: what is wrong, collected while everything is looked at.

use std::fmt::Display;

use crate::config::Diagnostic;

/// Where every fault of a profile is reported: the setting that chose it.
pub(super) const AT_PROFILE: &str = "backend.profile";

/// All errors and warnings so far.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Diagnostic>);

impl Findings {
    pub(super) fn error(&mut self, at: impl Into<String>, message: impl Display) {
        self.push(Diagnostic::error(at, message.to_string()));
    }

    pub(super) fn warning(&mut self, at: impl Into<String>, message: impl Display) {
        self.push(Diagnostic::warning(at, message.to_string()));
    }

    pub(super) fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// What could be made, or nothing and an error about it.
    pub(super) fn take<T, E: ToString>(&mut self, at: &str, made: Result<T, E>) -> Option<T> {
        made.map_err(|error| self.error(at, error.to_string())).ok()
    }

    /// What was found, when only warnings were.
    pub(super) fn into_warnings(self) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
        if self.0.iter().any(Diagnostic::is_error) {
            Err(self.0)
        } else {
            Ok(self.0)
        }
    }
}
