//! Timestamps of log lines: RFC 3339, in UTC, with milliseconds.

use super::escape::thousandths;
use crate::clock::Timestamp;

/// Formats times, most of which fall into the same second as the one before.
#[derive(Debug, Default)]
pub(super) struct SecondCache {
    second: i64,
    /// `YYYY-MM-DDTHH:MM:SS.`; empty before the first use.
    text: String,
}

impl SecondCache {
    /// Appends a time.
    pub(super) fn write(&mut self, out: &mut Vec<u8>, time: Timestamp) {
        let second = time.as_millis().div_euclid(1000);
        if self.text.is_empty() || second != self.second {
            self.second = second;
            let known = jiff::Timestamp::from_second(second).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
            self.text = known.strftime("%Y-%m-%dT%H:%M:%S.").to_string();
        }
        out.extend_from_slice(self.text.as_bytes());
        let millis = time.as_millis().rem_euclid(1000);
        thousandths(out, u32::try_from(millis).unwrap_or(0));
        out.push(b'Z');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_across_seconds() {
        let mut cache = SecondCache::default();
        let mut out = Vec::new();
        for millis in [0, 7, 1_795_376_086_123, -1] {
            cache.write(&mut out, Timestamp::from_millis(millis));
            out.push(b' ');
        }
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "1970-01-01T00:00:00.000Z 1970-01-01T00:00:00.007Z 2026-11-22T19:34:46.123Z \
             1969-12-31T23:59:59.999Z "
        );
    }
}
