//! `/signing-keys`: what tokens of ours are signed with. Never a secret.

use std::sync::Arc;

use axum::extract::Path;
use axum::{Extension, Json};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::office::{Kept, Office};
use super::refusal::{Refusal, Refusals};
use crate::accounts::service::{Actor, Desk, Fault};
use crate::auth::Purpose;

pub(super) fn routes() -> OpenApiRouter<Arc<Office>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(rotate))
}

/// A key that signs tokens.
#[derive(Serialize, ToSchema)]
struct ListedSigningKey {
    /// Its name.
    kid: String,
    /// `access`, `session`, `display` or `visitor`.
    purpose: &'static str,
    /// `EdDSA` or `HS256`.
    algorithm: &'static str,
    /// RFC 3339.
    created: String,
    /// RFC 3339; null, as long as it has no successor.
    retires: Option<String>,
}

/// Signing keys, the oldest first.
#[utoipa::path(get, path = "/signing-keys", operation_id = "list_signing_keys", tag = "signing keys",
    responses((status = 200, body = Vec<ListedSigningKey>), Refusals))]
async fn list(Kept(desk): Kept) -> Result<Json<Vec<ListedSigningKey>>, Refusal> {
    Ok(Json(listed(&desk, |_| true)?))
}

/// A new key signs from now on; the ones before it verify what they have signed to its end.
#[utoipa::path(post, path = "/signing-keys/{purpose}/rotate", operation_id = "rotate_signing_key", tag = "signing keys",
    params(("purpose" = String, Path, description = "`access`, `session`, `display` or `visitor`")),
    responses((status = 200, description = "The keys of this purpose", body = Vec<ListedSigningKey>), Refusals))]
async fn rotate(
    Kept(desk): Kept,
    Extension(actor): Extension<Actor>,
    Path(purpose): Path<String>,
) -> Result<Json<Vec<ListedSigningKey>>, Refusal> {
    let purpose = Purpose::parse(&purpose).map_err(|_| Refusal::NotFound)?;
    let change = desk.next_signing_key(purpose)?;
    desk.ledger().make(change, &actor).await?;
    Ok(Json(listed(&desk, |listed| listed == purpose)?))
}

fn listed(desk: &Desk, is_meant: impl Fn(Purpose) -> bool) -> Result<Vec<ListedSigningKey>, Fault> {
    let directory = desk.directory()?;
    let keys = directory.signing_keys().iter();
    let keys = keys.filter(|key| is_meant(key.purpose));
    let listed = keys.map(|key| ListedSigningKey {
        kid: key.kid.to_string(),
        purpose: key.purpose.as_str(),
        algorithm: key.algorithm.as_str(),
        created: key.created.to_string(),
        retires: key.retires.map(|at| at.to_string()),
    });
    Ok(listed.collect())
}
