//! What doorward promises, as sentences: each spec runs the real binary between real sockets.
//!
//! `support` has the words they are written in.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "a test program: whatever fails, fails the spec"
)]

mod framing;
mod http_credentials;
mod identity;
mod jwt;
mod limits;
mod policy;
mod spoofing;
mod streaming;
mod support;
mod tunnels;
mod upstream_failures;
mod websocket_credentials;
