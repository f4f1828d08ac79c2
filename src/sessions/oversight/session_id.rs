//! [`SessionId`]: what a session is called outside its worker.

use std::fmt;
use std::str::FromStr;

/// A session among all that this process ever has: `2-17` is the 18th of worker 2.
///
/// Another process, and so this one after a restart, calls other sessions by the same names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId {
    pub(super) worker: usize,
    pub(super) number: u64,
}

/// The text is not a session's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a session's id is two numbers with a `-` between them, as `2-17`")]
pub struct InvalidSessionId;

impl FromStr for SessionId {
    type Err = InvalidSessionId;

    fn from_str(text: &str) -> Result<Self, InvalidSessionId> {
        let (worker, number) = text.split_once('-').ok_or(InvalidSessionId)?;
        let id = Self {
            worker: worker.parse().map_err(|_| InvalidSessionId)?,
            number: number.parse().map_err(|_| InvalidSessionId)?,
        };
        // An id has one spelling: no sign, and no leading zero.
        if id.to_string() == text {
            Ok(id)
        } else {
            Err(InvalidSessionId)
        }
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.worker, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written_and_in_no_other_way() {
        for text in ["0-0", "2-17", "31-18446744073709551615"] {
            assert_eq!(text.parse::<SessionId>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "-",
            "2",
            "2-",
            "-17",
            "2-17-1",
            "+2-17",
            "2-+17",
            "02-17",
            "2-017",
            " 2-17",
            "2--17",
            "a-b",
            "2-18446744073709551616",
        ] {
            assert_eq!(text.parse::<SessionId>(), Err(InvalidSessionId), "{text}");
        }
    }
}
