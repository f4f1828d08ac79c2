//! The control plane.

mod content;
mod entries;
mod files;
mod settle;
mod watch;
