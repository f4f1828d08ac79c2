//! The header fold: no spelling of a protected name passes.

use super::admission::decide;
use super::gates::{KEYS, Profile};
use super::head;

/// The bytes are header lines; what [`decide`] looks at must hold.
pub fn headers(lines: &[u8]) {
    let [(alice, _), ..] = KEYS;
    for (method, credential) in [("GET", "authorization: Bearer"), ("POST", "X-Api-Key:")] {
        let start =
            format!("{method} /message HTTP/1.1\r\nhost: localhost\r\n{credential} {alice}\r\n");
        let bytes = [start.as_bytes(), lines, b"\r\n\r\n"].concat();
        if let Some(head) = head::read(&bytes) {
            decide(Profile::Generic, &head);
            decide(Profile::CheshireCat1, &head);
        }
    }
}
