//! The gate: decides about a request head, purely. No `await`, no I/O, no clock, no lock.
//!
//! Order: match the rule, verify, authorize, rewrite. Each step hands on a proof that only it can
//! make ([`Identity`], [`Permit`], [`AdmittedHead`]), so that no path to the backend skips one.

mod admission;
mod authority;
mod backend_cookie;
mod cookies;
mod credential;
mod denial;
mod directory;
mod extract;
mod handshake;
mod identify;
mod mint;
mod navigation;
mod origin;
mod own_token;
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
mod well_formed;

use std::sync::Arc;

use http::{header, request::Parts};

pub use admission::Admission;
pub use authority::{HostPattern, Hosts};
pub use backend_cookie::{BackendCookie, NoCookieValue};
pub use cookies::is_of_a_token;
pub use credential::Carrier;
pub use denial::{Denial, Denied};
pub use directory::{
    Account, AccountId, Directory, InvalidKeyName, InvalidPurpose, KeyName, KeyOwner, Kid,
    PasswordHash, Purpose, Record, Revocation, SigningAlgorithm, SigningKey, Status, StoredKey,
    TokenId,
};
pub use extract::Extraction;
pub use handshake::Transport;
pub use mint::{Mint, MintSettings, MintedClaim, SignatureAlgorithm};
pub use origin::{Origins, Security};
pub use own_token::{OwnToken, SigningError, TokenSubject};
pub use path::{EncodedSlash, PathError, RequestPath};
pub use permission::{InvalidPermission, Permission, Permissions};
pub use policy::{
    Access, CookieCredential, Destination, EncodedSlashes, InvalidPattern, LoginCookies, Methods,
    Pattern, Permit, Policy, Rule,
};
pub use proof::{Ending, Proof};
pub use protected::Protected;
use rewrite::Caller;
pub use rewrite::{Placement, Rewrite, UpstreamCredential};
pub use subject::{InvalidGlob, InvalidUserId, UserGlob, UserId};
pub use verify::{
    AccountSettings, Accounts, Algorithm, Audience, BoundNames, CredentialId, Identity,
    InvalidTemplate, IssuerSettings, JwtVerifier, KeyDigest, KeyFingerprint, KeyId, KeySet,
    KeySetError, KeySettings, KeyTable, KeyTableBuilder, Known, Memo, Namespace, Rejection,
    Reserved, SessionProof, SpeaksFor, TableConflict, Transports, UserTemplate, Verifiers,
};
pub use visitor::{NewVisitor, Visitors};
use well_formed::{check_framing, check_method, check_query, check_target, check_values};

use crate::clock::Timestamp;

/// The decision point.
#[derive(Clone, Debug)]
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
pub enum Decision {
    /// It may pass, in this form.
    Admit(Admitted),
    /// It may pass, and is for us to answer.
    Own(OwnRequest),
    /// It may not.
    Deny(Denied),
}

/// A request that may be sent to the backend.
#[derive(Debug)]
pub struct Admitted {
    head: AdmittedHead,
    admission: Admission,
}

/// A request that is about accounts, as it came: the backend never sees it.
#[derive(Debug)]
pub struct OwnRequest {
    head: Parts,
    admission: Admission,
}

/// A request head in the form for the backend: origin-form target; no `Host`, connection, framing
/// or forwarding headers, of which the proxy adds its own. Only [`Gate::admit`] makes one, and
/// nothing else can be sent.
#[derive(Debug)]
pub struct AdmittedHead(Parts);

/// A request as the steps of a decision see it.
struct Asked<'r> {
    head: &'r Parts,
    path: &'r RequestPath<'r>,
    transport: Transport,
    rule: Option<&'r Rule>,
}

/// A request that needs nothing but its rewriting.
struct Passed {
    permit: Permit,
    transport: Transport,
    presented: Presented,
    newcomer: Option<Box<NewVisitor>>,
}

/// How a credential came with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presented {
    /// Somebody put it there.
    OnPurpose,
    /// The browser did, or there was none.
    ByItself,
}

impl Gate {
    /// Decides about one request head.
    #[must_use]
    pub fn admit(&self, mut head: Parts, memo: &mut Memo, now: Timestamp) -> Decision {
        let mut denied = Denied::default();
        match self.decide(&mut head, memo, now, &mut denied) {
            Ok((Destination::Backend, admission)) => Decision::Admit(Admitted {
                head: AdmittedHead(head),
                admission,
            }),
            Ok((Destination::Accounts, admission)) => Decision::Own(OwnRequest { head, admission }),
            Err(denial) => {
                denied.page = self.page_behind_login(&head, denial);
                Decision::Deny(denied.because(denial))
            }
        }
    }

    fn decide(
        &self,
        head: &mut Parts,
        memo: &mut Memo,
        now: Timestamp,
        denied: &mut Denied,
    ) -> Result<(Destination, Admission), Denial> {
        let passed = self.permit(head, memo, now, denied)?;
        let destination = passed.permit.destination();
        let (rule, identity, login_cookies) = passed.permit.into_parts();
        let admission = Admission {
            transport: passed.transport,
            rule,
            identity,
            method: head.method.clone(),
            target: head.uri.clone(),
            host: head.headers.get(header::HOST).cloned(),
            newcomer: passed.newcomer,
        };
        if destination == Destination::Accounts {
            return Ok((destination, admission));
        }
        let identity = admission.identity();
        let mint = self.rewrite.mint(passed.transport);
        let caller = Caller {
            user: identity.map(Identity::user),
            token: mint.and_then(|mint| mint.authorization(identity, memo.minted(), now)),
            login_cookies: match passed.presented {
                // Beside the one who is named, a login of the client's would name another.
                Presented::OnPurpose if self.rewrite.backend_cookie.is_none() => {
                    LoginCookies::Strip
                }
                Presented::OnPurpose | Presented::ByItself => login_cookies,
            },
        };
        self.rewrite.apply(&caller, passed.transport, head)?;
        Ok((destination, admission))
    }

    /// Everything but the rewriting.
    fn permit(
        &self,
        head: &Parts,
        memo: &mut Memo,
        now: Timestamp,
        denied: &mut Denied,
    ) -> Result<Passed, Denial> {
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
            if rule.is_some_and(|rule| rule.destination == Destination::Accounts) {
                return Err(Denial::Malformed("no websocket there"));
            }
        }
        let asked = Asked {
            head,
            path: &path,
            transport,
            rule,
        };
        let (identity, presented) = self.identify(&asked, memo, now)?;
        denied.identity = identity;
        let identity = denied.identity.as_ref();
        let Some(rule) = rule else {
            return Err(identity.map_or(Denial::NoCredential, |_| Denial::Forbidden));
        };
        let mut newcomer = None;
        let permit = rule.authorize(identity, &path, || {
            let visitor = self.receive(&asked, now);
            newcomer = visitor.newcomer.map(Box::new);
            visitor.identity
        })?;
        Ok(Passed {
            permit,
            transport,
            presented,
            newcomer,
        })
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
        let renewed = if earlier.is_visitor() {
            self.visitors.renew(earlier, now)
        } else {
            self.verifiers.renew(earlier, now)
        };
        let identity = renewed.map_err(|rejection| match rejection {
            Rejection::Expired => Ending::Expired,
            _ => Ending::Revoked,
        })?;
        if self
            .verifiers
            .transport_changed(&identity, proof.transport(), now)
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

impl OwnRequest {
    /// The head as the client sent it, and what is remembered of the admission.
    #[must_use]
    pub fn into_parts(self) -> (Parts, Admission) {
        (self.head, self.admission)
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

#[cfg(test)]
mod tests;
