//! From one store to another: everything in it as lines of JSON.
//!
//! ```text
//!  Directory ─▶ export ─▶ {"kind":"doorward-store","format":1}  ┐
//!                         {"kind":"user",…}  {"kind":"key",…}   ├─▶ parse ─▶ Found ─▶ plan ─▶ Change
//!                         {"kind":"end"}                        ┘             ▲
//!                         metadata.json of a Cheshire Cat ─▶ parse_cat ───────┘
//! ```
//!
//! Nothing is half understood: a kind, a field or a value that is unknown is a fault, and so is a
//! text without its end.

mod cat;
mod export;
mod line;
mod parse;
mod plan;
#[cfg(test)]
mod tests;

use std::fmt;

pub use cat::{is_of_a_cat, parse_cat};
pub use export::{SigningKeys, export};
pub use parse::parse;
pub use plan::{Existing, Plan, plan};

use super::Change;

/// Something that was found in a text, as the change that makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where.
    pub place: Place,
    /// What is to be done to have it in a store.
    pub change: Change,
}

/// Where something stands in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In this line, the first being 1.
    Line(usize),
    /// With this user, in a text without lines.
    User(String),
    /// Nowhere in particular.
    Whole,
}

/// What is wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub place: Place,
    /// What; no secret and no hash.
    pub wrong: String,
}

impl Fault {
    /// At this place.
    #[must_use]
    pub fn new(place: Place, wrong: impl fmt::Display) -> Self {
        let wrong = wrong.to_string();
        Self { place, wrong }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(number) => write!(f, "line {number}"),
            // Whoever wrote the text chose the name.
            Self::User(name) => write!(f, "user {name:?}"),
            Self::Whole => f.write_str("the file"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.wrong)
    }
}
