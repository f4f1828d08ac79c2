//! [`compile`]: from what is written, and what the files hold, to what runs.
//!
//! Pure: no file, no clock. Everything that can fail fails here, and all of it at once. Each part
//! looks at its section and says what is wrong at which key path; only when nothing is does a
//! snapshot come out.

mod accounts;
mod backend;
mod cross_origin;
mod findings;
mod issuers;
mod keys;
mod limits;
mod listen;
mod namespaces;
mod process_keys;
mod profile;
mod routes;
mod secrets;
mod shown;
mod visitors;
mod websocket;

use std::fmt;
use std::sync::Arc;

use super::{Generation, Limits, Materials, Snapshot};
use crate::auth::{Extraction, Gate, Known, Policy, Verifiers};
use crate::clock::Timestamp;
use crate::config::{Config, Diagnostic};
use crate::profile::Profile;
use findings::Findings;

pub use process_keys::ProcessKeys;

/// What a compilation depends on beside configuration and materials.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The number the snapshot will bear.
    pub generation: Generation,
    /// Against which expiries are judged, for warnings.
    pub now: Timestamp,
    /// What outlives every snapshot.
    pub keys: &'a ProcessKeys,
    /// What the store said last.
    pub store: &'a Known,
}

/// A snapshot, and what looked doubtful on the way.
#[derive(Debug)]
pub struct Compiled {
    /// What runs.
    pub snapshot: Snapshot,
    /// The profile that it was compiled with.
    pub profile: Arc<Profile>,
    /// Warnings, each at its key path.
    pub warnings: Vec<Diagnostic>,
}

/// Everything that keeps a configuration from running, and the warnings besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileErrors(pub Vec<Diagnostic>);

impl fmt::Display for CompileErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut errors = self.0.iter().filter(|found| found.is_error());
        if let Some(first) = errors.next() {
            write!(f, "{first}")?;
        }
        errors.try_for_each(|error| write!(f, "; {error}"))
    }
}

impl std::error::Error for CompileErrors {}

/// Compiles a configuration.
///
/// # Errors
/// All errors at once, each at the key path of its setting; a material that is missing is one.
pub fn compile(
    config: &Config,
    materials: &Materials,
    context: &Context<'_>,
) -> Result<Compiled, CompileErrors> {
    let mut findings = Findings::default();
    let parts = assemble(config, materials, context, &mut findings);
    let warnings = findings.into_warnings().map_err(CompileErrors)?;
    match parts {
        Some((snapshot, profile)) => Ok(Compiled {
            snapshot,
            profile,
            warnings,
        }),
        None => Err(CompileErrors(warnings)),
    }
}

/// The snapshot and its profile, if nothing that it can't be without is missing.
fn assemble(
    config: &Config,
    materials: &Materials,
    context: &Context<'_>,
    findings: &mut Findings,
) -> Option<(Snapshot, Arc<Profile>)> {
    let profile = profile::chosen(config, materials, findings);
    let entrance = listen::compile(config, materials, context, findings);
    let backend = backend::address(config, materials, findings);
    let limits = Limits {
        ids_per_address: visitors::ids_per_address(config),
        ..limits::compile(&config.limits, findings)
    };
    let cors = cross_origin::cors(&config.cors, findings);
    let origins = cross_origin::origins(config, findings);
    let namespaces = namespaces::check(config, findings);
    let base = profile
        .as_deref()
        .map(|profile| profile.permissions.as_slice());
    let keys = keys::compile(
        config,
        base.unwrap_or_default(),
        materials,
        context.now,
        findings,
    );
    let shown = profile.as_deref().map(|profile| {
        let generation = context.generation;
        shown::compile(profile, config, materials, generation, findings)
    });
    let theirs = shown.as_ref().map_or(&[][..], |shown| &shown.secrets);
    let issuers = issuers::compile(config, &namespaces, theirs, materials, findings);
    let (profile, shown) = (profile?, shown?);
    let default_user = profile::default_user(&profile, findings);
    let rules = routes::compile(config, &profile, findings);
    let service = accounts::service(config, &profile, &rules, findings);
    let policy = Policy::new(rules);
    warn_of_nobody(config, findings);
    let displayed = accounts::displayed(config, &profile);
    let rewrite = profile::rewrite(config, &profile, shown, findings);
    let replies = profile::replies(&profile, findings);
    let gate = Gate {
        hosts: entrance.hosts,
        origins,
        extraction: Extraction {
            http: profile::carriers(&profile.credentials.http, displayed, findings),
            websocket: profile::carriers(&profile.credentials.websocket, displayed, findings),
            token_size: limits.token_size,
        },
        verifiers: Verifiers {
            keys,
            accounts: accounts::compile(config, &profile, &namespaces, context.store),
            issuers,
            default_user,
        },
        policy,
        rewrite: rewrite?,
        visitors: visitors::compile(config, materials, &context.keys.visitors, findings),
    };
    let snapshot = Snapshot {
        generation: context.generation,
        gate,
        tls: entrance.tls,
        backend: backend?,
        replies: replies?,
        cors,
        accounts: service.map(Arc::new),
        websocket: websocket::compile(&config.websocket, &profile.websocket, findings),
        limits,
        hsts: entrance.hsts,
        trusted_proxies: config
            .listen
            .trusted_proxies
            .0
            .iter()
            .map(|network| network.0)
            .collect(),
        log_format: match config.log.format {
            crate::config::Format::Json => crate::telemetry::LogFormat::Json,
            crate::config::Format::Text => crate::telemetry::LogFormat::Text,
        },
    };
    Some((snapshot, profile))
}

/// A sidecar that knows no credential denies everyone: safe, and hardly meant.
fn warn_of_nobody(config: &Config, findings: &mut Findings) {
    let declared = config.key.len() + config.keys_file.len() + config.issuer.len();
    if declared == 0 && config.accounts.is_none() {
        findings.warning(
            "",
            "nobody can be authenticated: there is no [[key]] and no [[issuer]]",
        );
    }
}

#[cfg(test)]
mod examples;
#[cfg(test)]
mod tests;
