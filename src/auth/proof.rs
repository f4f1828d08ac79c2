//! [`Proof`]: what a tunnel or a long response remembers of its admission.

use std::sync::Arc;

use http::Method;

use super::{Transport, verify::Identity};

/// Enough to judge an admission again, and no secret: digests and names, never a credential.
#[derive(Debug, Clone)]
pub struct Proof {
    method: Method,
    path: Arc<str>,
    transport: Transport,
    identity: Option<Identity>,
}

/// Why an admission doesn't hold any longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The credential expired; the client may log in again.
    Expired,
    /// The credential is gone, or no longer permitted.
    Revoked,
}

impl Proof {
    pub(super) fn new(
        method: Method,
        path: Arc<str>,
        transport: Transport,
        identity: Option<Identity>,
    ) -> Self {
        Self {
            method,
            path,
            transport,
            identity,
        }
    }

    /// What nobody admitted: this user's, with a token of this issuer.
    #[cfg(test)]
    pub(crate) fn unverified(user: &str, issuer: &str, path: &str) -> Self {
        let identity = Identity::of_issuer(user, issuer);
        Self::new(
            Method::GET,
            path.into(),
            Transport::WebSocket,
            Some(identity),
        )
    }

    pub(super) fn method(&self) -> &Method {
        &self.method
    }

    /// The path as the client sent it, without its query.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// How the request talked.
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// The verified caller; none on open rules.
    #[must_use]
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }
}
