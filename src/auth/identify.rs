//! Who is calling: by the credential that was sent on purpose, by the one that a browser added, or
//! by none.

use http::request::Parts;

use super::{
    Access, Asked, CookieCredential, Denial, Gate, Identity, Memo, Presented, RequestPath, TokenId,
    Transport,
    credential::Credential,
    verify::Vouched,
    visitor::{Page, Visitor},
};
use crate::clock::Timestamp;

impl Asked<'_> {
    /// Whether a cookie by itself is no credential there.
    pub(super) fn ignores_cookies(&self) -> bool {
        let ignored = CookieCredential::Ignore;
        self.rule
            .is_some_and(|rule| rule.cookie_credential == ignored)
    }
}

impl Gate {
    /// Who is calling, by the one credential that was sent on purpose, or else by the one that a
    /// browser added.
    pub(super) fn identify(
        &self,
        asked: &Asked<'_>,
        memo: &mut Memo,
        now: Timestamp,
    ) -> Result<(Option<Identity>, Presented), Denial> {
        let explicit = self.extraction.find(asked.head, asked.transport)?;
        let mut displayed = None;
        if let Some(credential) = explicit {
            match self.verify(&credential, asked, memo, now)? {
                Vouched::Caller(identity) => {
                    return Ok((Some(identity), Presented::OnPurpose));
                }
                Vouched::Session(session) => displayed = Some(session),
            }
        }
        // Where no cookie counts, a session does with the display token that its page has sent.
        let takes_none = asked.ignores_cookies() && displayed.is_none();
        if takes_none || !self.origins.is_of_our_pages(asked.head, asked.transport) {
            return Ok((None, Presented::ByItself));
        }
        let ambient = self.ambient(asked, displayed, memo, now);
        let identity = match (ambient, asked.rule.map(|rule| &rule.access)) {
            // A browser goes on sending it, whoever it was for.
            (Err(_), Some(Access::Open | Access::Anonymous)) => None,
            (identity, _) => identity?,
        };
        Ok((identity, Presented::ByItself))
    }

    /// By what a browser sends with every request: the session of ours, or else a cookie of the
    /// profile's.
    fn ambient(
        &self,
        asked: &Asked<'_>,
        displayed: Option<TokenId>,
        memo: &mut Memo,
        now: Timestamp,
    ) -> Result<Option<Identity>, Denial> {
        let Asked {
            head, transport, ..
        } = *asked;
        if let Some(cookie) = self.verifiers.session_cookie(head) {
            let session = self.verifiers.session(cookie, memo, now)?;
            self.verifiers.check_proof(&session, displayed, asked)?;
            return Ok(Some(session));
        }
        if asked.ignores_cookies() {
            return Ok(None);
        }
        let Some(credential) = self.extraction.ambient(head, transport)? else {
            return Ok(None);
        };
        let vouched = self.verify(&credential, asked, memo, now)?;
        Ok(Some(vouched.caller()?))
    }

    /// Who is calling one of our own listeners: by a credential that was sent on purpose, and by
    /// nothing else.
    ///
    /// # Errors
    /// When there is none, several, or one that is not good.
    pub fn caller(
        &self,
        head: &Parts,
        memo: &mut Memo,
        now: Timestamp,
    ) -> Result<Identity, Denial> {
        let credential = self.extraction.find(head, Transport::Http)?;
        let credential = credential.ok_or(Denial::NoCredential)?;
        let path = RequestPath::parse(head.uri.path())?;
        let assertion = || self.rewrite.assertion(head, &path, Transport::Http);
        let vouched = self
            .verifiers
            .verify(&credential, assertion, Transport::Http, memo, now)?;
        Ok(vouched.caller()?)
    }

    /// The browser's session that the request belongs to, if it comes from a page of ours.
    #[must_use]
    pub fn session(&self, head: &Parts, now: Timestamp) -> Option<Identity> {
        if !self.is_of_our_pages(head) {
            return None;
        }
        let cookie = self.verifiers.session_cookie(head)?;
        self.verifiers.session(cookie, &mut Memo::new(1), now).ok()
    }

    /// Whether a page of ours made the request, or the user in the address bar.
    #[must_use]
    pub fn is_of_our_pages(&self, head: &Parts) -> bool {
        self.origins.is_of_our_pages(head, Transport::Http)
    }

    fn verify(
        &self,
        credential: &Credential<'_>,
        asked: &Asked<'_>,
        memo: &mut Memo,
        now: Timestamp,
    ) -> Result<Vouched, Denial> {
        let Asked {
            head,
            path,
            transport,
            ..
        } = *asked;
        let assertion = || self.rewrite.assertion(head, path, transport);
        self.verifiers
            .verify(credential, assertion, transport, memo, now)
    }

    /// A caller without a credential, where the rule takes such.
    pub(super) fn receive(&self, asked: &Asked<'_>, now: Timestamp) -> Visitor {
        let Asked {
            head, transport, ..
        } = *asked;
        let claimed = self.rewrite.assertion(head, asked.path, transport);
        let page = if self.origins.is_of_our_pages(head, transport) {
            Page::Ours
        } else {
            Page::Foreign
        };
        self.visitors.receive(head, claimed, page, now)
    }
}
