//! `/audit`: who changed what in the store, when, and from where.

use std::sync::Arc;

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::office::{Kept, Office};
use super::query::{Asked, Limit};
use super::refusal::{Refusal, Refusals};
use crate::accounts::service::Fault;
use crate::store::{Entry, Page, Revision};

pub(super) fn routes() -> OpenApiRouter<Arc<Office>> {
    OpenApiRouter::new().routes(routes!(list))
}

/// One change.
#[derive(Serialize, ToSchema)]
struct ListedEntry {
    /// Its place in the log.
    revision: i64,
    /// RFC 3339.
    at: String,
    /// The user and the key; of a command, the system's user.
    by: String,
    /// The address; `unix`, or of a command, `cli`.
    from: String,
    /// What was done: `user.create`.
    action: String,
    /// To whom or what: an id.
    subject: String,
    /// What is worth knowing besides; no secret.
    detail: String,
}

/// Which part of the log.
#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Only what came before this revision.
    before: Option<i64>,
    /// So many at most.
    #[param(value_type = usize, minimum = 1, maximum = 1000, default = 100)]
    limit: Limit,
}

/// Changes of the store, newest first.
#[utoipa::path(get, path = "/audit", operation_id = "list_audit", tag = "audit", params(Wanted),
    responses((status = 200, body = Vec<ListedEntry>), Refusals))]
async fn list(
    Kept(desk): Kept,
    Asked(Wanted { before, limit }): Asked<Wanted>,
) -> Result<Json<Vec<ListedEntry>>, Refusal> {
    let page = Page {
        before: before.map(Revision),
        limit: u32::try_from(limit.0).unwrap_or(u32::MAX),
    };
    let entries = desk.ledger().store()?.audit(page).await;
    let entries = entries.map_err(Fault::from)?;
    Ok(Json(entries.into_iter().map(ListedEntry::from).collect()))
}

impl From<Entry> for ListedEntry {
    fn from(entry: Entry) -> Self {
        Self {
            revision: entry.revision.0,
            at: entry.by.at.to_string(),
            by: entry.by.name,
            from: entry.by.from,
            action: entry.action,
            subject: entry.subject,
            detail: entry.detail,
        }
    }
}
