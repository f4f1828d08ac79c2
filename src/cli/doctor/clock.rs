//! `clock`: whether the backend's agrees with ours. Tokens are good and bad by it.

use http::{HeaderMap, header};
use jiff::fmt::rfc2822;

use super::finding::Finding;
use crate::clock::Timestamp;

const NAME: &str = "clock";
/// Clocks may be this far apart, in milliseconds: what `leeway` is by default.
const APART: u64 = 30_000;

/// Looks at the `Date` (RFC 9110 §6.6.1) of an answer that came at `now`.
pub(super) fn check(headers: &HeaderMap, now: Timestamp) -> Finding {
    let Some(date) = headers.get(header::DATE) else {
        return Finding::ok(NAME, "the backend says no time");
    };
    let date = String::from_utf8_lossy(date.as_bytes());
    let Ok(theirs) = rfc2822::parse(&date) else {
        return Finding::ok(NAME, "the backend's Date is no date");
    };
    let theirs = theirs.timestamp();
    let apart = theirs.as_millisecond().abs_diff(now.as_millis());
    if apart <= APART {
        return Finding::ok(NAME, format!("the backend's is within {} s", APART / 1000));
    }
    let ours = jiff::Timestamp::from_millisecond(now.as_millis()).unwrap_or_default();
    let seen = format!(
        "{} s apart: the backend says {theirs}, here it is {ours:.0}",
        apart / 1000
    );
    let advice = "let both machines follow a time server: tokens begin and expire by these clocks";
    Finding::warning(NAME, seen, advice)
}

#[cfg(test)]
mod tests {
    use super::{super::finding::Level, *};

    /// 1994-11-06T08:49:37Z.
    const NOW: i64 = 784_111_777;

    fn found(date: Option<&str>, now: i64) -> Finding {
        let date = date.map(|date| (header::DATE, date.parse().unwrap()));
        check(&date.into_iter().collect(), Timestamp::from_secs(now))
    }

    #[test]
    fn clocks_may_be_half_a_minute_apart_and_no_more() {
        let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        for (apart, level) in [
            (0, Level::Ok),
            (30, Level::Ok),
            (-30, Level::Ok),
            (31, Level::Warning),
            (-31, Level::Warning),
        ] {
            assert_eq!(found(date, NOW + apart).level(), level, "{apart}");
        }
        let text = found(date, NOW + 3600).text();
        for part in [
            "3600 s apart",
            "says 1994-11-06T08:49:37Z",
            "is 1994-11-06T09:49:37Z",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn a_backend_without_a_readable_time_is_no_fault() {
        assert_eq!(found(None, NOW).level(), Level::Ok);
        assert!(found(None, NOW).text().contains("says no time"));
        assert_eq!(found(Some("yesterday"), NOW).level(), Level::Ok);
    }
}
