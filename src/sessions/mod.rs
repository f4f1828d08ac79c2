//! What is open: every tunnel and long response of one worker, with the proof it was admitted by.
//!
//! A session lives as long as its credential. [`Sessions`] ends the ones whose time has come
//! ([`Sessions::expire`]), judges all of them again when a new generation is in force
//! ([`Sessions::review`]), and ends everything when the process drains. It does no I/O: it leaves a
//! word in the [`Session`], whose owner closes its own socket.
//!
//! Each worker has its own registry and no lock. Only the number of sockets a user has open is
//! shared by all workers: [`Counts`].

mod counts;
mod registry;
mod session;

pub use counts::{Counts, Slot};
pub use registry::{Judgement, Patience, Sessions};
pub use session::{EndReason, Session};
