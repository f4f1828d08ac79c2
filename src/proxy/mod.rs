//! The data plane.

pub mod frames;
pub mod tunnel;
