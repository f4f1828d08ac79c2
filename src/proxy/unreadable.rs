//! Requests that the parser of HTTP/1.1 refuses: it answers by itself and ends the connection, and
//! nothing of ours ever sees a request. They are recorded all the same.

use std::time::Duration;

use super::connection::Client;
use crate::clock::Timestamp;
use crate::telemetry::access_log::{Path, Record};

/// Records what the parser refused, if that is why a connection ended. The record holds nothing
/// that the client sent: nobody knows what it is.
pub(super) fn record(client: &Client, error: &hyper::Error) {
    let (status, reason) = match error {
        error if error.is_parse_too_large() => (431, "head too large"),
        // A connection of HTTP/2 is not answered in HTTP/1.1.
        error if error.is_parse() && !error.is_parse_version_h2() => (400, "unreadable head"),
        _ => return,
    };
    let (worker, now) = (&client.worker, Timestamp::now());
    worker.metrics.request(status, Duration::ZERO);
    worker.metrics.denied(reason);
    worker.log.record(&Record {
        time: now,
        request_id: worker.next_request_id(now).as_str(),
        peer: client.peer.ip(),
        protocol: client.protocol.get(),
        method: "",
        path: Path::of(""),
        status,
        user: None,
        credential: None,
        rule: None,
        reason: Some(reason),
        duration: Duration::ZERO,
        upstream_duration: None,
        bytes_sent: 0,
        bytes_received: 0,
    });
}
