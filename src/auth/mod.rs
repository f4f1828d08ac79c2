//! The gate: decides about a request head, purely. No `await`, no I/O, no clock, no lock.
//!
//! Order: match the rule, verify, authorize, rewrite. Each step hands on a proof that only it can
//! make ([`Identity`], [`Permit`], [`AdmittedHead`]), so that no path to the backend skips one.

mod authority;
mod cookies;
mod credential;
mod denial;
mod extract;
mod handshake;
mod origin;
mod path;
mod permission;
mod policy;
mod proof;
mod protected;
mod query;
mod rewrite;
mod subject;
mod verify;

use std::sync::Arc;

use http::{HeaderValue, Method, Uri, header, request::Parts, uri::PathAndQuery};

pub use authority::{HostPattern, Hosts};
pub use cookies::is_of_a_token;
pub use credential::Carrier;
pub use denial::{Denial, Denied};
pub use extract::Extraction;
pub use handshake::Transport;
pub use origin::Origins;
pub use path::{EncodedSlash, PathError, RequestPath};
pub use permission::{InvalidPermission, Permission, Permissions};
pub use policy::{Access, EncodedSlashes, InvalidPattern, Methods, Pattern, Permit, Policy, Rule};
pub use proof::{Ending, Proof};
pub use protected::Protected;
pub use rewrite::{Placement, Rewrite, UpstreamCredential};
pub use subject::{InvalidGlob, InvalidUserId, UserGlob, UserId};
pub use verify::{
    Algorithm, Audience, CredentialId, Identity, InvalidTemplate, IssuerSettings, JwtVerifier,
    KeyDigest, KeyFingerprint, KeyId, KeySet, KeySetError, KeySettings, KeyTable, KeyTableBuilder,
    Memo, Rejection, Reserved, SpeaksFor, TableConflict, Transports, UserTemplate, Verifiers,
};

use crate::clock::Timestamp;

/// The decision point.
#[derive(Debug)]
pub struct Gate {
    /// Authorities that requests may be addressed to.
    pub hosts: Hosts,
    /// Origins that may open a WebSocket from a browser.
    pub origins: Origins,
    /// Where credentials are carried.
    pub extraction: Extraction,
    /// Who can vouch for them.
    pub verifiers: Verifiers,
    /// Who may do what.
    pub policy: Policy,
    /// What the backend is shown.
    pub rewrite: Rewrite,
}

/// What the gate says of a request.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "the usual variant is the large one; no allocation"
)]
pub enum Decision {
    /// It may pass, in this form.
    Admit(Admitted),
    /// It may not.
    Deny(Denied),
}

/// A request that may be sent to the backend.
#[derive(Debug)]
pub struct Admitted {
    head: AdmittedHead,
    admission: Admission,
}

/// A request head in the form for the backend: origin-form target; no `Host`, connection, framing
/// or forwarding headers, of which the proxy adds its own. Only [`Gate::admit`] makes one, and
/// nothing else can be sent.
#[derive(Debug)]
pub struct AdmittedHead(Parts);

/// What is remembered of an admitted request beside its head.
#[derive(Debug, Clone)]
pub struct Admission {
    transport: Transport,
    rule: Arc<str>,
    identity: Option<Identity>,
    method: Method,
    /// As the client sent it.
    target: Uri,
    /// The `Host` line, if there was one.
    host: Option<HeaderValue>,
}

impl Gate {
    /// Decides about one request head.
    #[must_use]
    pub fn admit(&self, mut head: Parts, memo: &mut Memo, now: Timestamp) -> Decision {
        let mut denied = Denied::default();
        match self.decide(&mut head, memo, now, &mut denied) {
            Ok(admission) => Decision::Admit(Admitted {
                head: AdmittedHead(head),
                admission,
            }),
            Err(denial) => Decision::Deny(denied.because(denial)),
        }
    }

    fn decide(
        &self,
        head: &mut Parts,
        memo: &mut Memo,
        now: Timestamp,
        denied: &mut Denied,
    ) -> Result<Admission, Denial> {
        let (permit, transport) = self.permit(head, memo, now, denied)?;
        let (rule, identity) = permit.into_parts();
        let admission = Admission {
            transport,
            rule,
            identity,
            method: head.method.clone(),
            target: head.uri.clone(),
            host: head.headers.get(header::HOST).cloned(),
        };
        let user = admission.identity().map(Identity::user);
        self.rewrite.apply(user, transport, head)?;
        Ok(admission)
    }

    /// Everything but the rewriting: the permit, and how the request talks.
    fn permit(
        &self,
        head: &Parts,
        memo: &mut Memo,
        now: Timestamp,
        denied: &mut Denied,
    ) -> Result<(Permit, Transport), Denial> {
        check_method(&head.method)?;
        if !self.hosts.allow(authority::host(head)?) {
            return Err(Denial::WrongHost);
        }
        check_framing(head)?;
        check_values(head)?;
        check_target(&head.uri)?;
        let path = RequestPath::parse(head.uri.path())?;
        check_query(head.uri.query())?;
        let transport = handshake::transport(head)?;
        denied.transport = transport;

        let rule = self.policy.rule(&head.method, &path)?;
        denied.rule = rule.map(|rule| Arc::clone(&rule.name));
        if transport == Transport::WebSocket {
            self.origins.check(head, &self.hosts)?;
        }
        if let Some(credential) = self.extraction.find(head, transport)? {
            let assertion = || self.rewrite.assertion(head, &path, transport);
            let identity = self
                .verifiers
                .verify(&credential, assertion, transport, memo, now)?;
            denied.identity = Some(identity);
        }
        let identity = denied.identity.as_ref();
        let Some(rule) = rule else {
            return Err(identity.map_or(Denial::NoCredential, |_| Denial::Forbidden));
        };
        let permit = rule.authorize(identity, &path, || Identity::visitor(UserId::visitor()))?;
        Ok((permit, transport))
    }

