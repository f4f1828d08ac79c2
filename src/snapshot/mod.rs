//! What runs: the compiled, immutable snapshot.
pub mod compile;
pub mod live;
