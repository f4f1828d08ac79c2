//! `/throttles`: who has to wait before logging in again.

use std::sync::Arc;
use std::time::Instant;

use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::office::{Kept, Office};
use super::query::{Asked, invalid};
use super::refusal::{Refusal, Refusals};
use crate::accounts::service::{Actor, Fault};
use crate::accounts::{Network, Throttled, Throttling};

pub(super) fn routes() -> OpenApiRouter<Arc<Office>> {
    OpenApiRouter::new().routes(routes!(list, clear))
}

/// Somebody who has to wait: a name at an address, an address, or a name.
#[derive(Serialize, ToSchema)]
struct Waiting {
    /// The name, case-folded.
    name: Option<String>,
    /// The address: IPv4, or an IPv6 network.
    network: Option<String>,
    /// Failures that count still.
    failures: u32,
    /// How long the next try has to wait, in seconds; 0 for a name, of which each address has a wait of its own.
    wait: u64,
}

/// Who is to wait no more: as it is listed.
#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
struct Which {
    /// The name.
    name: Option<String>,
    /// The address.
    network: Option<String>,
}

/// Who has to wait.
#[utoipa::path(get, path = "/throttles", operation_id = "list_throttles", tag = "throttles",
    responses((status = 200, body = Vec<Waiting>), Refusals))]
async fn list(Kept(desk): Kept) -> Json<Vec<Waiting>> {
    let throttled = desk.throttle.throttled(Instant::now());
    Json(throttled.iter().map(Waiting::of).collect())
}

/// Failures are forgotten: of a name at an address, of an address, or of a name.
#[utoipa::path(delete, path = "/throttles", operation_id = "clear_throttles", tag = "throttles", params(Which),
    responses((status = 200, description = "Nobody waits for it any more"), Refusals))]
async fn clear(
    Kept(desk): Kept,
    Extension(actor): Extension<Actor>,
    Asked(which): Asked<Which>,
) -> Result<Json<()>, Refusal> {
    let what = which.understood()?;
    if !desk.throttle.clear(&what) {
        return Err(Fault::NotFound.into());
    }
    let Actor { name: by, from, .. } = &actor;
    tracing::info!(by, from, ?what, "failed logins are forgotten");
    Ok(Json(()))
}

impl Which {
    fn understood(self) -> Result<Throttling, Refusal> {
        let network = self.network.as_deref().map(Network::parse);
        let network = match network {
            Some(None) => return Err(invalid("`network` is an address")),
            Some(network) => network,
            None => None,
        };
        match (self.name, network) {
            (Some(name), Some(network)) => {
                let name = name.into();
                Ok(Throttling::Login { name, network })
            }
            (None, Some(network)) => Ok(Throttling::Address(network)),
            (Some(name), None) => Ok(Throttling::Name(name.into())),
            (None, None) => Err(invalid("`name`, `network`, or both")),
        }
    }
}

impl Waiting {
    fn of(throttled: &Throttled) -> Self {
        let (name, network) = match &throttled.what {
            Throttling::Login { name, network } => (Some(name.to_string()), Some(*network)),
            Throttling::Address(network) => (None, Some(*network)),
            Throttling::Name(name) => (Some(name.to_string()), None),
        };
        let wait = throttled.wait;
        Self {
            name,
            network: network.map(|network| network.to_string()),
            failures: throttled.failures,
            wait: wait.as_secs() + u64::from(wait.subsec_nanos() > 0),
        }
    }
}
