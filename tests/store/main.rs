//! What every store promises, whatever it is kept in; and what a file must stand.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test program: whatever fails, fails the test"
)]

#[path = "../../benches/store/changes.rs"]
mod changes;
mod contract;
mod files;
mod kills;
mod kinds;
mod read_only;
#[path = "../../benches/store/writing.rs"]
mod writing;
