//! [`Claims`]: the payload of a verified token, and the strict reading of a token's JSON.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::{Rejection, jwt::decode};
use crate::clock::Timestamp;

/// The payload of a token whose signature was verified: its JSON, kept compactly so that a later
/// change of an issuer's settings can be applied without the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claims(Box<[u8]>);

/// The JSON of a token's part isn't what RFC 7519 asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClaimsError {
    /// Not one JSON object with distinct names.
    #[error("not a JSON object with distinct names")]
    NotAnObject,
    /// A claim has another type than RFC 7519 §4.1 gives it.
    #[error("a claim of the wrong type")]
    WrongType,
}

impl From<ClaimsError> for Rejection {
    fn from(_: ClaimsError) -> Self {
        Self::MalformedToken
    }
}

impl Claims {
    pub(super) fn new(payload: Vec<u8>) -> Self {
        Self(payload.into())
    }

    pub(super) fn object(&self) -> Result<Object, ClaimsError> {
        Object::parse(&self.0)
    }
}

/// No time is as far away, in seconds: those that are have no exact number of milliseconds.
const FARTHEST: f64 = 9e12;

/// A JSON object in which no name comes twice (RFC 7515 §4, RFC 7519 §4).
#[derive(Debug)]
pub(in crate::auth) struct Object(Map<String, Value>);

impl Object {
    pub(in crate::auth) fn parse(json: &[u8]) -> Result<Self, ClaimsError> {
        serde_json::from_slice(json).map_err(|_| ClaimsError::NotAnObject)
    }

    /// Of the payload of a token, as it stands there.
    pub(super) fn decode(payload: &str) -> Result<Self, Rejection> {
        Ok(Self::parse(&decode(payload)?)?)
    }

    pub(in crate::auth) fn claim(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    pub(in crate::auth) fn text(&self, name: &str) -> Result<Option<&str>, ClaimsError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(ClaimsError::WrongType),
        }
    }

    /// A `NumericDate` (RFC 7519 §2): a JSON number of seconds, fractions allowed. One that no
    /// clock will ever show is none.
    pub(in crate::auth) fn time(&self, name: &str) -> Result<Option<Timestamp>, ClaimsError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::Number(number)) => {
                let seconds = number.as_f64().filter(|seconds| seconds.abs() < FARTHEST);
                let seconds = seconds.ok_or(ClaimsError::WrongType)?;
                let exact = number.as_i64().map(Timestamp::from_secs);
                Ok(Some(exact.unwrap_or_else(|| from_fraction(seconds))))
            }
            Some(_) => Err(ClaimsError::WrongType),
        }
    }

    /// A claim that is one text or an array of texts, as `aud` (RFC 7519 §4.1.3).
    pub(super) fn texts(&self, name: &str) -> Result<Option<Vec<&str>>, ClaimsError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(vec![text])),
            Some(Value::Array(values)) => values
                .iter()
                .map(Value::as_str)
                .collect::<Option<Vec<_>>>()
                .map(Some)
                .ok_or(ClaimsError::WrongType),
            Some(_) => Err(ClaimsError::WrongType),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "no time is as far away as that"
)]
fn from_fraction(seconds: f64) -> Timestamp {
    Timestamp::from_millis((seconds * 1000.0) as i64)
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Distinct;
        impl<'de> Visitor<'de> for Distinct {
            type Value = Object;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Object, A::Error> {
                let mut map = Map::new();
                while let Some((name, value)) = entries.next_entry::<String, Value>()? {
                    if map.insert(name, value).is_some() {
                        return Err(A::Error::custom("repeated name"));
                    }
                }
                Ok(Object(map))
            }
        }
        deserializer.deserialize_map(Distinct)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_object_with_distinct_names_is_read() {
        assert!(Object::parse(br#"{"a":1,"b":2}"#).is_ok());
        for bad in [
            r#"["HS256"]"#,
            r#"{"a":1,"a":1}"#,
            r#"{"a":1}{}"#,
            "1",
            "",
            r#"{"exp":1e400}"#,
        ] {
            assert_eq!(
                Object::parse(bad.as_bytes()).err(),
                Some(ClaimsError::NotAnObject),
                "{bad}"
            );
        }
        let deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
        assert!(Object::parse(deep.as_bytes()).is_err());
    }

    #[test]
    fn a_time_is_a_number_with_or_without_fraction() {
        let json = br#"{"i":10,"f":10.5,"s":"10","n":null,"h":1e300,"b":-9000000000000}"#;
        let object = Object::parse(json).unwrap();
        assert_eq!(object.time("i"), Ok(Some(Timestamp::from_secs(10))));
        assert_eq!(object.time("f"), Ok(Some(Timestamp::from_millis(10_500))));
        for never in ["h", "b"] {
            assert_eq!(object.time(never), Err(ClaimsError::WrongType), "{never}");
        }
        assert_eq!(object.time("s"), Err(ClaimsError::WrongType));
        assert_eq!(object.time("n"), Err(ClaimsError::WrongType));
        assert_eq!(object.time("absent"), Ok(None));
    }
}
