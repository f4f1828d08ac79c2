//! Where WebSocket frames begin and end (RFC 6455 §5.2), without touching a byte of them.
//!
//! [`FrameTracker`] is fed whatever the socket delivered, in whatever pieces. It reads headers and
//! skips payloads; reserved opcodes and RSV bits (permessage-deflate) mean nothing to it, so every
//! sequence of bytes can be followed and none is refused. The tunnel asks it two things: may a close
//! frame of ours stand here, and is the client's message too long.

use aws_lc_rs::rand;

/// Close code for a message longer than the limit (RFC 6455 §7.4.1).
pub const MESSAGE_TOO_BIG: u16 = 1009;
/// Stands for a close frame that carries no code (RFC 6455 §7.4.1); never on the wire.
pub const NO_STATUS: u16 = 1005;
/// Stands for an end without a close frame (RFC 6455 §7.4.1); never on the wire.
pub const ABNORMAL: u16 = 1006;

const FIN_CLOSE: u8 = 0x80 | CLOSE;
const CLOSE: u8 = 0x8;
const CONTINUATION: u8 = 0x0;
const CONTROL: u8 = 0x8;
const OPCODE: u8 = 0x0f;
const MASKED: u8 = 0x80;
const LENGTH: u8 = 0x7f;
const MASK_SIZE: u8 = 4;
/// First two bytes and the longest extended length; the mask counts with the payload.
const HEADER_MAX: usize = 10;
/// A control frame carries at most 125 bytes (RFC 6455 §5.5), two of them the code.
const REASON_MAX: usize = 123;

/// Follows the frames of one direction.
#[derive(Debug)]
pub struct FrameTracker {
    /// The header being collected. In a close frame the mask and the code count as header.
    header: [u8; HEADER_MAX],
    collected: u8,
    /// Bytes of the current frame still to come after its header.
    remaining: u64,
    /// Payload bytes of the current data message, all fragments so far together.
    message: u64,
    max_message: u64,
    close_code: Option<u16>,
}

/// The frame that makes a message longer than the limit starts at this offset.
///
/// Nothing from there on has been followed: `0` when its header had begun in earlier bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooBig {
    /// Offset into the bytes just given.
    pub at: usize,
}

impl FrameTracker {
    /// At the beginning of the first frame; `max_message` in payload bytes as they are on the wire.
    #[must_use]
    pub const fn new(max_message: u64) -> Self {
        Self {
            header: [0; HEADER_MAX],
            collected: 0,
            remaining: 0,
            message: 0,
            max_message,
            close_code: None,
        }
    }

    /// From here on messages may have any length.
    pub const fn lift_limit(&mut self) {
        self.max_message = u64::MAX;
    }

    /// Whether the bytes so far end exactly where a frame ends.
    ///
    /// A control frame may stand here even between the fragments of a message (RFC 6455 §5.4).
    #[must_use]
    pub const fn at_boundary(&self) -> bool {
        self.collected == 0 && self.remaining == 0
    }

    /// The code of the first close frame that went by; [`NO_STATUS`] if it had none.
    #[must_use]
    pub const fn close_code(&self) -> Option<u16> {
        self.close_code
    }

    /// Follows all of `bytes`.
    ///
    /// # Errors
    ///
    /// When a message grows beyond the limit, as soon as the header of its frame says so.
    pub fn advance(&mut self, bytes: &[u8]) -> Result<(), TooBig> {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            at += self.step(rest).ok_or(TooBig { at })?;
        }
        Ok(())
    }

    /// Follows `bytes` to the end of the current frame at most; says how many bytes that took.
    pub fn advance_to_boundary(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            if self.at_boundary() {
                break;
            }
            let Some(taken) = self.step(rest) else { break };
            at += taken;
        }
        at
    }

    /// Takes one header or one payload, as far as it is there; `None` when it is too much.
    fn step(&mut self, bytes: &[u8]) -> Option<usize> {
        if self.remaining > 0 {
            let skipped =
                usize::try_from(self.remaining).map_or(bytes.len(), |r| r.min(bytes.len()));
            self.remaining -= skipped as u64;
            return Some(skipped);
        }
        let before = self.collected;
        let taken = self.collect(bytes);
        if self.collected < needed(&self.header, self.collected) {
            return Some(taken);
        }
        let frame = Frame::parse(&self.header, self.collected);
        let length = match frame.opcode {
            CONTINUATION => self.message.saturating_add(frame.payload),
            _ => frame.payload,
        };
        if length > self.max_message {
            self.collected = before;
            return None;
        }
        if frame.opcode < CONTROL {
            self.message = length;
        }
        self.close_code = self.close_code.or(frame.close_code);
        self.remaining = frame.remaining;
        self.collected = 0;
        Some(taken)
    }

    /// Copies header bytes until the header is whole or the bytes are used up.
    fn collect(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        for byte in bytes {
            if self.collected >= needed(&self.header, self.collected) {
                break;
            }
            let Some(slot) = self.header.get_mut(usize::from(self.collected)) else {
                break;
            };
            *slot = *byte;
            self.collected += 1;
            taken += 1;
        }
        taken
    }
}

/// How many bytes must be collected, as far as the ones collected tell.
fn needed(header: &[u8; HEADER_MAX], collected: u8) -> u8 {
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
struct Frame {
    opcode: u8,
    payload: u64,
    /// Bytes of the frame that are not collected yet, the mask among them.
    remaining: u64,
    close_code: Option<u16>,
}

impl Frame {
    fn parse(header: &[u8; HEADER_MAX], collected: u8) -> Self {
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

/// A close frame as a server sends it (RFC 6455 §5.5.1). A reason beyond 123 bytes is cut.
#[must_use]
pub fn close_frame(code: u16, reason: &str) -> Vec<u8> {
    let payload = close_payload(code, reason);
    let mut frame = vec![FIN_CLOSE, payload_length(&payload)];
    frame.extend_from_slice(&payload);
    frame
}

/// A close frame as a client sends it, with a random mask (RFC 6455 §5.3).
///
/// `None` when the system has no randomness to give.
#[must_use]
pub fn masked_close_frame(code: u16, reason: &str) -> Option<Vec<u8>> {
    let mut mask = [0; MASK_SIZE as usize];
    rand::fill(&mut mask).ok()?;
    let payload = close_payload(code, reason);
    let mut frame = vec![FIN_CLOSE, MASKED | payload_length(&payload)];
    frame.extend_from_slice(&mask);
    frame.extend(
        payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
    Some(frame)
}

fn close_payload(code: u16, reason: &str) -> Vec<u8> {
    let reason = reason
        .get(..reason.floor_char_boundary(REASON_MAX))
        .unwrap_or_default();
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}

fn payload_length(payload: &[u8]) -> u8 {
    u8::try_from(payload.len()).unwrap_or(LENGTH)
}
