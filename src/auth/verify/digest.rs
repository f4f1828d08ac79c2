//! [`KeyDigest`]: SHA-256 of a key, the only form in which a key is kept.

use std::{fmt, hash::Hasher};

/// SHA-256 of a whole key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyDigest([u8; 32]);

impl KeyDigest {
    /// The digest of a whole key.
    #[must_use]
    pub fn of(key: &[u8]) -> Self {
        let mut bytes = [0; 32];
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, key);
        for (byte, of_digest) in bytes.iter_mut().zip(digest.as_ref()) {
            *byte = *of_digest;
        }
        Self(bytes)
    }

    /// From 64 hex digits, in any case.
    #[must_use]
    pub fn parse(hex: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if hex.len() != 64 {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            let &[high, low] = pair else { return None };
            *byte = digit(high)? << 4 | digit(low)?;
        }
        Some(Self(bytes))
    }

    /// Of the 32 bytes themselves.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Its first four bytes: enough to tell keys apart in a log, useless to guess one.
    pub(super) fn beginning(&self) -> [u8; 4] {
        self.0.first_chunk().copied().unwrap_or_default()
    }
}

fn digit(hex: u8) -> Option<u8> {
    match hex {
        b'0'..=b'9' => Some(hex - b'0'),
        b'a'..=b'f' => Some(hex - b'a' + 10),
        b'A'..=b'F' => Some(hex - b'A' + 10),
        _ => None,
    }
}

impl fmt::Display for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "KeyDigest({:08x}…)",
            u32::from_be_bytes(self.beginning())
        )
    }
}

impl std::hash::Hash for KeyDigest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(u64::from_le_bytes(
            self.0.first_chunk().copied().unwrap_or_default(),
        ));
    }
}

/// A SHA-256 digest is a hash already; only the operator's own keys are in the table, so nobody
/// else can choose what collides.
#[derive(Debug, Default, Clone)]
pub(super) struct DigestHasher(u64);

impl Hasher for DigestHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

#[cfg(test)]
mod tests {
    use std::hash::BuildHasher as _;

    use super::*;

    #[test]
    fn a_digest_reads_back_what_it_prints() {
        let digest = KeyDigest::of(b"key");
        assert_eq!(KeyDigest::parse(&digest.to_string()), Some(digest));
        assert_eq!(
            KeyDigest::parse(&digest.to_string().to_uppercase()),
            Some(digest)
        );
    }

    #[test]
    fn a_digest_is_hashed_by_its_first_bytes() {
        let hasher = std::hash::BuildHasherDefault::<DigestHasher>::default();
        let digest = KeyDigest::of(b"key");
        let first = u64::from_le_bytes(*digest.0.first_chunk().unwrap());
        assert_eq!(hasher.hash_one(digest), first);
        let bytes = |bytes: &[u8]| {
            let mut hasher = DigestHasher::default();
            hasher.write(bytes);
            hasher.finish()
        };
        assert_eq!(bytes(b"ab"), 0x6162);
        assert_eq!(bytes(&[1, 0, 0, 0, 0, 0, 0, 0, 1]), 0, "all bytes count");
    }

    #[test]
    fn only_64_hex_digits_make_a_digest() {
        for bad in [
            "",
            "00",
            &"0".repeat(63),
            &"0".repeat(65),
            &"+0".repeat(32),
            &"g0".repeat(32),
        ] {
            assert_eq!(KeyDigest::parse(bad), None, "{bad}");
        }
        assert_eq!(KeyDigest::parse(&"é".repeat(32)), None);
    }
}
