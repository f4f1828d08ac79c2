//! Sessions of browsers: a cookie that authenticates, and a display token that does not.

use http::{Method, request::Parts};

use super::{
    super::{Basis, Identity},
    Accounts, SessionProof, Verifiers,
};
use crate::auth::{Asked, Denial, TokenId, Transport, cookies};

impl Verifiers {
    /// The cookie of a session of ours.
    pub(in crate::auth) fn session_cookie<'r>(&self, head: &'r Parts) -> Option<&'r str> {
        self.accounts.as_ref()?;
        let mut cookies = cookies::values(&head.headers, Accounts::COOKIE);
        cookies.next().flatten().filter(|value| !value.is_empty())
    }

    /// A page that only shows what is there needs nothing but the cookie, where cookies count at
    /// all; what may change something has to come from a page that could read the session's
    /// display token.
    pub(in crate::auth) fn check_proof(
        &self,
        session: &Identity,
        displayed: Option<TokenId>,
        asked: &Asked<'_>,
    ) -> Result<(), Denial> {
        let wants_proof = self.accounts.as_ref().map(Accounts::session_proof);
        let method = &asked.head.method;
        let reads = method == Method::GET || method == Method::HEAD;
        let reads = reads && asked.transport == Transport::Http;
        let needs_none = reads || wants_proof != Some(SessionProof::DisplayToken);
        if needs_none && !asked.ignores_cookies() {
            return Ok(());
        }
        match session.basis() {
            Basis::Own(basis) if displayed == Some(basis.token.id) => Ok(()),
            _ => Err(Denial::SessionAlone),
        }
    }
}
