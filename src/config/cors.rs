//! `[cors]`: which browser pages of other origins may call.

use schemars::JsonSchema;
use serde::Deserialize;

use super::one_or_many::OneOrMany;

/// Cross-origin requests, answered before authentication; the backend's own headers are replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Cors {
    /// Origins (`https://app.example`) that may call; `"*"` is any, then without cookies.
    /// Default: none.
    pub origins: OneOrMany<String>,
}
