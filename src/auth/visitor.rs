//! [`Visitors`]: callers without a credential, each with an id of its own.
//!
//! The id is ours and comes in a cookie that we sign, so that one visitor can't be another.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderValue, request::Parts};

use super::{
    Identity, KeyDigest, Rejection, UserGlob, UserId, cookies,
    verify::{Assertion, Basis, VisitorBasis},
};
use crate::{clock::Timestamp, secret::Secret};

/// Who comes without a credential, to a route that takes such callers.
#[derive(Clone, Debug)]
pub struct Visitors {
    key: hmac::Key,
    /// Of the secret: who was known by another is known no more.
    digest: KeyDigest,
    lifetime: Duration,
    claimable: Vec<UserGlob>,
}

/// A visitor, and whether it has been here before.
#[derive(Debug)]
pub(super) struct Visitor {
    pub(super) identity: Identity,
    pub(super) newcomer: Option<NewVisitor>,
}

/// A visitor who was given an id just now.
#[derive(Debug, Clone)]
pub struct NewVisitor {
    cookie: Option<HeaderValue>,
}

impl NewVisitor {
    /// `Set-Cookie`, for one who is to be known again.
    #[must_use]
    pub fn cookie(&self) -> Option<&HeaderValue> {
        self.cookie.as_ref()
    }
}

impl Visitors {
    /// The name of the cookie. Its prefix has browsers take it from this very host alone, over TLS
    /// (RFC 6265bis §4.1.3).
    pub const COOKIE: &str = "__Host-doorward-visitor";

    /// Visitors whose cookies are signed with this secret and good for `lifetime`; whoever claims
    /// one of the `claimable` ids is believed.
    #[must_use]
    pub fn new(secret: &Secret, lifetime: Duration, claimable: Vec<UserGlob>) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, secret.expose()),
            digest: KeyDigest::of(secret.expose()),
            lifetime,
            claimable,
        }
    }

    /// The visitor that this request is of, or a new one. One whom a foreign page sends is new, and
    /// is not to be remembered in place of the one that our own pages know.
    pub(super) fn receive(
        &self,
        head: &Parts,
        claimed: Assertion,
        page: Page,
        now: Timestamp,
    ) -> Visitor {
        if let Assertion::User(user) = claimed
            && self.is_claimable(&user)
        {
            return Visitor {
                identity: Identity::visitor(user, VisitorBasis::Claimed, None),
                newcomer: None,
            };
        }
        let mut cookies = cookies::values(&head.headers, Self::COOKIE).flatten();
        let known = cookies.find_map(|value| self.read(value, now));
        if let (Some((user, expires)), Page::Ours) = (known, page) {
            return Visitor {
                identity: self.given(user, expires),
                newcomer: None,
            };
        }
        let (user, expires) = (UserId::visitor(), now.after(self.lifetime));
        let cookie = match page {
            Page::Ours => self.cookie(&user, expires),
            Page::Foreign => None,
        };
        Visitor {
            identity: self.given(user, expires),
            newcomer: Some(NewVisitor { cookie }),
        }
    }

    /// The same visitor by what holds now.
    ///
    /// # Errors
    /// When its cookie would not be taken any more, or its claim not be believed.
    pub(super) fn renew(&self, earlier: &Identity, now: Timestamp) -> Result<Identity, Rejection> {
        let holds = match earlier.basis() {
            Basis::Visitor(VisitorBasis::Given(digest)) => *digest == self.digest,
            Basis::Visitor(VisitorBasis::Claimed) => self.is_claimable(earlier.user()),
            Basis::Key(_) | Basis::Token(_) | Basis::Own(_) => false,
        };
        match earlier.expires() {
            _ if !holds => Err(Rejection::User),
            Some(expires) if now >= expires => Err(Rejection::Expired),
            _ => Ok(earlier.clone()),
        }
    }

    fn is_claimable(&self, user: &UserId) -> bool {
        self.claimable.iter().any(|glob| glob.matches(user))
    }

    fn given(&self, user: UserId, expires: Timestamp) -> Identity {
        Identity::visitor(user, VisitorBasis::Given(self.digest), Some(expires))
    }

    /// `ID.EXPIRES.MAC`.
    fn read(&self, value: &str, now: Timestamp) -> Option<(UserId, Timestamp)> {
        let (said, mac) = value.rsplit_once('.')?;
        let mac = URL_SAFE_NO_PAD.decode(mac).ok()?;
        hmac::verify(&self.key, message(said).as_bytes(), &mac).ok()?;
        let (user, expires) = said.rsplit_once('.')?;
        let expires = Timestamp::from_secs(expires.parse().ok()?);
        let user = UserId::parse(user).ok().filter(UserId::is_visitor)?;
        (now < expires).then_some((user, expires))
    }

    fn cookie(&self, user: &UserId, expires: Timestamp) -> Option<HeaderValue> {
        let said = format!("{user}.{}", expires.as_secs());
        let mac = hmac::sign(&self.key, message(&said).as_bytes());
        let mac = URL_SAFE_NO_PAD.encode(mac);
        let line = format!(
            "{name}={said}.{mac}; Path=/; Max-Age={age}; Secure; HttpOnly; SameSite=Lax",
            name = Self::COOKIE,
            age = self.lifetime.as_secs(),
        );
        let mut value = HeaderValue::from_str(&line).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// Who made the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Page {
    /// A page of ours, or no page.
    Ours,
    /// A page that may be anybody's.
    Foreign,
}

