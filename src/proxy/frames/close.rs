//! Close frames of our own (RFC 6455 §5.5.1).

use aws_lc_rs::rand;

use super::header::{CLOSE, LENGTH, MASK_SIZE, MASKED};

const FIN_CLOSE: u8 = 0x80 | CLOSE;
/// A control frame carries at most 125 bytes (RFC 6455 §5.5), two of them the code.
const REASON_MAX: usize = 123;

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::proxy::frames::FrameTracker;

    proptest! {
        #[test]
        fn our_close_frames_say_what_they_mean(code in any::<u16>(), reason in ".{0,200}") {
            let masked = masked_close_frame(code, &reason).unwrap();
            for frame in [close_frame(code, &reason), masked] {
                prop_assert!(frame.len() <= 2 + 4 + 125);
                let mut tracker = FrameTracker::new(u64::MAX);
                for byte in &frame {
                    tracker.advance(&[*byte]).unwrap();
                }
                prop_assert!(tracker.at_boundary());
                prop_assert_eq!(tracker.close_code(), Some(code));
            }
        }
    }

    #[test]
    fn a_masked_close_frame_hides_its_payload_behind_a_mask_of_its_own() {
        let frames: Vec<_> = (0..4)
            .filter_map(|_| masked_close_frame(4401, "x"))
            .collect();
        assert!(frames.iter().any(|frame| frame[2..6] != frames[0][2..6]));
    }
}
