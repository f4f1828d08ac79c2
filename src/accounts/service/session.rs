//! [`SessionCookies`]: what a browser keeps of a login: the session, which authenticates, and where
//! pages read one, the display token, which does not.

use axum::response::AppendHeaders;
use http::{HeaderName, HeaderValue, header};
use serde_json::Map;

use super::Fault;
use super::desk::{Desk, LoggedIn};
use crate::auth::{Accounts, Purpose, TokenId};
use crate::snapshot::AccountsService;

/// Lines of `Set-Cookie` (RFC 6265 §4.1).
pub(super) struct SessionCookies(Vec<HeaderValue>);

impl SessionCookies {
    /// Takes all of a session from a browser.
    pub(super) fn cleared(settings: &AccountsService) -> Result<Self, Fault> {
        let mut lines = vec![session_line("", 0)?];
        if let Some(name) = &settings.display_cookie {
            lines.push(display_line(name, "", 0)?);
        }
        Ok(Self(lines))
    }

    pub(super) fn into_headers(
        self,
    ) -> AppendHeaders<impl IntoIterator<Item = (HeaderName, HeaderValue)>> {
        let lines = self.0.into_iter();
        AppendHeaders(lines.map(|line| (header::SET_COOKIE, line)))
    }
}

impl Desk {
    /// A new session of a user.
    pub(super) fn session(&self, user: &LoggedIn) -> Result<SessionCookies, Fault> {
        let settings = self.settings();
        let lifetime = settings.session_lifetime;
        let token = self.token_of(user, lifetime, TokenId::random());
        let session = self.sign(Purpose::Session, &token, Map::new())?;
        let mut lines = vec![session_line(&session, lifetime.as_secs())?];
        if let Some(name) = &settings.display_cookie {
            let display = self.sign(Purpose::Display, &token, self.shown(&user.account))?;
            lines.push(display_line(name, &display, lifetime.as_secs())?);
        }
        Ok(SessionCookies(lines))
    }
}

/// No script reads it, and no other host sets it (RFC 6265bis §4.1.3).
fn session_line(value: &str, seconds: u64) -> Result<HeaderValue, Fault> {
    let name = Accounts::COOKIE;
    line(format!(
        "{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={seconds}"
    ))
}

/// Scripts of the page read it: that is what it is for.
fn display_line(name: &str, value: &str, seconds: u64) -> Result<HeaderValue, Fault> {
    line(format!(
        "{name}={value}; Path=/; Secure; SameSite=Lax; Max-Age={seconds}"
    ))
}

fn line(text: String) -> Result<HeaderValue, Fault> {
    HeaderValue::try_from(text).map_err(|error| {
        tracing::error!(%error, "a cookie could not be written");
        Fault::StoreGone
    })
}
