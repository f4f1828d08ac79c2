//! Pages that somebody opens in a browser without a credential, and could see after a login.

use http::{HeaderValue, Method, request::Parts};

use super::{CookieCredential, Denial, Gate, RequestPath, Rule, Transport};

impl Gate {
    /// Path and query of the page that was to be opened, where a login would help: nobody sent a
    /// credential on purpose, and a session counts there.
    pub(super) fn page_behind_login(&self, head: &Parts, denial: Denial) -> Option<Box<str>> {
        let wants_login = matches!(denial, Denial::NoCredential | Denial::Unauthenticated(_));
        if !wants_login || self.verifiers.accounts.is_none() || !is_navigation(head) {
            return None;
        }
        let sent = self.extraction.find(head, Transport::Http);
        let path = RequestPath::parse(head.uri.path()).ok()?;
        let rule = self.policy.rule(&head.method, &path).ok()?;
        let counts = |rule: &Rule| rule.cookie_credential == CookieCredential::Accept;
        if !matches!(sent, Ok(None)) || !rule.is_none_or(counts) {
            return None;
        }
        let target = head.uri.path_and_query()?;
        Some(target.as_str().into())
    }
}

/// Whether a browser opens it as a page of its own (Fetch Metadata §2).
pub(super) fn is_navigation(head: &Parts) -> bool {
    let says = |name: &str, what: &str| {
        let value = head.headers.get(name).map(HeaderValue::as_bytes);
        value == Some(what.as_bytes())
    };
    head.method == Method::GET
        && says("sec-fetch-mode", "navigate")
        && says("sec-fetch-dest", "document")
}
