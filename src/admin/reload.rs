//! `/reload`: what is in force, and how its units were reloaded.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::office::Office;
use super::refusal::Refusals;
use crate::accounts::service::Actor;
use crate::control::Request;
use crate::telemetry::reloads::{ReloadReport, ReloadState};

pub(super) fn routes() -> OpenApiRouter<Arc<Office>> {
    OpenApiRouter::new().routes(routes!(read, ask))
}

/// What is in force.
#[derive(Serialize, ToSchema)]
struct InForce {
    /// The number of the snapshot.
    generation: Option<u64>,
    /// Since when; RFC 3339.
    published: Option<String>,
    /// How many changed settings wait for a restart.
    settings_awaiting_restart: usize,
    /// What was reloaded since the start, or could not be, by name.
    units: Vec<Unit>,
}

/// What is reloaded by itself: the configuration, a certificate, a key file, the store.
#[derive(Serialize, ToSchema)]
struct Unit {
    /// As the log calls it.
    name: String,
    /// Whether the last try failed: the last good state stays.
    failing: bool,
    /// How often it was reloaded.
    succeeded: u64,
    /// How often it could not be.
    failed: u64,
    /// RFC 3339.
    last_success: Option<String>,
    /// RFC 3339.
    last_failure: Option<String>,
    /// Why it failed last.
    reason: Option<String>,
}

/// What is in force, and how its units were reloaded.
#[utoipa::path(get, path = "/reload", operation_id = "read_reload", tag = "reload",
    responses((status = 200, body = InForce), Refusals))]
async fn read(State(office): State<Arc<Office>>) -> Json<InForce> {
    Json(office.metrics.reloads().into())
}

/// Every file is compared with what runs, soon: as `SIGHUP`.
#[utoipa::path(post, path = "/reload", operation_id = "reload", tag = "reload",
    responses((status = 200, description = "What is in force until then", body = InForce), Refusals))]
async fn ask(
    State(office): State<Arc<Office>>,
    Extension(actor): Extension<Actor>,
) -> Json<InForce> {
    let before = office.metrics.reloads();
    let Actor { name: by, from, .. } = &actor;
    tracing::info!(by, from, "a reload was asked for");
    // The control thread is gone only when the process ends.
    let _ = office.control.send(Request::Reload);
    Json(before.into())
}

impl From<ReloadReport> for InForce {
    fn from(report: ReloadReport) -> Self {
        let (generation, published) = report.published.unzip();
        let units = report.units.into_iter();
        Self {
            generation,
            published: published.map(|at| at.to_string()),
            settings_awaiting_restart: report.settings_awaiting_restart,
            units: units.map(|(name, state)| Unit::of(name, state)).collect(),
        }
    }
}

impl Unit {
    fn of(name: String, state: ReloadState) -> Self {
        let (last_failure, reason) = state.last_failure.unzip();
        Self {
            name,
            failing: state.failing,
            succeeded: state.succeeded,
            failed: state.failed,
            last_success: state.last_success.map(|at| at.to_string()),
            last_failure: last_failure.map(|at| at.to_string()),
            reason,
        }
    }
}
