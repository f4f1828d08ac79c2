//! `[accounts]`: users and keys that outlive the configuration.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

/// Users and keys of a store. Without this section no database is needed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Accounts {
    /// The file that they are kept in; it is made when it is not there.
    pub store: PathBuf,
    /// Names of these users may be ids of another source, too.
    #[serde(default)]
    pub shared_namespace: bool,
}
