//! The header of a frame (RFC 6455 §5.2).

use super::NO_STATUS;

pub(super) const CONTINUATION: u8 = 0x0;
pub(super) const CLOSE: u8 = 0x8;
/// Opcodes from here on are control frames.
pub(super) const CONTROL: u8 = 0x8;
pub(super) const OPCODE: u8 = 0x0f;
pub(super) const MASKED: u8 = 0x80;
pub(super) const LENGTH: u8 = 0x7f;
pub(super) const MASK_SIZE: u8 = 4;
/// The first two bytes and the longest extended length; the mask counts with the payload.
pub(super) const HEADER_MAX: usize = 10;

/// How many bytes must be collected, as far as the ones collected tell.
pub(super) fn needed(header: &[u8; HEADER_MAX], collected: u8) -> u8 {
    let [first, second, ..] = *header;
    if collected < 2 {
        return 2;
    }
    match second & LENGTH {
        126 => 4,
        127 => 10,
        length if first & OPCODE == CLOSE => 2 + mask_size(second) + length.min(2),
        _ => 2,
    }
}

const fn mask_size(second: u8) -> u8 {
    if second & MASKED == 0 { 0 } else { MASK_SIZE }
}

/// What a collected header says.
pub(super) struct Header {
    pub(super) opcode: u8,
    pub(super) payload: u64,
    /// Bytes of the frame that are not collected yet, the mask among them.
    pub(super) remaining: u64,
    pub(super) close_code: Option<u16>,
}

impl Header {
    pub(super) fn parse(header: &[u8; HEADER_MAX], collected: u8) -> Self {
        let [first, second, extended @ ..] = *header;
        let [high, low, ..] = extended;
        let (payload, head) = match second & LENGTH {
            126 => (u64::from(u16::from_be_bytes([high, low])), 4),
            127 => (u64::from_be_bytes(extended), 10),
            length => (u64::from(length), 2),
        };
        let whole = payload.saturating_add(u64::from(mask_size(second)));
        let opcode = first & OPCODE;
        Self {
            opcode,
            payload,
            remaining: whole.saturating_sub(u64::from(collected) - head),
            close_code: (opcode == CLOSE).then(|| close_code(second, extended)),
        }
    }
}

/// Reads the code out of a close frame whose mask, if any, and code follow the first two bytes.
fn close_code(second: u8, rest: [u8; 8]) -> u16 {
    if !(2..126).contains(&(second & LENGTH)) {
        return NO_STATUS;
    }
    let [a, b, _, _, c, d, ..] = rest;
    if mask_size(second) == 0 {
        u16::from_be_bytes([a, b])
    } else {
        u16::from_be_bytes([c ^ a, d ^ b])
    }
}
