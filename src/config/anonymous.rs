//! `[anonymous]`: callers without a credential, on routes with `access = "anonymous"`.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::secret_source::{InlineSecret, SecretSource, TooManySources};
use super::units::{OrOff, Period, Rate};

/// Callers without a credential, on routes with `access = "anonymous"`: each is given an id, and
/// known again by a signed cookie.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Anonymous {
    /// What the cookies are signed with. Without one they are good until the next start.
    pub secret: Option<InlineSecret>,
    /// The same, from a file.
    pub secret_file: Option<PathBuf>,
    /// The same, from an environment variable.
    pub secret_env: Option<String>,
    /// How long a visitor who stays away is known.
    pub lifetime: Period,
    /// New ids of one address (an IPv6 /64); beyond: 429.
    pub ids_per_address: OrOff<Rate>,
    /// Ids that anybody may claim without proof: nothing keeps two visitors apart who claim the
    /// same.
    pub claimed_ids: Vec<String>,
}

impl Default for Anonymous {
    fn default() -> Self {
        Self {
            secret: None,
            secret_file: None,
            secret_env: None,
            lifetime: Period::seconds(365 * 24 * 3600),
            ids_per_address: OrOff::Value(Rate {
                count: 20,
                period: Duration::from_mins(1),
            }),
            claimed_ids: Vec::new(),
        }
    }
}

impl Anonymous {
    /// What the cookies are signed with, if it is written.
    ///
    /// # Errors
    /// When more than one source is written.
    pub fn secret(&self) -> Result<Option<SecretSource<'_>>, TooManySources> {
        let file = self.secret_file.as_deref();
        SecretSource::one(self.secret.as_ref(), file, self.secret_env.as_deref())
    }
}
