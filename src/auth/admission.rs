//! [`Admission`]: what is remembered of a request that was let pass, and the [`Proof`] of it.

use std::sync::Arc;

use http::{HeaderValue, Method, Uri};

use super::{Identity, NewVisitor, Proof, Transport};
use crate::clock::Timestamp;

/// What is remembered of an admitted request beside its head.
#[derive(Debug, Clone)]
pub struct Admission {
    pub(super) transport: Transport,
    pub(super) rule: Arc<str>,
    pub(super) identity: Option<Identity>,
    pub(super) method: Method,
    /// As the client sent it.
    pub(super) target: Uri,
    /// The `Host` line, if there was one.
    pub(super) host: Option<HeaderValue>,
    /// Rare, and an admission is moved about.
    pub(super) newcomer: Option<Box<NewVisitor>>,
}

impl Admission {
    /// How the request talks.
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// The rule that let it pass.
    #[must_use]
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// The verified caller; none on open rules.
    #[must_use]
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// A visitor whom nobody has seen before, if it is one.
    #[must_use]
    pub fn newcomer(&self) -> Option<&NewVisitor> {
        self.newcomer.as_deref()
    }

    /// The authority the client addressed, as it wrote it.
    #[must_use]
    pub fn authority(&self) -> &str {
        let line = self.host.as_ref().and_then(|line| line.to_str().ok());
        line.or(self.target.authority().map(http::uri::Authority::as_str))
            .unwrap_or_default()
    }

    /// The same as a header's value.
    #[must_use]
    pub fn host(&self) -> HeaderValue {
        // An authority has no character that a header's value may not have.
        let line = self.host.clone();
        line.or_else(|| HeaderValue::from_str(self.authority()).ok())
            .unwrap_or(HeaderValue::from_static(""))
    }

    /// Forgets what is needed for an answer only: it would keep the memory that the request's head
    /// was read into.
    pub fn forget_address(&mut self) {
        self.target = Uri::default();
        self.host = None;
    }

    /// When the credential ends, if it does.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        self.identity.as_ref().and_then(Identity::expires)
    }

    /// What a tunnel or a long response remembers, to be judged again.
    #[must_use]
    pub fn proof(&self) -> Proof {
        Proof::new(
            self.method.clone(),
            self.target.path().into(),
            self.transport,
            self.identity.clone(),
        )
    }
}
