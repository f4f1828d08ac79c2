//! The API for operators: users, keys, tokens, sessions, reloads and the audit log, over HTTP/1.1 on
//! an address of this machine.
//!
//! ```text
//!  Listener ─▶ connection ─▶ Door ─ host · origin · credential with ADMIN:* · JSON
//!                             ▼ Actor
//!                           router ─▶ users · keys · tokens … ─▶ Office ─▶ accounts::service::Desk
//!                                                                      ├ Oversight of the workers
//!                                                                      └ the control plane, metrics
//! ```
//!
//! It runs on a thread of its own, and no worker ever waits for it.

mod audit;
mod connection;
mod door;
mod keys;
mod listener;
mod made_key;
mod office;
mod query;
mod refusal;
mod reload;
mod sessions;
mod signing_keys;
mod throttles;
mod tokens;
mod users;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use axum::{Json, Router};
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;

pub use connection::serve;
pub use listener::Listener;
pub use office::Office;
pub use sessions::{Closed, ListedSession};

use refusal::{BadRequest, Refusal};

use crate::accounts::service::{Credential, Refused};

/// Where everything is.
pub const PREFIX: &str = "/api/v1";

/// The largest body, in bytes.
const LARGEST_BODY: usize = 64 * 1024;

/// What is documented of it: an `OpenAPI` 3.1 document.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    api().split_for_parts().1
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "doorward admin",
        description = "For operators: every request needs a credential with `ADMIN:*`."
    ),
    components(schemas(BadRequest, Refused)),
    security(("credential" = [])),
    modifiers(&Credential),
)]
struct Document;

fn api() -> OpenApiRouter<Arc<Office>> {
    let parts = OpenApiRouter::new()
        .merge(users::routes())
        .merge(keys::routes())
        .merge(tokens::routes())
        .merge(signing_keys::routes())
        .merge(throttles::routes())
        .merge(sessions::routes())
        .merge(reload::routes())
        .merge(audit::routes());
    OpenApiRouter::with_openapi(Document::openapi()).nest(PREFIX, parts)
}

/// What answers whoever the door has let in.
fn router(office: Arc<Office>) -> Router {
    let (router, document) = api().split_for_parts();
    let document = Arc::new(document);
    let path = format!("{PREFIX}/openapi.json");
    router
        .route(&path, get(async move || Json(document.as_ref().clone())))
        .fallback(async || Refusal::NotFound)
        .method_not_allowed_fallback(async || Refusal::MethodNotAllowed)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(office)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_of_the_document_is_below_the_prefix() {
        let document = document();
        assert!(document.paths.paths.len() > 10);
        for path in document.paths.paths.keys() {
            assert!(path.starts_with(PREFIX), "{path}");
        }
    }
}
