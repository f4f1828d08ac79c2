//! Which configuration a command works with, and reading what it needs of it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, anyhow, bail};

use crate::{
    clock::Timestamp,
    config::{Config, Environment, Report, SecretSource, Written},
    control::{Source, exposed, load::load},
    profile::Profile,
    secret::Secret,
    snapshot::{
        Generation, Snapshot,
        compile::{CompileErrors, Context, ProcessKeys, compile},
    },
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

    /// The same, as the control plane takes it.
    pub(super) fn source(&self) -> Source {
        self.path()
            .map_or(Source::Environment, |path| Source::File(path.to_owned()))
    }

    /// Its name in messages.
    pub(super) fn name(&self) -> String {
        self.path().map_or_else(
            || "environment".to_owned(),
            |path| path.display().to_string(),
        )
    }

    /// Reads it, and takes nothing but a sound one.
    pub(super) fn read_sound(&self) -> anyhow::Result<Written> {
        let written = self.read(&environment())?;
        if !written.is_sound() {
            bail!(unusable(&written.report([])));
        }
        Ok(written)
    }

    /// Reads it with everything it refers to, and compiles it as `serve` would.
    pub(super) fn compile(&self, now: Timestamp) -> anyhow::Result<Offline> {
        let environment = environment();
        let written = self.read(&environment)?;
        let (materials, missing) = load(&written.config, &environment);
        let keys = ProcessKeys::new()?;
        let context = Context {
            generation: Generation::default(),
            now,
            keys: &keys,
            store: &crate::auth::Known::NotYet,
        };
        let (compiled, mut found) = match compile(&written.config, &materials, &context) {
            Ok(mut compiled) => {
                let warnings = std::mem::take(&mut compiled.warnings);
                (Some(compiled), warnings)
            }
            Err(CompileErrors(errors)) => (None, errors),
        };
        // What could not be loaded is said once, with its cause.
        found.retain(|found| !missing.iter().any(|missing| missing.at == found.at));
        let found = found.into_iter().chain(exposed(&written.config));
        let report = written.report(missing.into_iter().chain(found));
        let usable = compiled
            .filter(|_| !report.has_errors())
            .map(|compiled| Usable {
                config: written.config,
                snapshot: compiled.snapshot,
                profile: compiled.profile,
            });
        Ok(Offline { report, usable })
    }

    /// What `serve` would run with all it was made of, or an error that says all that is wrong.
    pub(super) fn usable(&self, now: Timestamp) -> anyhow::Result<Usable> {
        let Offline { report, usable } = self.compile(now)?;
        usable.ok_or_else(|| anyhow!(unusable(&report)))
    }

    /// The snapshot alone.
    pub(super) fn snapshot(&self, now: Timestamp) -> anyhow::Result<Snapshot> {
        self.usable(now).map(|usable| usable.snapshot)
    }

    fn read(&self, environment: &Environment) -> anyhow::Result<Written> {
        let Some(path) = self.path() else {
            return Ok(Written::from_environment(environment));
        };
        let text =
            fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        Ok(Written::from_file(
            path.display().to_string(),
            text,
            environment,
        ))
    }
}

/// What a configuration comes to without being run.
pub(super) struct Offline {
    /// Everything wrong or doubtful.
    pub(super) report: Report,
    /// What would run, when nothing is wrong.
    pub(super) usable: Option<Usable>,
}

/// A configuration that can be run.
pub(super) struct Usable {
    /// As it is written.
    pub(super) config: Config,
    /// As it would run.
    pub(super) snapshot: Snapshot,
    /// The profile of its backend.
    pub(super) profile: Arc<Profile>,
}

/// The environment of the process.
pub(super) fn environment() -> Environment {
    env::vars_os().collect()
}

fn unusable(report: &Report) -> String {
    format!("the configuration cannot be used\n{}", report.to_text())
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
