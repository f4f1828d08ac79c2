//! [`Sighting`]: a key of the store was used.

use crate::auth::KeyDigest;
use crate::clock::Timestamp;

/// How exactly uses are noted, in milliseconds.
const MINUTE: i64 = 60_000;

/// A key was used within a minute. What it is called, the directory says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    key: KeyDigest,
    at: Timestamp,
}

impl Sighting {
    /// Of this key, now.
    #[must_use]
    pub const fn new(key: KeyDigest, now: Timestamp) -> Self {
        let minute = now.as_millis().div_euclid(MINUTE);
        let at = Timestamp::from_millis(minute.saturating_mul(MINUTE));
        Self { key, at }
    }

    /// Which key.
    #[must_use]
    pub const fn key(&self) -> KeyDigest {
        self.key
    }

    /// When the minute began.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }
}