/// What is signed: nothing that is signed for another purpose reads so.
fn message(said: &str) -> String {
    format!("doorward visitor {said}")
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    const NOON: Timestamp = Timestamp::from_secs(1_800_000_000);
    const DAY: Duration = Duration::from_hours(24);

    fn visitors(secret: &str) -> Visitors {
        let glob = UserGlob::parse("guest-*").unwrap();
        Visitors::new(&Secret::new(secret), DAY, vec![glob])
    }

    fn receive(cookie: &str, page: Page, now: Timestamp) -> Visitor {
        let mut request = Request::builder();
        if !cookie.is_empty() {
            request = request.header("cookie", cookie);
        }
        let head = request.body(()).unwrap().into_parts().0;
        visitors("one").receive(&head, Assertion::Absent, page, now)
    }

    fn cookie_of(visitor: &Visitor) -> Option<HeaderValue> {
        visitor.newcomer.as_ref()?.cookie().cloned()
    }

    fn pair(issued: &HeaderValue) -> String {
        let line = issued.to_str().unwrap();
        line.split(';').next().unwrap().to_owned()
    }

    #[test]
    fn a_visitor_is_known_again_by_its_cookie_until_it_ends() {
        let first = receive("", Page::Ours, NOON);
        let issued = cookie_of(&first).unwrap();
        assert!(issued.is_sensitive());
        let line = issued.to_str().unwrap();
        assert!(
            line.ends_with("; Path=/; Max-Age=86400; Secure; HttpOnly; SameSite=Lax"),
            "{line}"
        );
        let cookie = pair(&issued);
        let again = receive(
            &cookie,
            Page::Ours,
            NOON.after(DAY).before(Duration::from_secs(1)),
        );
        assert_eq!(again.identity.user(), first.identity.user());
        assert!(again.newcomer.is_none());
        let late = receive(&cookie, Page::Ours, NOON.after(DAY));
        assert_ne!(late.identity.user(), first.identity.user());
        assert!(cookie_of(&late).is_some());
    }

    #[test]
    fn no_visitor_makes_itself_another() {
        let cookie = pair(&cookie_of(&receive("", Page::Ours, NOON)).unwrap());
        let mine = receive(&cookie, Page::Ours, NOON).identity.user().clone();
        let other = cookie.replace("anon-0", "anon-1");
        let later = cookie.replace(".18000", ".19000");
        let name = Visitors::COOKIE;
        for forged in [
            other,
            later,
            format!("{name}=anon-1.1900000000."),
            format!("{name}=anon-1"),
            format!("{name}=admin.1900000000.AAAA"),
            format!("{cookie}A"),
            cookie.replace(name, "doorward-visitor"),
        ] {
            let visitor = receive(&forged, Page::Ours, NOON);
            assert_ne!(*visitor.identity.user(), mine, "{forged}");
            assert!(visitor.identity.user().is_visitor());
            assert!(cookie_of(&visitor).is_some());
        }
        // Another secret's cookie is none of ours.
        let request = Request::builder().header("cookie", &cookie);
        let head = request.body(()).unwrap().into_parts().0;
        let visitor = visitors("two").receive(&head, Assertion::Absent, Page::Ours, NOON);
        assert_ne!(*visitor.identity.user(), mine);
    }

    #[test]
    fn a_foreign_page_neither_uses_nor_replaces_a_visitors_id() {
        let cookie = pair(&cookie_of(&receive("", Page::Ours, NOON)).unwrap());
        let mine = receive(&cookie, Page::Ours, NOON).identity.user().clone();
        for cookie in [&*cookie, ""] {
            let visitor = receive(cookie, Page::Foreign, NOON);
            assert_ne!(*visitor.identity.user(), mine);
            assert!(visitor.newcomer.is_some() && cookie_of(&visitor).is_none());
        }
    }

    #[test]
    fn a_claim_is_believed_only_where_the_operator_says_so() {
        let head = Request::builder().body(()).unwrap().into_parts().0;
        let claim = |user: &str| {
            let claimed = Assertion::User(UserId::parse(user).unwrap());
            visitors("one").receive(&head, claimed, Page::Ours, NOON)
        };
        let guest = claim("guest-7");
        assert_eq!(guest.identity.user().as_str(), "guest-7");
        assert!(guest.newcomer.is_none());
        assert!(claim("alice").identity.user().is_visitor());
    }

    #[test]
    fn a_visitor_is_judged_again_by_what_holds_now() {
        let head = Request::builder().body(()).unwrap().into_parts().0;
        let one = visitors("one");
        let given = one.receive(&head, Assertion::Absent, Page::Ours, NOON);
        let guest = Assertion::User(UserId::parse("guest-7").unwrap());
        let claimed = one.receive(&head, guest, Page::Ours, NOON);
        for (visitor, other_secret, later) in [
            (&given, Some(Rejection::User), Some(Rejection::Expired)),
            (&claimed, None, None),
        ] {
            let (identity, much_later) = (&visitor.identity, NOON.after(DAY));
            assert!(one.renew(identity, NOON).is_ok());
            assert_eq!(one.renew(identity, much_later).err(), later);
            assert_eq!(visitors("two").renew(identity, NOON).err(), other_secret);
        }
        let unbelieving = Visitors::new(&Secret::new("one"), DAY, Vec::new());
        let renewed = unbelieving.renew(&claimed.identity, NOON);
        assert_eq!(renewed.err(), Some(Rejection::User));
        assert!(unbelieving.renew(&given.identity, NOON).is_ok());
    }
}
