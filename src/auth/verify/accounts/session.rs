//! Sessions of browsers: a cookie that authenticates, and a display token that does not.

use http::{Method, request::Parts};

use super::{
    super::{Basis, Identity},
    Accounts, SessionProof, Verifiers,
};
use crate::auth::{Asked, Denial, TokenId, Transport, cookies, navigation::is_navigation};

impl Verifiers {
    /// The cookie of a session of ours.
    pub(in crate::auth) fn session_cookie<'r>(&self, head: &'r Parts) -> Option<&'r str> {
        self.accounts.as_ref()?;
        let mut cookies = cookies::values(&head.headers, Accounts::COOKIE);
        cookies.next().flatten().filter(|value| !value.is_empty())
    }

    /// A page that only shows what is there needs nothing but the cookie, where cookies count at
    /// all; what may change something has to come from a page that could read the session's
    /// display token. Where there are such, a page that has thrown its own away has logged out, as
    /// far as the user can see: whoever opens it again is led to the login.
    pub(in crate::auth) fn check_proof(
        &self,
        session: &Identity,
        displayed: Option<TokenId>,
        asked: &Asked<'_>,
    ) -> Result<(), Denial> {
        let head = asked.head;
        let display = match self.accounts.as_ref().map(Accounts::session_proof) {
            Some(SessionProof::DisplayToken(cookie)) => Some(&**cookie),
            Some(SessionProof::Origin) | None => None,
        };
        let reads = head.method == Method::GET || head.method == Method::HEAD;
        let reads = reads && asked.transport == Transport::Http;
        if !asked.ignores_cookies() && (reads || display.is_none()) {
            let has_left = is_navigation(head) && display.is_some_and(|name| !has(head, name));
            return if has_left {
                Err(Denial::NoCredential)
            } else {
                Ok(())
            };
        }
        match session.basis() {
            Basis::Own(basis) if displayed == Some(basis.token.id) => Ok(()),
            _ => Err(Denial::SessionAlone),
        }
    }
}

/// Whether there is a cookie of this name, and something in it.
fn has(head: &Parts, name: &str) -> bool {
    let mut values = cookies::values(&head.headers, name).flatten();
    values.any(|value| !value.is_empty())
}
