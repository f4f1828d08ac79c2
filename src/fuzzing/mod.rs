//! What must hold for any bytes: one function a parser. Fuzzers feed them (`fuzz/`), and so do the
//! corpora that fuzzers left behind, as ordinary tests.
//!
//! Each reads the input a second time, in another and simpler way than the code it judges.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "built for tests and fuzzers alone: whatever fails, fails the test"
)]

mod admission;
mod answer;
mod configuration;
mod extraction;
mod frames;
mod gates;
mod head;
mod headers;
mod key_set;
mod path;
mod query;
mod rewrite;
mod token;

pub use answer::answer;
pub use configuration::configuration;
pub use extraction::extraction;
pub use frames::frames;
pub use headers::headers;
pub use key_set::key_set;
pub use path::path;
pub use query::query;
pub use rewrite::rewrite;
pub use token::token;

/// Looks at what must hold of these bytes.
pub type Target = fn(&[u8]);

/// Every target by its name in `fuzz/`.
pub const TARGETS: [(&str, Target); 10] = [
    ("answer", answer),
    ("configuration", configuration),
    ("extraction", extraction),
    ("frames", frames),
    ("headers", headers),
    ("key_set", key_set),
    ("path", path),
    ("query", query),
    ("rewrite", rewrite),
    ("token", token),
];

#[cfg(test)]
mod tests;
