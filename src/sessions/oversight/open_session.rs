//! [`OpenSession`]: one session as it was when somebody asked.

use std::net::IpAddr;

use super::SessionId;
use super::desk::Found;
use crate::auth::{Identity, Transport, UserId};
use crate::clock::Timestamp;
use crate::sessions::Traffic;
use crate::telemetry::access_log::Path;

/// What is known of an open session. No secret is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenSession {
    /// What it is called.
    pub id: SessionId,
    /// What is open.
    pub kind: SessionKind,
    /// Whom it was opened for; none where an open rule let it pass.
    pub user: Option<UserId>,
    /// By what: the id of the key or the name of the issuer, as the access log writes it.
    pub credential: Option<String>,
    /// The path that was asked for, cut as in the access log; it is the client's own text.
    pub path: String,
    /// How the request talked.
    pub transport: Transport,
    /// The client's address, beyond trusted proxies.
    pub client: IpAddr,
    /// When its request was read.
    pub opened_at: Timestamp,
    /// What it has carried. Of a stream, until it last had to wait for the backend.
    pub traffic: Traffic,
}

/// What is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionKind {
    /// A WebSocket, after its `101`.
    WebSocket,
    /// An answer that had to wait for the backend.
    Stream,
}

impl SessionKind {
    /// In a word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::Stream => "stream",
        }
    }
}

impl From<&Found<'_>> for OpenSession {
    fn from(found: &Found<'_>) -> Self {
        let caller = &found.entry.proof;
        let identity = caller.proof.identity();
        Self {
            id: found.id,
            kind: found.kind,
            user: identity.map(Identity::user).cloned(),
            credential: identity.map(|identity| identity.credential().to_string()),
            path: Path::of(caller.proof.path()).as_str().to_owned(),
            transport: caller.proof.transport(),
            client: caller.client.to_canonical(),
            opened_at: caller.since,
            traffic: found.entry.traffic.get(),
        }
    }
}
