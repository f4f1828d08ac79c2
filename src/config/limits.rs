//! `[limits]`: what one client may cost.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::units::{OrOff, Period, Rate, Size};

/// Sizes, times and counts, each with a default that no healthy client meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// All request headers together; beyond: 431.
    pub header_size: Size,
    /// Number of request header lines; beyond: 431.
    pub header_count: u32,
    /// The request target; beyond: 414.
    pub target_size: Size,
    /// A credential; a longer one is a bad one.
    pub token_size: Size,
    /// Time for a TLS handshake.
    pub tls_handshake: Period,
    /// Time for a request's headers, from its first byte or from accept.
    pub header_timeout: Period,
    /// Longest silence inside a request body.
    pub body_gap: Period,
    /// Longest time that a client takes nothing of what is ready for it.
    pub write_stall: Period,
    /// How long an idle connection is kept.
    pub keep_alive: Period,
    /// Time to connect to the backend; beyond: 504.
    pub connect: Period,
    /// Time until the backend's response begins; beyond: 504.
    pub first_byte: Period,
    /// Concurrent streams of one HTTP/2 connection.
    pub h2_streams: u32,
    /// Open client connections.
    pub connections: u32,
    /// Open connections of one address (an IPv6 /64).
    pub connections_per_address: OrOff<u32>,
    /// Requests of one user in a period (`"600/1m"`); beyond: 429.
    pub requests_per_user: OrOff<Rate>,
    /// Failed authentications of one address; beyond: 429.
    pub failures_per_address: OrOff<Rate>,
    /// How long requests and sockets may take to end on SIGTERM.
    pub drain: Period,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_size: Size::kibibytes(32),
            header_count: 100,
            target_size: Size::kibibytes(8),
            token_size: Size::kibibytes(8),
            tls_handshake: Period::seconds(10),
            header_timeout: Period::seconds(10),
            body_gap: Period::seconds(30),
            write_stall: Period::seconds(60),
            keep_alive: Period::seconds(75),
            connect: Period::seconds(5),
            first_byte: Period::seconds(300),
            h2_streams: 100,
            connections: 10_000,
            connections_per_address: OrOff::Off,
            requests_per_user: OrOff::Off,
            failures_per_address: OrOff::Value(Rate {
                count: 20,
                period: Duration::from_mins(1),
            }),
            drain: Period::seconds(30),
        }
    }
}
