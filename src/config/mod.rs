//! What the operator wrote: one TOML file, and the environment over it.
//!
//! The structs are the file, one section a module. Reading reports every error at once, each with
//! its place ([`Diagnostic`]). What a setting means for a request is decided in
//! `snapshot::compile`; nothing here opens a file.

mod accounts;
mod admin;
mod anonymous;
mod backend;
mod cors;
mod diagnostic;
mod document;
mod environment;
mod environment_alone;
mod issuer;
mod key;
mod key_file;
mod limits;
mod listen;
mod many_keys;
mod mask;
mod one_or_many;
mod plain_line;
mod read;
mod references;
mod render;
mod route;
mod secret_source;
mod source;
mod suggest;
mod telemetry;
mod tls;
mod units;
mod websocket;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

pub use accounts::{Accounts, Signing};
pub use admin::{Admin, AdminAddress, AdminAddressError};
pub use anonymous::Anonymous;
pub use backend::{Backend, BackendUrl, BackendUrlError, HostPort, ProfileName, ProfileNameError};
pub use cors::Cors;
pub use diagnostic::{Diagnostic, Report, Severity};
pub use environment::Environment;
pub use issuer::{Algorithm, Issuer};
pub use key::{Digest, Expiry, InvalidDigest, Key, KeyTransport, KeysFile};
pub use key_file::{KeyFile, KeyFileError};
pub use limits::Limits;
pub use listen::{Address, AddressError, Listen, Network, Workers};
pub use one_or_many::OneOrMany;
pub use read::Written;
pub(crate) use read::read_toml;
pub use references::{Reference, ReferenceKind};
pub use route::{Access, CookieCredential, EncodedSlash, LoginCookies, Route};
pub use secret_source::{InlineSecret, SecretSource, TooManySources};
pub use telemetry::{Format, Level, Log, Telemetry};
pub use tls::{Also, Tls};
pub(crate) use units::FromText;
pub use units::{OrOff, Period, Rate, Size, UnitError};
pub use websocket::{OverLimit, WebSocket};

/// The whole file, as written.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Accept secrets that anyone can guess: published defaults, and HS secrets under 32 bytes.
    pub allow_weak_secrets: bool,
    /// Where clients connect.
    pub listen: Listen,
    /// Certificates; without them only loopback addresses are served, or `listen.plaintext`.
    pub tls: Option<Tls>,
    /// The one server behind the sidecar.
    pub backend: Backend,
    /// Declared API keys.
    pub key: Vec<Arc<Key>>,
    /// Files of declared API keys.
    pub keys_file: Vec<KeysFile>,
    /// Who may sign tokens.
    pub issuer: Vec<Issuer>,
    /// Users and keys of a store.
    pub accounts: Option<Accounts>,
    /// The API for operators.
    pub admin: Admin,
    /// Rules before the profile's own.
    pub route: Vec<Route>,
    /// Callers without a credential, where a route takes them.
    pub anonymous: Anonymous,
    /// Cross-origin requests.
    pub cors: Cors,
    /// Open sockets.
    pub websocket: WebSocket,
    /// Health and metrics.
    pub telemetry: Telemetry,
    /// The log.
    pub log: Log,
    /// What one client may cost.
    pub limits: Limits,
}

/// The JSON Schema of the file, for editors (`doorward schema`).
#[must_use]
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Config).to_value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_describes_every_key_of_the_file() {
        let schema = schema();
        let definitions = schema["$defs"].as_object().unwrap().values();
        for part in definitions.chain([&schema]) {
            let Some(properties) = part["properties"].as_object() else {
                continue;
            };
            for (name, property) in properties {
                assert!(
                    property["description"].is_string(),
                    "{name} of {}",
                    part["description"]
                );
            }
        }
        assert!(schema["properties"]["key"].is_object());
    }
}
