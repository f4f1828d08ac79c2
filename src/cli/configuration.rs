//! Which configuration a command works with, and reading what it needs of it.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};

use crate::{
    config::{Environment, SecretSource, Written},
    secret::Secret,
};

/// Where the configuration is when nobody says otherwise.
const DEFAULT: &str = "config/doorward.toml";

/// `--config`, as every command has it that needs one.
#[derive(Debug, clap::Args)]
pub(super) struct ConfigArgument {
    /// The configuration file; by default config/doorward.toml, or where that is not there the
    /// environment alone
    #[arg(long, value_name = "FILE", env = "DOORWARD_CONFIG")]
    config: Option<PathBuf>,
}

impl ConfigArgument {
    /// The file to read; `None` when the environment alone configures.
    pub(super) fn path(&self) -> Option<&Path> {
        let default = Path::new(DEFAULT);
        self.config
            .as_deref()
            .or_else(|| default.exists().then_some(default))
    }

    /// Reads it. What is wrong with it is in the result.
    pub(super) fn read(&self) -> anyhow::Result<Written> {
        let environment: Environment = env::vars_os().collect();
        let Some(path) = self.path() else {
            return Ok(Written::from_environment(&environment));
        };
        let text =
            fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        Ok(Written::from_file(
            path.display().to_string(),
            text,
            &environment,
        ))
    }

    /// Reads it, and takes nothing but a sound one.
    pub(super) fn read_sound(&self) -> anyhow::Result<Written> {
        let written = self.read()?;
        if !written.is_sound() {
            bail!(
                "the configuration has errors\n{}",
                written.report([]).to_text()
            );
        }
        Ok(written)
    }
}

/// Fetches a secret from where the configuration says it is.
pub(super) fn fetch(source: SecretSource<'_>) -> anyhow::Result<Secret> {
    Ok(match source {
        SecretSource::Inline(secret) => secret.clone(),
        SecretSource::File(path) => Secret::from_file(
            fs::read(path).with_context(|| format!("reading {}", path.display()))?,
        ),
        SecretSource::Variable(name) => {
            let value = env::var_os(name).with_context(|| format!("{name} is not set"))?;
            Secret::new(value.into_encoded_bytes())
        }
    })
}
