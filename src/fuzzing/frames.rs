//! Frame boundaries: however the bytes are cut, they are found where a plain reading has them.

use crate::proxy::frames::FrameTracker;

const MAX_MESSAGE: u64 = 1024;

/// The first byte says how long the segments are; the others are frames.
pub fn frames(bytes: &[u8]) {
    let Some((size, bytes)) = bytes.split_first() else {
        return;
    };
    let mut cut = FrameTracker::new(MAX_MESSAGE);
    let mut taken = 0;
    let mut outcome = Ok(());
    for segment in bytes.chunks(usize::from(*size % 16) + 1) {
        if let Err(too_big) = cut.advance(segment) {
            outcome = Err(taken + too_big.at);
            break;
        }
        taken += segment.len();
    }
    let mut whole = FrameTracker::new(MAX_MESSAGE);
    let at_once = whole.advance(bytes).map_err(|too_big| too_big.at);
    // In segments, a header that began in an earlier one is refused at the start of the later.
    assert_eq!(at_once.is_err(), outcome.is_err(), "{bytes:02x?}");
    match plain(bytes) {
        Plain::Boundary => assert!(at_once.is_ok() && whole.at_boundary() && cut.at_boundary()),
        Plain::Inside => assert!(at_once.is_ok() && !whole.at_boundary() && !cut.at_boundary()),
        Plain::TooBig(at) => {
            assert_eq!(at_once, Err(at));
            assert!(outcome.is_err_and(|seen| seen >= at));
        }
    }
    if at_once.is_ok() {
        assert_eq!(whole.close_code(), cut.close_code());
    }
}

/// Where the bytes end.
#[derive(Debug)]
enum Plain {
    Boundary,
    Inside,
    /// The frame at this offset makes its message too long.
    TooBig(usize),
}

/// RFC 6455 §5.2 read from bytes that are all there.
fn plain(bytes: &[u8]) -> Plain {
    let (mut at, mut message) = (0_usize, 0_u64);
    while at < bytes.len() {
        let rest = bytes.get(at..).unwrap();
        let [first, second, rest @ ..] = rest else {
            return Plain::Inside;
        };
        let (length, rest) = match second & 0x7f {
            126 => match rest.split_first_chunk::<2>() {
                Some((length, rest)) => (u64::from(u16::from_be_bytes(*length)), rest),
                None => return Plain::Inside,
            },
            127 => match rest.split_first_chunk::<8>() {
                Some((length, rest)) => (u64::from_be_bytes(*length), rest),
                None => return Plain::Inside,
            },
            short => (u64::from(short), rest),
        };
        let opcode = first & 0x0f;
        // The header of a close frame reaches to its code: mask and two bytes.
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        let is_short = second & 0x7f < 126;
        let head = if opcode == 8 && is_short {
            mask + length.min(2)
        } else {
            0
        };
        if (rest.len() as u64) < head {
            return Plain::Inside;
        }
        let total = if opcode == 0 {
            message.saturating_add(length)
        } else {
            length
        };
        if total > MAX_MESSAGE {
            return Plain::TooBig(at);
        }
        if opcode < 8 {
            message = total;
        }
        let left = rest.len() as u64;
        if left < mask + length {
            return Plain::Inside;
        }
        at = bytes.len() - usize::try_from(left - mask - length).unwrap();
    }
    Plain::Boundary
}
