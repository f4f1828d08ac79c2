//! The gate: decides about a request head, purely. No `await`, no I/O, no clock, no lock.
//!
//! Order: match the rule, verify, authorize, rewrite. Each step hands on a proof that only it can
//! make ([`Identity`], [`Permit`], [`AdmittedHead`]), so that no path to the backend skips one.

mod admission;
mod authority;
mod cookies;
mod credential;
mod denial;
mod extract;
mod handshake;
mod mint;
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
mod visitor;

use std::sync::Arc;

use http::{HeaderValue, Method, Uri, header, request::Parts, uri::PathAndQuery};

pub use admission::Admission;
pub use authority::{HostPattern, Hosts};
pub use cookies::is_of_a_token;
pub use credential::Carrier;
use credential::Credential;
pub use denial::{Denial, Denied};
pub use extract::Extraction;
pub use handshake::Transport;
pub use mint::{Mint, MintSettings, MintedClaim, SignatureAlgorithm};
pub use origin::Origins;
pub use path::{EncodedSlash, PathError, RequestPath};
pub use permission::{InvalidPermission, Permission, Permissions};
pub use policy::{
    Access, CookieCredential, EncodedSlashes, InvalidPattern, LoginCookies, Methods, Pattern,
    Permit, Policy, Rule,
};
pub use proof::{Ending, Proof};
pub use protected::Protected;
use rewrite::Caller;
pub use rewrite::{Placement, Rewrite, UpstreamCredential};
pub use subject::{InvalidGlob, InvalidUserId, UserGlob, UserId};
pub use verify::{
    Algorithm, Audience, CredentialId, Identity, InvalidTemplate, IssuerSettings, JwtVerifier,
    KeyDigest, KeyFingerprint, KeyId, KeySet, KeySetError, KeySettings, KeyTable, KeyTableBuilder,
    Memo, Rejection, Reserved, SpeaksFor, TableConflict, Transports, UserTemplate, Verifiers,
};

use visitor::Page;
pub use visitor::Visitors;

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
    /// Who comes without a credential.
    pub visitors: Visitors,
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
        let (permit, transport, issued) = self.permit(head, memo, now, denied)?;
        let (rule, identity, login_cookies) = permit.into_parts();
        let admission = Admission {
            transport,
            rule,
            identity,
            method: head.method.clone(),
            target: head.uri.clone(),
            host: head.headers.get(header::HOST).cloned(),
            issued,
        };
        let identity = admission.identity();
        let mint = self.rewrite.mint(transport);
        let caller = Caller {
            user: identity.map(Identity::user),
            token: mint.and_then(|mint| mint.authorization(identity, memo.minted(), now)),
            login_cookies,
        };
        self.rewrite.apply(&caller, transport, head)?;
        Ok(admission)
    }

    /// Everything but the rewriting: the permit, how the request talks, and the cookie of a visitor
    /// who is new.
    fn permit(
        &self,
        head: &Parts,
        memo: &mut Memo,
        now: Timestamp,
        denied: &mut Denied,
    ) -> Result<(Permit, Transport, Option<HeaderValue>), Denial> {
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
        denied.identity = self.identify(head, &path, (transport, rule), memo, now)?;
        let identity = denied.identity.as_ref();
        let Some(rule) = rule else {
            return Err(identity.map_or(Denial::NoCredential, |_| Denial::Forbidden));
        };
        let mut issued = None;
        let permit = rule.authorize(identity, &path, || {
            let claimed = self.rewrite.assertion(head, &path, transport);
            let page = if origin::is_of_our_pages(head, transport, &self.hosts) {
                Page::Ours
            } else {
                Page::Foreign
            };
            let visitor = self.visitors.receive(head, claimed, page, now);
            issued = visitor.issued;
            visitor.identity
        })?;
        Ok((permit, transport, issued))
    }

    /// Who is calling, by the one credential that was sent on purpose, or else by the one that a
    /// browser added.
    fn identify(
        &self,
        head: &Parts,
        path: &RequestPath<'_>,
        (transport, rule): (Transport, Option<&Rule>),
        memo: &mut Memo,
        now: Timestamp,
    ) -> Result<Option<Identity>, Denial> {
        let mut verify = |credential: Credential<'_>| {
            let assertion = || self.rewrite.assertion(head, path, transport);
            self.verifiers
                .verify(&credential, assertion, transport, memo, now)
        };
        if let Some(credential) = self.extraction.find(head, transport)? {
            return verify(credential).map(Some);
        }
        let ignores = |rule: &Rule| rule.cookie_credential == CookieCredential::Ignore;
        if rule.is_some_and(ignores) || !origin::is_of_our_pages(head, transport, &self.hosts) {
            return Ok(None);
        }
        let access = rule.map(|rule| &rule.access);
        let ambient = self.extraction.ambient(head, transport);
        match (
            ambient.and_then(|found| found.map(verify).transpose()),
            access,
        ) {
            // A browser goes on sending it, whoever it was for.
            (Err(_), Some(Access::Open | Access::Anonymous)) => Ok(None),
            (identity, _) => identity,
        }
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
