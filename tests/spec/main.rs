//! What doorward promises, as sentences: each spec runs the real binary between real sockets.
//!
//! `support` has the words they are written in.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::large_futures,
    clippy::format_collect,
    clippy::format_push_string,
    unreachable_pub,
    reason = "a test program: whatever fails, fails the spec"
)]

mod admin;
mod admin_keeping;
mod admin_sessions;
mod browser_sessions;
mod cheshire_cat_1_answers;
mod cheshire_cat_1_credentials;
mod cheshire_cat_1_environment;
mod cheshire_cat_1_panel;
mod cheshire_cat_1_routes;
mod cheshire_cat_1_sessions;
mod cli;
mod cors;
mod doctor;
mod environment;
mod framing;
mod hot_reload;
mod http2;
mod http_credentials;
mod identity;
mod jwt;
mod limits;
mod logins;
mod logs;
mod minted_tokens;
mod own_profile;
mod policy;
mod revocation;
mod session_commands;
mod shutdown;
mod sockets_per_user;
mod spoofing;
mod stored_keys;
mod stored_tokens;
mod stored_users;
mod stores_moved;
mod streaming;
mod support;
mod tls;
mod tunnels;
mod unread_bodies;
mod upstream_failures;
mod users;
mod visitors;
mod websocket_credentials;
mod zep;
mod zep_clients;
mod zep_environment;
mod zep_routes;
