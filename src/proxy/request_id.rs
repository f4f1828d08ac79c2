//! [`RequestIds`]: the worker's source of `X-Request-Id` values.

use bytes::{Bytes, BytesMut};
use http::HeaderValue;
use uuid::Builder;

use crate::clock::Timestamp;

/// Ids that share one allocation.
const BATCH: usize = 32;

/// Length of a hyphenated UUID.
const LENGTH: usize = 36;

/// Makes time-ordered UUIDs (version 7, RFC 9562 §5.7) without a system call or an allocation
/// each: random bits come from a generator seeded once a worker. Ids are unique, not secret.
#[derive(Debug)]
pub(super) struct RequestIds {
    block: BytesMut,
    state: u64,
}

/// One request's id.
#[derive(Clone, Debug)]
pub(super) struct RequestId(HeaderValue);

impl RequestIds {
    /// # Errors
    /// When the system gives no random bytes.
    pub(super) fn new() -> std::io::Result<Self> {
        let mut seed = [0; 8];
        aws_lc_rs::rand::fill(&mut seed)
            .map_err(|_| std::io::Error::other("no random bytes from the system"))?;
        Ok(Self {
            block: BytesMut::new(),
            state: u64::from_ne_bytes(seed),
        })
    }

    /// The next id.
    pub(super) fn next(&mut self, now: Timestamp) -> RequestId {
        let mut random = [0; 10];
        let (head, tail) = (self.random().to_ne_bytes(), self.random().to_ne_bytes());
        for (byte, source) in random.iter_mut().zip(head.into_iter().chain(tail)) {
            *byte = source;
        }
        let millis = u64::try_from(now.as_millis()).unwrap_or(0);
        let uuid = Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
        if self.block.capacity() < LENGTH {
            self.block = BytesMut::with_capacity(BATCH * LENGTH);
        }
        let mut text = [0; LENGTH];
        self.block
            .extend_from_slice(uuid.hyphenated().encode_lower(&mut text).as_bytes());
        RequestId::of(self.block.split().freeze())
    }

    /// `SplitMix64` (Steele, Lea, Flood 2014).
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.state;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }
}

impl RequestId {
    fn of(text: Bytes) -> Self {
        Self(HeaderValue::from_maybe_shared(text).unwrap_or(HeaderValue::from_static("-")))
    }

    pub(super) fn value(&self) -> &HeaderValue {
        &self.0
    }

    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(self.0.as_bytes()).unwrap_or_default()
    }

    /// The same id in memory of its own, for a long life.
    pub(super) fn detached(&self) -> Self {
        Self::of(Bytes::copy_from_slice(self.0.as_bytes()))
    }

    /// As a header value that shares this id's memory.
    pub(super) fn to_value(&self) -> HeaderValue {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_distinct_version_7_uuids_ordered_by_time() {
        let mut ids = RequestIds::new().unwrap();
        let mut seen = HashSet::new();
        let mut last = String::new();
        for millis in 0..100 {
            let now = Timestamp::from_millis(1_800_000_000_000 + millis);
            let id = ids.next(now);
            let uuid = uuid::Uuid::parse_str(id.as_str()).unwrap();
            assert_eq!(uuid.get_version_num(), 7);
            assert!(id.as_str() > last.as_str());
            assert_eq!(id.to_value().to_str().unwrap(), id.as_str());
            last = id.as_str().to_owned();
            assert!(seen.insert(uuid));
        }
    }

    #[test]
    fn ids_of_one_moment_differ() {
        let mut ids = RequestIds::new().unwrap();
        let now = Timestamp::from_millis(1_800_000_000_000);
        let all: HashSet<_> = (0..1000)
            .map(|_| ids.next(now).as_str().to_owned())
            .collect();
        assert_eq!(all.len(), 1000);
    }
}
