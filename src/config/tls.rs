//! `[tls]`: certificates.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::units::{OrOff, Period};

/// The certificates to serve, chosen by SNI; the first is the default.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// PEM file of the certificate chain, leaf first.
    pub certificate: PathBuf,
    /// PEM file of its private key.
    pub key: PathBuf,
    /// More certificates (`[[tls.also]]`).
    #[serde(default)]
    pub also: Vec<Also>,
    /// `Strict-Transport-Security`: the `max-age` as a duration (`"365d"`), or `"off"`.
    #[serde(default = "hsts_off")]
    pub hsts: OrOff<Period>,
}

/// One more certificate.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Also {
    /// PEM file of the certificate chain, leaf first.
    pub certificate: PathBuf,
    /// PEM file of its private key.
    pub key: PathBuf,
}

impl Tls {
    /// Every certificate with its key, the default first.
    pub fn pairs(&self) -> impl Iterator<Item = (&PathBuf, &PathBuf)> {
        let also = self.also.iter().map(|pair| (&pair.certificate, &pair.key));
        std::iter::once((&self.certificate, &self.key)).chain(also)
    }
}

const fn hsts_off() -> OrOff<Period> {
    OrOff::Off
}
