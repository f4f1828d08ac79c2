//! What answers requests that are about users: logins, tokens, users and their keys.
//!
//! ```text
//!  worker ─ Call ─▶ Service ─▶ router ─▶ tokens · login · users · keys ─▶ Desk ─▶ Ledger ─▶ store
//!         ◀─ Response ─┘                                                  ├ Throttle
//!                                                                        └ HashingPool
//! ```
//!
//! It runs on a thread of its own, and the gate has let pass what comes here: who may do what is
//! decided there, as for every other request.

mod answer;
mod desk;
mod document;
mod fields;
mod issue;
mod jwks;
mod keeping;
mod ledger;
mod login;
mod new_key;
mod outcomes;
mod own_keys;
mod page;
mod referer;
mod session;
mod signing_keys;
mod tokens;
mod user_fields;
mod users;

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{Request, Response, Uri, header};
use tokio::sync::{Semaphore, mpsc};
use tower::ServiceExt as _;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;

pub use answer::{Fault, Problem, Problems, Refused};
pub use desk::{Desk, Parts};
pub use document::{Credential, document};
pub use fields::Fields;
pub use ledger::{Actor, Ledger, StoreHandle};
pub use new_key::NewStoredKey;
pub use own_keys::{ListedKey, MadeKey};
pub use user_fields::{AccountStatus, Edited, NewUser};
pub use users::{PermissionMap, User, parse_id};

use crate::proxy::Call;

/// Requests that are answered at once.
const AT_ONCE: usize = 256;

/// The largest answer: a list of a thousand users is a tenth of it.
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;

/// Answers requests until nobody can ask any more.
pub async fn serve(desk: Arc<Desk>, mut calls: mpsc::Receiver<Call>) {
    signing_keys::begin(&desk).await;
    tokio::spawn(signing_keys::keep(Arc::clone(&desk)));
    let (router, _) = api().split_for_parts();
    let router = router.method_not_allowed_fallback(answer::method_not_allowed);
    let router: Router = router.with_state(Arc::clone(&desk));
    let places = Arc::new(Semaphore::new(AT_ONCE));
    while let Some(call) = calls.recv().await {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let (desk, router) = (Arc::clone(&desk), router.clone());
        tokio::spawn(async move {
            answer(&desk, router, call).await;
            drop(place);
        });
    }
}

fn api() -> OpenApiRouter<Arc<Desk>> {
    OpenApiRouter::with_openapi(document::Document::openapi())
        .merge(tokens::routes())
        .merge(login::routes())
        .merge(users::routes())
        .merge(own_keys::routes())
        .merge(jwks::routes())
}

async fn answer(desk: &Desk, router: Router, call: Call) {
    let Call {
        request,
        caller,
        reply,
    } = call;
    if reply.is_closed() {
        return;
    }
    let mut request = within(request, &desk.settings().prefix).map(Body::from);
    request.extensions_mut().insert(caller);
    // The router itself never fails.
    let Ok(response) = router.oneshot(request).await;
    let (mut head, body) = response.into_parts();
    let body = match to_bytes(body, LARGEST_ANSWER).await {
        Ok(body) => body,
        Err(error) => {
            tracing::error!(%error, "an answer could not be made");
            // Whoever asked learns it as from a thread that has ended.
            return;
        }
    };
    let no_store = http::HeaderValue::from_static("no-store");
    head.headers
        .entry(header::CACHE_CONTROL)
        .or_insert(no_store);
    // Nobody waits for it any more if its client has left.
    let _ = reply.send(Response::from_parts(head, body));
}

/// The same request without the prefix, and without a slash at its end.
fn within(mut request: Request<Bytes>, prefix: &str) -> Request<Bytes> {
    let path = request.uri().path();
    let path = path.strip_prefix(prefix).unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    let path = if path.is_empty() { "/" } else { path };
    let target = match request.uri().query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    // What else is in it stays: over HTTP/2 it says whom the client addressed.
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = target.parse::<PathAndQuery>().ok();
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
    request
}
