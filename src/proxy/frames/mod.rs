//! Where WebSocket frames begin and end (RFC 6455 §5.2), without touching a byte of them.
//!
//! [`FrameTracker`] is fed whatever the socket delivered, in whatever pieces. It reads headers and
//! skips payloads; reserved opcodes and RSV bits (permessage-deflate) mean nothing to it, so every
//! sequence of bytes can be followed and none is refused. The tunnel asks it two things: may a close
//! frame of ours stand here, and is the client's message too long.

mod close;
mod header;

pub use close::{close_frame, masked_close_frame};
use header::{CONTINUATION, CONTROL, HEADER_MAX, Header, needed};

/// Close code for a message longer than the limit (RFC 6455 §7.4.1).
pub const MESSAGE_TOO_BIG: u16 = 1009;
/// Stands for a close frame that carries no code (RFC 6455 §7.4.1); never on the wire.
pub const NO_STATUS: u16 = 1005;
/// Stands for an end without a close frame (RFC 6455 §7.4.1); never on the wire.
pub const ABNORMAL: u16 = 1006;

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
        let frame = Header::parse(&self.header, self.collected);
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::header::{CLOSE, MASKED, OPCODE};
    use super::*;

    /// A frame with all its freedoms, valid or not; longer lengths than need be among them.
    #[derive(Clone, Debug)]
    struct Sample {
        first: u8,
        masked: bool,
        payload: Vec<u8>,
        length_size: u8,
    }

    impl Sample {
        fn wire(&self) -> Vec<u8> {
            let mask = if self.masked { MASKED } else { 0 };
            let length = self.payload.len();
            let mut wire = vec![self.first];
            match self.length_size {
                0 if length < 126 => wire.push(mask | u8::try_from(length).unwrap()),
                0 | 2 => {
                    wire.push(mask | 0x7e);
                    wire.extend(u16::try_from(length).unwrap().to_be_bytes());
                }
                _ => {
                    wire.push(mask | 0x7f);
                    wire.extend((length as u64).to_be_bytes());
                }
            }
            if self.masked {
                wire.extend([1, 2, 3, 4]);
            }
            wire.extend(&self.payload);
            wire
        }
    }

    prop_compose! {
        fn sample()(
            first in any::<u8>(),
            masked in any::<bool>(),
            payload in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..8),
                prop::collection::vec(any::<u8>(), 120..300),
            ],
            length_size in prop::sample::select(vec![0, 0, 0, 2, 8]),
        ) -> Sample {
            Sample { first, masked, payload, length_size }
        }
    }

    fn pieces(wire: &[u8], cuts: &[prop::sample::Index]) -> Vec<Vec<u8>> {
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(wire.len() + 1)).collect();
        at.extend([0, wire.len()]);
        at.sort_unstable();
        at.windows(2)
            .map(|pair| wire[pair[0]..pair[1]].to_vec())
            .collect()
    }

    proptest! {
        #[test]
        fn any_split_of_any_frames_has_the_same_boundaries(
            frames in prop::collection::vec(sample(), 0..8),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        ) {
            let mut wire = Vec::new();
            let mut boundaries = vec![0];
            for frame in &frames {
                wire.extend(frame.wire());
                boundaries.push(wire.len());
            }
            let mut tracker = FrameTracker::new(u64::MAX);
            let mut at = 0;
            for piece in pieces(&wire, &cuts) {
                tracker.advance(&piece).unwrap();
                at += piece.len();
                prop_assert_eq!(tracker.at_boundary(), boundaries.contains(&at), "at {}", at);
            }
            let closed = frames.iter().any(|frame| frame.first & OPCODE == CLOSE);
            prop_assert_eq!(tracker.close_code().is_some(), closed);
        }

        #[test]
        fn the_next_boundary_is_the_end_of_the_frame_that_has_begun(
            frames in prop::collection::vec(sample(), 1..4),
            begun in any::<prop::sample::Index>(),
        ) {
            let wire: Vec<u8> = frames.iter().flat_map(Sample::wire).collect();
            let begun = begun.index(wire.len());
            let mut end = 0;
            for frame in &frames {
                if end >= begun {
                    break;
                }
                end += frame.wire().len();
            }
            let mut tracker = FrameTracker::new(u64::MAX);
            tracker.advance(&wire[..begun]).unwrap();
            prop_assert_eq!(begun + tracker.advance_to_boundary(&wire[begun..]), end);
            prop_assert!(tracker.at_boundary());
        }

        #[test]
        fn no_bytes_whatever_are_too_strange_to_follow(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            limit in any::<u64>(),
        ) {
            let mut tracker = FrameTracker::new(limit);
            if let Err(TooBig { at }) = tracker.advance(&bytes) {
                prop_assert!(at < bytes.len());
                tracker.lift_limit();
                prop_assert!(tracker.advance(&bytes[at..]).is_ok());
            }
        }

        #[test]
        fn a_message_is_too_big_where_the_frame_begins_that_makes_it_so(
            lengths in prop::collection::vec(0_usize..200, 1..6),
            limit in 0_u64..500,
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let mut wire = Vec::new();
            let (mut total, mut expected) = (0, None);
            for (index, length) in lengths.iter().enumerate() {
                total += *length as u64;
                if total > limit && expected.is_none() {
                    expected = Some(wire.len());
                }
                let first = if index == 0 { 0x41 } else { 0x00 };
                let payload = vec![7; *length];
                wire.extend(Sample { first, masked: true, payload, length_size: 0 }.wire());
                // A control frame in between is no part of the message.
                wire.extend([0x89, 0x80, 0, 0, 0, 0]);
            }
            let mut tracker = FrameTracker::new(limit);
            let (mut passed, mut found) = (0, None);
            for piece in pieces(&wire, &cuts) {
                match tracker.advance(&piece) {
                    Ok(()) => passed += piece.len(),
                    Err(TooBig { at }) => {
                        found = Some(passed + at);
                        break;
                    }
                }
            }
            match expected {
                None => prop_assert_eq!(found, None),
                // Up to nine bytes of its header may have gone by before it was whole.
                Some(start) => {
                    let found = found.unwrap();
                    prop_assert!((start..start + 10).contains(&found), "{} {}", start, found);
                    prop_assert_eq!(tracker.at_boundary(), found == start);
                }
            }
        }
    }

    #[test]
    fn a_message_of_exactly_the_limit_passes() {
        let mut tracker = FrameTracker::new(3);
        assert_eq!(tracker.advance(&[0x82, 3, 1, 2, 3]), Ok(()));
        assert_eq!(tracker.advance(&[0x82, 4]), Err(TooBig { at: 0 }));
        assert!(tracker.at_boundary());
    }

    #[test]
    fn a_length_with_the_highest_bit_set_is_too_big_for_any_limit_but_none() {
        let wire = [
            0x82, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0,
        ];
        assert_eq!(
            FrameTracker::new(1 << 40).advance(&wire),
            Err(TooBig { at: 0 })
        );
        let mut blind = FrameTracker::new(u64::MAX);
        assert_eq!(blind.advance(&wire), Ok(()));
        assert!(!blind.at_boundary());
    }

    #[test]
    fn a_close_frame_without_a_code_is_a_close_frame() {
        let mut tracker = FrameTracker::new(u64::MAX);
        tracker.advance(&[0x81, 1, b'x']).unwrap();
        assert_eq!(tracker.close_code(), None);
        tracker.advance(&[0x88, 0x80, 9, 9, 9, 9]).unwrap();
        assert_eq!(
            (tracker.close_code(), tracker.at_boundary()),
            (Some(NO_STATUS), true)
        );
    }
}
