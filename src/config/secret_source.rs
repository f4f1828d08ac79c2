//! Where a secret comes from: `x`, `x_file` or `x_env`, exactly one of them.

use std::path::Path;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use crate::secret::Secret;

/// A secret written in the file itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InlineSecret(pub Secret);

impl<'de> Deserialize<'de> for InlineSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(Self(Secret::new(text)))
    }
}

impl JsonSchema for InlineSecret {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "writeOnly": true })
    }
}

/// The one place that a secret is to be taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretSource<'a> {
    /// It stands in the configuration.
    Inline(&'a Secret),
    /// The bytes of a file, one trailing newline apart.
    File(&'a Path),
    /// An environment variable's value.
    Variable(&'a str),
}

/// More than one of `x`, `x_file` and `x_env` is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than one source for one secret")]
pub struct TooManySources;

impl<'a> SecretSource<'a> {
    /// The one source that is set, if any is.
    ///
    /// # Errors
    /// When more than one is.
    pub fn one(
        inline: Option<&'a InlineSecret>,
        file: Option<&'a Path>,
        variable: Option<&'a str>,
    ) -> Result<Option<Self>, TooManySources> {
        match (inline, file, variable) {
            (None, None, None) => Ok(None),
            (Some(secret), None, None) => Ok(Some(Self::Inline(&secret.0))),
            (None, Some(path), None) => Ok(Some(Self::File(path))),
            (None, None, Some(name)) => Ok(Some(Self::Variable(name))),
            _ => Err(TooManySources),
        }
    }

    /// What is added to the key's name in the file: nothing, `_file` or `_env`.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Inline(_) => "",
            Self::File(_) => "_file",
            Self::Variable(_) => "_env",
        }
    }
}
