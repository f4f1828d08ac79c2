//! [`Office`]: what all answers to operators are made from.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use tokio::sync::mpsc;

use super::refusal::Refusal;
use crate::accounts::service::Desk;
use crate::control::Request;
use crate::sessions::Oversight;
use crate::snapshot::Snapshot;
use crate::snapshot::live::Reader;
use crate::telemetry::metrics::Metrics;

/// What all answers to operators are made from.
pub struct Office {
    /// The snapshot in force: it says who may come in.
    pub reader: Reader<Snapshot>,
    /// How reloads went.
    pub metrics: Arc<Metrics>,
    /// What is open in the workers.
    pub oversight: Oversight,
    /// Where a reload is asked for.
    pub control: mpsc::UnboundedSender<Request>,
    /// Users and keys, where there is a store.
    pub desk: Option<Arc<Desk>>,
}

/// Users and keys; a request for them where there are none is refused.
pub(super) struct Kept(pub(super) Arc<Desk>);

impl FromRequestParts<Arc<Office>> for Kept {
    type Rejection = Refusal;

    async fn from_request_parts(_: &mut Parts, office: &Arc<Office>) -> Result<Self, Refusal> {
        office.desk.clone().map(Self).ok_or(Refusal::NoAccounts)
    }
}

impl std::fmt::Debug for Office {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Office(…)")
    }
}
