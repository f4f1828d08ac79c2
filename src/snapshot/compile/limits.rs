//! `[limits]`.

use std::time::Duration;

use super::findings::Findings;
use crate::config;
use crate::snapshot::{Limits, Rate};

/// hyper reads a request head into a buffer that can't be smaller.
const LEAST_HEADER_SIZE: usize = 8 * 1024;

/// The limits; a zero that would shut everybody out is an error.
pub(super) fn compile(written: &config::Limits, findings: &mut Findings) -> Limits {
    check(written, findings);
    let rate = |rate: config::Rate| Rate {
        count: rate.count,
        period: rate.period,
    };
    Limits {
        header_size: written.header_size.bytes(),
        header_count: count(written.header_count),
        target_size: written.target_size.bytes(),
        token_size: written.token_size.bytes(),
        tls_handshake: written.tls_handshake.0,
        header_timeout: written.header_timeout.0,
        body_gap: written.body_gap.0,
        write_stall: written.write_stall.0,
        keep_alive: written.keep_alive.0,
        connect: written.connect.0,
        first_byte: written.first_byte.0,
        h2_streams: written.h2_streams,
        connections: count(written.connections),
        connections_per_address: written.connections_per_address.value().map(count),
        requests_per_user: written.requests_per_user.value().map(rate),
        failures_per_address: written.failures_per_address.value().map(rate),
        ids_per_address: None,
        drain: written.drain.0,
    }
}

fn count(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn check(written: &config::Limits, findings: &mut Findings) {
    if written.header_size.bytes() < LEAST_HEADER_SIZE {
        findings.error("limits.header_size", "at least 8KiB");
    }
    let per_address = written.connections_per_address.value().unwrap_or(1);
    let counts = [
        ("header_count", written.header_count),
        ("h2_streams", written.h2_streams),
        ("connections", written.connections),
        ("connections_per_address", per_address),
    ];
    let sizes = [
        ("target_size", written.target_size.0),
        ("token_size", written.token_size.0),
    ];
    let counts = counts
        .into_iter()
        .map(|(key, number)| (key, u64::from(number)));
    for (key, number) in counts.chain(sizes) {
        if number == 0 {
            findings.error(
                format!("limits.{key}"),
                "nothing would ever pass: at least 1",
            );
        }
    }
    let periods = [
        ("tls_handshake", written.tls_handshake),
        ("header_timeout", written.header_timeout),
        ("body_gap", written.body_gap),
        ("write_stall", written.write_stall),
        ("keep_alive", written.keep_alive),
        ("connect", written.connect),
        ("first_byte", written.first_byte),
    ];
    for (key, period) in periods {
        if period.0 == Duration::ZERO {
            findings.error(
                format!("limits.{key}"),
                "no time at all: everything would fail",
            );
        }
    }
}
