//! [`Filter`]: which sessions are meant.

use std::ops::Range;

use super::SessionId;
use crate::auth::{Identity, UserId};
use crate::sessions::Caller;

/// Which of the open sessions are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Every one.
    All,
    /// This one.
    Session(SessionId),
    /// Those of this user, case-folded, since a backend may fold what we don't.
    User(UserId),
    /// Those of the credential that the access log calls so: the id of a key, the name of an
    /// issuer, `account`, or `visitor`.
    Credential(Box<str>),
}

impl Filter {
    /// The numbers, below `end`, that sessions of `worker` may have to be meant.
    pub(super) fn numbers(&self, worker: usize, end: u64) -> Range<u64> {
        match self {
            Self::Session(id) if id.worker != worker => 0..0,
            Self::Session(id) => id.number.min(end)..id.number.saturating_add(1).min(end),
            Self::All | Self::User(_) | Self::Credential(_) => 0..end,
        }
    }

    /// Whether a session with such a number is meant that this caller has opened.
    pub(super) fn means(&self, caller: &Caller) -> bool {
        let is = |what: &dyn Fn(&Identity) -> bool| caller.proof.identity().is_some_and(what);
        match self {
            Self::All | Self::Session(_) => true,
            Self::User(user) => is(&|identity| {
                let own = identity.user().as_str();
                own.eq_ignore_ascii_case(user.as_str())
            }),
            Self::Credential(name) => {
                is(&|identity| identity.credential().to_string().as_str() == &**name)
            }
        }
    }
}