    /// Judges again what a tunnel or a long response was admitted for: until when it may live on
    /// (`None`: without end).
    ///
    /// # Errors
    /// Why it must end.
    pub fn review(&self, proof: &Proof, now: Timestamp) -> Result<Option<Timestamp>, Ending> {
        let path = RequestPath::parse(proof.path()).map_err(|_| Ending::Revoked)?;
        let rule = self.policy.rule(proof.method(), &path).ok().flatten();
        let rule = rule.ok_or(Ending::Revoked)?;
        let Some(earlier) = proof.identity() else {
            return if rule.access == Access::Open {
                Ok(None)
            } else {
                Err(Ending::Revoked)
            };
        };
        let identity = self
            .verifiers
            .renew(earlier, now)
            .map_err(|rejection| match rejection {
                Rejection::Expired => Ending::Expired,
                _ => Ending::Revoked,
            })?;
        if self
            .verifiers
            .transport_changed(&identity, proof.transport())
        {
            return Err(Ending::Revoked);
        }
        let permit = rule.authorize(Some(&identity), &path, || earlier.clone());
        permit
            .map(|_| identity.expires())
            .map_err(|_| Ending::Revoked)
    }
}

impl Admitted {
    /// The head for the backend, and what is remembered of the admission.
    #[must_use]
    pub fn into_parts(self) -> (AdmittedHead, Admission) {
        (self.head, self.admission)
    }

    /// What is remembered of the admission.
    #[must_use]
    pub fn admission(&self) -> &Admission {
        &self.admission
    }

    /// The head in the form for the backend.
    #[must_use]
    pub fn head(&self) -> &Parts {
        &self.head.0
    }
}

impl AdmittedHead {
    /// To be read.
    #[must_use]
    pub fn as_parts(&self) -> &Parts {
        &self.0
    }

    /// To be sent.
    #[must_use]
    pub fn into_parts(self) -> Parts {
        self.0
    }

    /// What nothing admitted.
    #[cfg(test)]
    pub(crate) fn unchecked(head: Parts) -> Self {
        Self(head)
    }
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

/// The longest method: more than any that is registered has (RFC 9110 §16.1).
const LONGEST_METHOD: usize = 32;

/// CONNECT and TRACE are nobody's here (RFC 9110 §9.3.6, §9.3.8).
fn check_method(method: &Method) -> Result<(), Denial> {
    match *method {
        Method::CONNECT | Method::TRACE => Err(Denial::MethodNotAllowed),
        _ if method.as_str().len() > LONGEST_METHOD => Err(Denial::MethodNotAllowed),
        _ => Ok(()),
    }
}

/// A target is taken for what it is only when it begins with its path: the parser makes `/` of a
/// path that is not there.
fn check_target(target: &Uri) -> Result<(), Denial> {
    let is_ours = |scheme: &str| ["https", "http"].contains(&scheme);
    if !target.scheme_str().is_none_or(is_ours) {
        return Err(Denial::Malformed("scheme other than http"));
    }
    let written = target.path_and_query().map_or("/", PathAndQuery::as_str);
    if written.starts_with('/') {
        Ok(())
    } else {
        Err(PathError::NoLeadingSlash.into())
    }
}

/// No value begins or ends with a blank (RFC 9113 §8.2.1): some parsers take it off, some don't.
fn check_values(head: &Parts) -> Result<(), Denial> {
    let is_blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    let mut values = head.headers.values().map(HeaderValue::as_bytes);
    if values.any(|value| is_blank(value.first()) || is_blank(value.last())) {
        return Err(Denial::Malformed("header value with blanks around it"));
    }
    Ok(())
}

/// What frames the message must be said in one way (RFC 9112 §6).
fn check_framing(head: &Parts) -> Result<(), Denial> {
    // A look at all names costs less than a search for each of these, which are rare.
    let framing = [
        header::TRANSFER_ENCODING,
        header::EXPECT,
        header::CONTENT_LENGTH,
    ];
    if !head.headers.keys().any(|name| framing.contains(name)) {
        return Ok(());
    }
    let mut lengths = head.headers.get_all(header::CONTENT_LENGTH).iter();
    let is_length =
        |value: &HeaderValue| !value.is_empty() && value.as_bytes().iter().all(u8::is_ascii_digit);
    if !lengths.all(is_length) {
        return Err(Denial::Malformed("content length that is none"));
    }
    let mut codings = head.headers.get_all(header::TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => {}
        (Some(only), None) if only.as_bytes().eq_ignore_ascii_case(b"chunked") => {}
        _ => return Err(Denial::Malformed("transfer coding other than chunked")),
    }
    let mut expectations = head.headers.get_all(header::EXPECT).iter();
    if expectations.any(|expected| !expected.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
        return Err(Denial::ExpectationFailed);
    }
    Ok(())
}

/// A query is forwarded byte for byte, so it may hold only bytes that a target may hold.
fn check_query(query: Option<&str>) -> Result<(), Denial> {
    let visible = |byte: u8| (0x21..=0x7e).contains(&byte);
    match query {
        Some(query) if !query.bytes().all(visible) => Err(Denial::Malformed("invalid query")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
