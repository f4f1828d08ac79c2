//! `[accounts]`: users and keys that outlive the configuration.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::units::{Period, Size};

/// Users and keys of a store. Without this section no database is needed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Accounts {
    /// The file that they are kept in; it is made when it is not there.
    pub store: PathBuf,
    /// Names of these users may be ids of another source, too.
    #[serde(default)]
    pub shared_namespace: bool,
    /// What the paths of logins and users begin with; without one, what the profile says.
    pub prefix: Option<String>,
    /// How long a token is good for that a user gets for name and password.
    #[serde(default = "half_a_day")]
    pub token_lifetime: Period,
    /// How long a browser stays logged in.
    #[serde(default = "half_a_day")]
    pub session_lifetime: Period,
    /// How long a token is good for that an acting key gets for a visitor; 15 minutes at most.
    #[serde(default = "a_quarter_of_an_hour")]
    pub visitor_lifetime: Period,
    /// How tokens of ours are signed.
    #[serde(default)]
    pub signing: Signing,
    /// How long a signing key signs, until the next one does.
    #[serde(default = "ninety_days")]
    pub signing_rotation: Period,
    /// Memory that a password's hash takes (argon2id).
    #[serde(default = "nineteen_mebibytes")]
    pub password_memory: Size,
    /// Passes over it.
    #[serde(default = "two")]
    pub password_passes: u32,
    /// Lanes in it.
    #[serde(default = "one")]
    pub password_lanes: u32,
}

impl Accounts {
    /// The longest that any token of ours is good for.
    #[must_use]
    pub fn longest_lifetime(&self) -> Duration {
        let session = self.token_lifetime.0.max(self.session_lifetime.0);
        session.max(self.visitor_lifetime.0)
    }
}

/// How tokens of ours are signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Signing {
    /// With Ed25519: others can verify with the public keys.
    #[default]
    EdDSA,
    /// With a secret of ours.
    HS256,
}

const fn half_a_day() -> Period {
    Period::seconds(12 * 3600)
}

const fn a_quarter_of_an_hour() -> Period {
    Period::seconds(15 * 60)
}

const fn ninety_days() -> Period {
    Period::seconds(90 * 24 * 3600)
}

const fn nineteen_mebibytes() -> Size {
    Size(19 * 1024 * 1024)
}

const fn two() -> u32 {
    2
}

const fn one() -> u32 {
    1
}
