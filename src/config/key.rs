//! `[[key]]` and `[[keys_file]]`: declared API keys.

use std::path::PathBuf;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use super::secret_source::{InlineSecret, SecretSource, TooManySources};
use super::units::text_value;
use crate::auth::KeyDigest;
use crate::clock::Timestamp;

/// One API key, bound to a user or acting for others.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// Its name in logs; unique.
    pub id: String,
    /// SHA-256 of the whole key, 64 hex digits.
    pub sha256: Option<Digest>,
    /// The key itself, 16 bytes at least; prefer `sha256`.
    pub value: Option<InlineSecret>,
    /// The key itself, from a file.
    pub value_file: Option<PathBuf>,
    /// The key itself, from an environment variable.
    pub value_env: Option<String>,
    /// Bound: every request with this key is this user's.
    pub user: Option<String>,
    /// Acting: the ids that a client with this key may name. `*` only at the end, after a
    /// literal, or alone.
    #[serde(default)]
    pub acts_as: Vec<String>,
    /// `RESOURCE:ACTION`; default: the profile's base set.
    pub permissions: Option<Vec<String>>,
    /// Where it is good for; default: both.
    #[serde(default = "both_transports")]
    pub transports: Vec<KeyTransport>,
    /// When it ends: a TOML date and time with an offset. Default: never.
    pub expires: Option<Expiry>,
    /// Its users may share ids with another source's.
    #[serde(default)]
    pub shared_namespace: bool,
}

impl Key {
    /// Where the key itself is, when it isn't given by its digest.
    ///
    /// # Errors
    /// When more than one source is written.
    pub fn value(&self) -> Result<Option<SecretSource<'_>>, TooManySources> {
        let file = self.value_file.as_deref();
        SecretSource::one(self.value.as_ref(), file, self.value_env.as_deref())
    }
}

/// Many keys with the same settings: one SHA-256 digest a line.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeysFile {
    /// The file; each of its keys is named after it and the first digits of its digest.
    pub path: PathBuf,
    /// Bound: every request with one of these keys is this user's.
    pub user: Option<String>,
    /// Acting: the ids that a client with one of these keys may name.
    #[serde(default)]
    pub acts_as: Vec<String>,
    /// `RESOURCE:ACTION`; default: the profile's base set.
    pub permissions: Option<Vec<String>>,
    /// Where they are good for; default: both.
    #[serde(default = "both_transports")]
    pub transports: Vec<KeyTransport>,
    /// When they end. Default: never.
    pub expires: Option<Expiry>,
    /// Their users may share ids with another source's.
    #[serde(default)]
    pub shared_namespace: bool,
}

/// What a key may be used on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyTransport {
    /// Plain requests.
    Http,
    /// WebSocket handshakes.
    WebSocket,
}

fn both_transports() -> Vec<KeyTransport> {
    vec![KeyTransport::Http, KeyTransport::WebSocket]
}

/// SHA-256 of a whole key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest(pub KeyDigest);

/// Not 64 hex digits. What was written is not repeated: it may be the key itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a SHA-256 digest: 64 hex digits, as `sha256sum` prints them")]
pub struct InvalidDigest;

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        KeyDigest::parse(text).map(Self).ok_or(InvalidDigest)
    }
}

text_value!(
    Digest,
    "^[0-9a-fA-F]{64}$",
    "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
);

/// The moment a key ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Expiry(pub Timestamp);

impl<'de> Deserialize<'de> for Expiry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = toml::value::Datetime::deserialize(deserializer)?;
        let moment: Result<jiff::Timestamp, _> = written.to_string().parse();
        let moment = moment.map_err(|_| {
            serde::de::Error::custom(
                "not a moment: date, time and offset, as in 2027-01-01T00:00:00Z",
            )
        })?;
        Ok(Self(Timestamp::from_millis(moment.as_millisecond())))
    }
}

impl JsonSchema for Expiry {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Expiry".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_64_hex_digits_in_either_case() {
        let text = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7AE";
        let digest: Digest = text.parse().unwrap();
        assert_eq!(digest.0.to_string(), text.to_lowercase());
        for bad in [
            "",
            "2c",
            &text[1..],
            &text.replace('2', "g"),
            &format!("{text}00"),
        ] {
            assert_eq!(bad.parse::<Digest>(), Err(InvalidDigest));
        }
    }

    #[test]
    fn a_local_date_is_no_expiry() {
        let read = |text: &str| toml::from_str::<Key>(&format!("id = 'k'\nexpires = {text}"));
        let key = read("2027-01-01T00:00:00Z").unwrap();
        assert_eq!(
            key.expires,
            Some(Expiry(Timestamp::from_secs(1_798_761_600)))
        );
        assert!(
            read("2027-01-01")
                .unwrap_err()
                .to_string()
                .contains("offset")
        );
        assert!(
            read("2027-01-01T00:00:00")
                .unwrap_err()
                .to_string()
                .contains("offset")
        );
    }
}
