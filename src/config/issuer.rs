//! `[[issuer]]`: who may sign tokens.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::key::Digest;
use super::one_or_many::OneOrMany;
use super::secret_source::{InlineSecret, SecretSource, TooManySources};
use super::units::Period;

/// One issuer of JWTs (RFC 7519): how its tokens are verified and what they mean here.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// Its name in logs; unique.
    pub name: String,
    /// The signature algorithms to accept; there is no default. `HS*` never stands beside
    /// asymmetric ones.
    pub algorithms: Vec<Algorithm>,
    /// The shared secret of `HS*`.
    pub secret: Option<InlineSecret>,
    /// The same, from a file.
    pub secret_file: Option<PathBuf>,
    /// The same, from an environment variable.
    pub secret_env: Option<String>,
    /// PEM file of one public key.
    pub public_key_file: Option<PathBuf>,
    /// JSON file of a JWK set (RFC 7517).
    pub jwks_file: Option<PathBuf>,
    /// The `iss` that tokens must bear; required unless there is a secret.
    pub issuer: Option<String>,
    /// The `aud` that tokens must bear one of; required unless there is a secret. `"any"` accepts
    /// all.
    #[serde(default)]
    pub audience: OneOrMany<String>,
    /// The user id, a template over claims: `"{sub}"`, `"kc-{sub}"`, or a fixed id.
    #[serde(default = "subject")]
    pub user: String,
    /// Claims that must be there.
    #[serde(default = "expiry")]
    pub require: Vec<String>,
    /// Tolerance between clocks, for `exp`, `nbf` and `iat`. An open socket ends at `exp` itself.
    #[serde(default = "leeway")]
    pub leeway: Period,
    /// The claim that holds permissions: an array of `"R:A"`, a space-separated string, or a map
    /// `{"R": ["A"]}`.
    #[serde(default = "permissions_claim")]
    pub permissions_claim: String,
    /// Permissions of a token that brings none.
    #[serde(default)]
    pub default_permissions: Vec<String>,
    /// Their words to ours: each role or scope, and the permissions it stands for.
    #[serde(default)]
    pub roles: BTreeMap<String, Vec<String>>,
    /// SHA-256 digests of whole tokens that count no more, in hex.
    #[serde(default)]
    pub revoked: Vec<Digest>,
    /// Its users may share ids with another source's.
    #[serde(default)]
    pub shared_namespace: bool,
}

impl Issuer {
    /// The shared secret, if it has one.
    ///
    /// # Errors
    /// When more than one source is written.
    pub fn secret(&self) -> Result<Option<SecretSource<'_>>, TooManySources> {
        let file = self.secret_file.as_deref();
        SecretSource::one(self.secret.as_ref(), file, self.secret_env.as_deref())
    }
}

fn subject() -> String {
    "{sub}".to_owned()
}

fn expiry() -> Vec<String> {
    vec!["exp".to_owned()]
}

const fn leeway() -> Period {
    Period::seconds(30)
}

fn permissions_claim() -> String {
    "permissions".to_owned()
}

/// A signature algorithm by its name in RFC 7518 §3.1 and RFC 8037.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are the registered ones")]
pub enum Algorithm {
    HS256,
    HS384,
    HS512,
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl Algorithm {
    /// Whether signer and verifier share one secret.
    #[must_use]
    pub const fn is_symmetric(self) -> bool {
        matches!(self, Self::HS256 | Self::HS384 | Self::HS512)
    }
}
