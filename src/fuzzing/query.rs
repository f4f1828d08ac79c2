//! The query cut: no credential passes in it, and the rest passes as it is.

use super::admission::decide;
use super::gates::{KEYS, Profile};
use super::head;

/// The bytes are a query, of a plain request and of a handshake; what [`decide`] looks at must
/// hold.
pub fn query(query: &[u8]) {
    let [(alice, _), ..] = KEYS;
    let handshake = "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n\
                     sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let bearer = format!("authorization: Bearer {alice}\r\n");
    for (start, lines) in [
        ("GET /status?", &*bearer),
        ("GET /ws?", handshake),
        ("GET /ws/alice?", &format!("{bearer}{handshake}")),
    ] {
        let end = format!(" HTTP/1.1\r\nhost: localhost\r\n{lines}\r\n");
        let bytes = [start.as_bytes(), query, end.as_bytes()].concat();
        if let Some(head) = head::read(&bytes) {
            decide(Profile::Generic, &head);
            decide(Profile::CheshireCat1, &head);
        }
    }
}
