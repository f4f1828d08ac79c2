//! `/sessions`: what is open, and its end.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::office::Office;
use super::query::{Asked, invalid};
use super::refusal::{Refusal, Refusals};
use crate::accounts::service::{Actor, Fault, Fields};
use crate::auth::{Transport, UserId};
use crate::sessions::oversight::{Filter, OpenSession};

pub(super) fn routes() -> OpenApiRouter<Arc<Office>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(close_one))
        .routes(routes!(close))
}

/// An open session.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ListedSession {
    /// What it is called, until this process ends.
    pub id: String,
    /// `websocket` or `stream`.
    pub kind: String,
    /// Whom it was opened for; null where an open rule let it pass.
    pub user: Option<String>,
    /// By what: the id of the key, or the name of the issuer.
    pub credential: Option<String>,
    /// The path that was asked for: the client's own text.
    pub path: String,
    /// How its request talked: `http` or `websocket`.
    pub transport: String,
    /// The client's address, beyond trusted proxies.
    pub client: String,
    /// When its request was read; RFC 3339.
    pub opened: String,
    /// Bytes to the client.
    pub sent: u64,
    /// Bytes from it.
    pub received: u64,
}

/// How many sessions were closed.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct Closed {
    /// Those that were not ending yet.
    pub closed: usize,
}

/// Which sessions are listed.
#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Only those of this user, case-folded.
    user: Option<String>,
    /// Only those of this credential.
    credential: Option<String>,
}

/// Which sessions are closed: one of these says it.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(min_properties = 1, max_properties = 1)]
struct WhichSessions {
    /// Those of this user, case-folded.
    user: Option<String>,
    /// Those of this credential: the id of a key, or the name of an issuer.
    credential: Option<String>,
    /// All that there are: true.
    all: Option<bool>,
}

/// What is open, the oldest first.
#[utoipa::path(get, path = "/sessions", operation_id = "list_sessions", tag = "sessions", params(Wanted),
    responses((status = 200, body = Vec<ListedSession>), Refusals))]
async fn list(
    State(office): State<Arc<Office>>,
    Asked(Wanted { user, credential }): Asked<Wanted>,
) -> Result<Json<Vec<ListedSession>>, Refusal> {
    let filter = match (&user, &credential) {
        (Some(user), _) => {
            let user = UserId::parse(user);
            Filter::User(user.map_err(|_| invalid("`user` is the id of a user"))?)
        }
        (None, Some(credential)) => Filter::Credential(credential.as_str().into()),
        (None, None) => Filter::All,
    };
    let open = office.oversight.list(filter).await;
    let is_meant =
        |session: &&OpenSession| credential.is_none() || session.credential == credential;
    let open = open.iter().filter(is_meant).map(ListedSession::of);
    Ok(Json(open.collect()))
}

/// One session ends.
#[utoipa::path(delete, path = "/sessions/{id}", operation_id = "close_session", tag = "sessions", params(("id" = String, Path)),
    responses((status = 200, body = Closed), Refusals))]
async fn close_one(
    State(office): State<Arc<Office>>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
) -> Result<Json<Closed>, Refusal> {
    let id = id.parse().map_err(|_| Refusal::NoSuchSession)?;
    match office.close(Filter::Session(id), &actor).await {
        Closed { closed: 0 } => Err(Refusal::NoSuchSession),
        closed => Ok(Json(closed)),
    }
}

/// Sessions end: a user's, a credential's, or all.
///
/// It keeps nobody from opening another: who should not, loses the credential.
#[utoipa::path(post, path = "/sessions/close", operation_id = "close_sessions", tag = "sessions", request_body = WhichSessions,
    responses((status = 200, body = Closed), Refusals))]
async fn close(
    State(office): State<Arc<Office>>,
    Extension(actor): Extension<Actor>,
    Fields(which): Fields<WhichSessions>,
) -> Result<Json<Closed>, Refusal> {
    let filter = which.understood()?;
    Ok(Json(office.close(filter, &actor).await))
}

impl Office {
    async fn close(&self, filter: Filter, by: &Actor) -> Closed {
        let Actor { name, from, .. } = by;
        let which = format!("{filter:?}");
        let closed = self.oversight.close(filter).await;
        tracing::info!(by = name, from, which, closed, "sessions closed");
        Closed { closed }
    }
}

impl WhichSessions {
    fn understood(self) -> Result<Filter, Fault> {
        match (self.user, self.credential, self.all) {
            (Some(user), None, None) => {
                let user = UserId::parse(&user);
                let user = user.map_err(|error| Fault::field("user", error.to_string()))?;
                Ok(Filter::User(user))
            }
            (None, Some(credential), None) => Ok(Filter::Credential(credential.into())),
            (None, None, Some(true)) => Ok(Filter::All),
            _ => Err(Fault::field(
                "user",
                "One of `user`, `credential`, or `all`: true",
            )),
        }
    }
}

impl ListedSession {
    fn of(session: &OpenSession) -> Self {
        let transport = match session.transport {
            Transport::Http => "http",
            Transport::WebSocket => "websocket",
        };
        Self {
            id: session.id.to_string(),
            kind: session.kind.as_str().to_owned(),
            user: session.user.as_ref().map(ToString::to_string),
            credential: session.credential.clone(),
            path: session.path.clone(),
            transport: transport.to_owned(),
            client: session.client.to_string(),
            opened: session.opened_at.to_string(),
            sent: session.traffic.sent,
            received: session.traffic.received,
        }
    }
}
