//! The audit log: who did what, when, and from where.

use std::fmt;

use super::Revision;
use crate::clock::Timestamp;

/// Who makes a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// The user or the key; of a command, the system's user.
    pub name: String,
    /// The address it came from; of a command, `cli`.
    pub from: String,
    /// When.
    pub at: Timestamp,
}

/// One line of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The change's place in the log.
    pub revision: Revision,
    /// Who, when, and from where.
    pub by: Author,
    /// What was done: `user.create`.
    pub action: String,
    /// To whom or what: an id.
    pub subject: String,
    /// What is worth knowing besides, in words of the operator's: no secret, no hash.
    pub detail: String,
}

/// Which part of the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Only entries before this one.
    pub before: Option<Revision>,
    /// So many at most.
    pub limit: u32,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            by,
            action,
            subject,
            detail,
            ..
        } = self;
        write!(
            f,
            "{} {action} {subject} {detail} by {} from {}",
            by.at, by.name, by.from
        )
    }
}
