//! [`Probe`]: one request that a backend of this kind must not answer, and does when nobody has
//! set it up; `doorward doctor --probe` sends it.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde::{Deserialize, Deserializer};

use crate::config::FromText;

/// One well-known weak default, as the request that it lets in.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// What is tried, in a few words: `admin/admin`.
    pub name: String,
    /// The method; default: `GET`.
    #[serde(default)]
    pub method: Text<Method>,
    /// Path, and query if there is one.
    pub path: Text<Target>,
    /// Headers: a table of names and values.
    #[serde(default)]
    pub headers: Headers,
    /// The body.
    #[serde(default)]
    pub body: String,
    /// Statuses that mean that the default is in force.
    pub weak: Statuses,
    /// What the body must hold besides.
    pub weak_body: Option<String>,
    /// A header that the answer must have besides.
    pub weak_header: Option<Text<HeaderName>>,
    /// What to do about it.
    pub advice: String,
}

impl Probe {
    /// Whether this answer means that the default is in force.
    #[must_use]
    pub fn is_weak(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> bool {
        let held = |part: &String| {
            part.is_empty()
                || body
                    .windows(part.len())
                    .any(|window| window == part.as_bytes())
        };
        self.weak.0.contains(&status)
            && self.weak_body.as_ref().is_none_or(held)
            && self
                .weak_header
                .as_ref()
                .is_none_or(|name| headers.contains_key(&name.0))
    }
}

/// Anything that is written as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text<T>(pub T);

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(text: D) -> Result<Self, D::Error> {
        text.deserialize_str(FromText(PhantomData)).map(Self)
    }
}

/// A path of the backend's, with a query if there is one; default: `/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target(pub PathAndQuery);

/// Not a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a path: it begins with a slash, as in /status")]
pub struct InvalidTarget;

impl Default for Target {
    fn default() -> Self {
        Self(PathAndQuery::from_static("/"))
    }
}

impl FromStr for Target {
    type Err = InvalidTarget;

    fn from_str(text: &str) -> Result<Self, InvalidTarget> {
        if !text.starts_with('/') {
            return Err(InvalidTarget);
        }
        text.parse().map(Self).map_err(|_| InvalidTarget)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The headers of a probe. Their values do not show themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "BTreeMap<String, String>")]
pub struct Headers(pub HeaderMap);

/// Not a header.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a header: `{0}`")]
pub struct InvalidHeader(String);

impl TryFrom<BTreeMap<String, String>> for Headers {
    type Error = InvalidHeader;

    fn try_from(written: BTreeMap<String, String>) -> Result<Self, InvalidHeader> {
        let header = |(name, value): (String, String)| {
            let parsed = (name.parse::<HeaderName>(), value.parse::<HeaderValue>());
            let (Ok(parsed), Ok(mut value)) = parsed else {
                return Err(InvalidHeader(name));
            };
            value.set_sensitive(true);
            Ok((parsed, value))
        };
        written
            .into_iter()
            .map(header)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// One status, or more.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<u16>")]
pub struct Statuses(Vec<StatusCode>);

/// Not a list of statuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a list of statuses: one or more numbers from 100 to 999")]
pub struct InvalidStatuses;

impl TryFrom<Vec<u16>> for Statuses {
    type Error = InvalidStatuses;

    fn try_from(written: Vec<u16>) -> Result<Self, InvalidStatuses> {
        if written.is_empty() {
            return Err(InvalidStatuses);
        }
        let statuses = written.into_iter().map(StatusCode::from_u16);
        let statuses = statuses.collect::<Result<_, _>>();
        statuses.map(Self).map_err(|_| InvalidStatuses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Profile;

    fn probe(settings: &str) -> Result<Probe, String> {
        let text = format!("[[probe]]\nname = 'n'\nadvice = 'a'\n{settings}");
        let mut profile = Profile::parse("p.toml", &text).map_err(|error| error.to_string())?;
        Ok(profile.probe.remove(0))
    }

    #[test]
    fn a_probe_is_read_with_its_defaults() {
        let read = probe("path = '/me?a=b'\nweak = [200]\nheaders = { X-A = 'hunter2' }").unwrap();
        assert_eq!(read.method.0, Method::GET);
        assert_eq!(read.path.0.to_string(), "/me?a=b");
        assert_eq!(read.headers.0["x-a"], "hunter2");
        assert!(!format!("{read:?}").contains("hunter2"));
    }

    #[test]
    fn what_could_not_be_sent_or_judged_is_an_error_at_its_place() {
        for (settings, error) in [
            ("path = 'me'\nweak = [200]", "p.toml:4:8: not a path"),
            ("path = '/'\nweak = []", "not a list of statuses"),
            ("path = '/'\nweak = [20]", "not a list of statuses"),
            ("path = '/'\nweak = [200]\nmethod = 'a b'", "p.toml:6:10"),
            (
                "path = '/'\nweak = [200]\nheaders = { 'a b' = 'x' }",
                "not a header: `a b`",
            ),
            (
                "path = '/'\nweak = [200]\nheaders = { a = \"x\\ny\" }",
                "not a header: `a`",
            ),
            ("path = '/'", "weak"),
        ] {
            let found = probe(settings).unwrap_err();
            assert!(found.contains(error), "{settings}: {found}");
        }
    }

    #[test]
    fn a_default_is_in_force_when_all_that_was_asked_of_the_answer_is_there() {
        let rest = "path = '/'\nweak = [200, 303]\nweak_body = 'token'\nweak_header = 'Set-Cookie'";
        let probe = probe(rest).unwrap();
        let cookie = HeaderMap::from_iter([(http::header::SET_COOKIE, "a=b".parse().unwrap())]);
        let weak = |status, headers: &HeaderMap, body: &str| {
            probe.is_weak(
                StatusCode::from_u16(status).unwrap(),
                headers,
                body.as_bytes(),
            )
        };
        assert!(weak(200, &cookie, "{\"token\":1}"));
        assert!(weak(303, &cookie, "token"));
        assert!(!weak(403, &cookie, "token"));
        assert!(!weak(200, &cookie, "toke"));
        assert!(!weak(200, &HeaderMap::new(), "token"));
        let nothing = self::probe("path = '/'\nweak = [200]\nweak_body = ''").unwrap();
        assert!(nothing.is_weak(StatusCode::OK, &cookie, b""));
    }
}
