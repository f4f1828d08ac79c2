//! [`Rewrite`]: the compiled plan that makes a permitted request head fit for the backend.
//!
//! Strip, then set. Everything is stripped on every route, open ones too; then exactly one
//! identity is written, where the profile puts it.

use std::sync::Arc;

use http::{HeaderName, HeaderValue, Uri, header, request::Parts, uri::PathAndQuery};

use super::{
    BackendCookie, Denial, LoginCookies, Mint, Transport, cookies, extract, path::RequestPath,
    policy::Pattern, protected::Protected, query, subject::UserId, verify::Assertion,
};

/// What is taken from and written into a request head.
#[derive(Clone, Debug)]
pub struct Rewrite {
    /// Headers that the client may not set.
    pub protected: Protected,
    /// Cookies that carry a credential of ours, never forwarded.
    pub cookies: Vec<Box<str>>,
    /// Cookies of the backend's own login, and those of ours: forwarded by no rule that doesn't say
    /// so.
    pub login_cookies: Vec<Box<str>>,
    /// What stands for a login at the backend, where clients have none: set for whoever is known,
    /// by the rules that would forward theirs.
    pub backend_cookie: Option<BackendCookie>,
    /// The decoded name of the query parameter that carries a credential, if the profile has one.
    pub credential_parameter: Option<Box<str>>,
    /// Where the identity goes on ordinary requests.
    pub http: Placement,
    /// Where it goes on a WebSocket handshake.
    pub websocket: Placement,
    /// What the backend itself must be shown on ordinary requests.
    pub http_credential: UpstreamCredential,
    /// And on a WebSocket handshake.
    pub websocket_credential: UpstreamCredential,
}

/// Where the backend reads who is calling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placement {
    /// In each of these headers.
    Headers(Vec<HeaderName>),
    /// In the segment that `{id}` stands for; a request to `bare` is sent to that path as well.
    Path {
        /// The full path, with one `{id}`: `/ws/{id}`.
        pattern: Pattern,
        /// The same path without the id: `/ws`.
        bare: Pattern,
    },
    /// In the token that is minted for the backend.
    Token,
    /// Nowhere: rules hold a caller to paths of its own.
    Rules,
}

/// What is written of a caller.
#[derive(Debug, Default)]
pub(super) struct Caller<'c> {
    /// None on open rules.
    pub(super) user: Option<&'c UserId>,
    /// `Authorization`, where it is minted for each caller.
    pub(super) token: Option<HeaderValue>,
    pub(super) login_cookies: LoginCookies,
}

/// A credential of the backend's own.
#[derive(Clone)]
pub enum UpstreamCredential {
    /// It has none.
    None,
    /// A header: `Authorization: Bearer K`.
    Header(HeaderName, HeaderValue),
    /// A query parameter, already encoded: `token=K`.
    Query(Box<str>),
    /// `Authorization: Bearer` and a token, minted for each caller.
    Minted(Arc<Mint>),
}

impl std::fmt::Debug for UpstreamCredential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Header(..) => "Header(…)",
            Self::Query(_) => "Query(…)",
            Self::Minted(_) => "Minted(…)",
        })
    }
}

impl Rewrite {
    fn placement(&self, transport: Transport) -> &Placement {
        match transport {
            Transport::Http => &self.http,
            Transport::WebSocket => &self.websocket,
        }
    }

    /// What the client says of itself, read where the backend would read it; where that is no place
    /// of the client's, in the header `user_id`.
    pub(super) fn assertion(
        &self,
        head: &Parts,
        path: &RequestPath<'_>,
        transport: Transport,
    ) -> Assertion {
        let named = match self.placement(transport) {
            Placement::Path { pattern, .. } if pattern.matches(path) => pattern
                .id_segment()
                .and_then(|at| path.segments().nth(at))
                .map(str::to_owned),
            Placement::Path { .. } => return Assertion::Absent,
            Placement::Headers(names) => match one_line(head, names) {
                None => return Assertion::Absent,
                Some(line) => line.ok(),
            },
            Placement::Token | Placement::Rules => match one_line(head, &[ASSERTED]) {
                None => return Assertion::Absent,
                Some(line) => line.ok(),
            },
        };
        match named.map(|named| UserId::parse(&named)) {
            Some(Ok(user)) => Assertion::User(user),
            _ => Assertion::Malformed,
        }
    }

    /// Strips the head and writes the identity.
    ///
    /// # Errors
    /// `Forbidden` when the path has no place for the identity, so that no request ever passes
    /// without it.
    pub(super) fn apply(
        &self,
        caller: &Caller<'_>,
        transport: Transport,
        head: &mut Parts,
    ) -> Result<(), Denial> {
        let user = caller.user;
        if user.is_some()
            && *self.placement(transport) == Placement::Token
            && caller.token.is_none()
        {
            return Err(Denial::NoPlaceForIdentity);
        }
        let target = self.target(user, transport, &head.uri)?;
        let subprotocols = match transport {
            Transport::WebSocket => extract::subprotocols_left(head),
            Transport::Http => None,
        };
        self.protected.strip(&mut head.headers);
        let cookies = match caller.login_cookies {
            LoginCookies::Strip => &self.login_cookies,
            LoginCookies::Forward => &self.cookies,
        };
        cookies::strip(&mut head.headers, cookies);
        if let (Some(cookie), Some(_), LoginCookies::Forward, Transport::Http) =
            (&self.backend_cookie, user, caller.login_cookies, transport)
        {
            cookie.add(&mut head.headers);
        }
        if let Some(subprotocols) = subprotocols {
            head.headers
                .insert(header::SEC_WEBSOCKET_PROTOCOL, subprotocols);
        }
        if let (Placement::Headers(names), Some(user)) = (self.placement(transport), user) {
            let value = HeaderValue::from_str(user.as_str()).map_err(|_| Denial::Forbidden)?;
            if let Some((last, others)) = names.split_last() {
                for name in others {
                    head.headers.insert(name.clone(), value.clone());
                }
                head.headers.insert(last.clone(), value);
            }
        }
        match (self.credential(transport), &caller.token) {
            (UpstreamCredential::Header(name, value), _) => {
                head.headers.insert(name.clone(), value.clone());
            }
            (UpstreamCredential::Minted(_), Some(token)) => {
                head.headers.insert(header::AUTHORIZATION, token.clone());
            }
            _ => {}
        }
        if let Some(target) = target {
            head.uri = target;
        }
        Ok(())
    }

    /// What mints the backend's tokens, where it takes any.
    pub(super) fn mint(&self, transport: Transport) -> Option<&Mint> {
        match self.credential(transport) {
            UpstreamCredential::Minted(mint) => Some(mint),
            _ => None,
        }
    }

    fn credential(&self, transport: Transport) -> &UpstreamCredential {
        match transport {
            Transport::Http => &self.http_credential,
            Transport::WebSocket => &self.websocket_credential,
        }
    }

    /// The target in origin form (RFC 9112 §3.2.1): the client's bytes, save the segments and
    /// parameters that are ours. `None` when the client's is just that.
    fn target(
        &self,
        user: Option<&UserId>,
        transport: Transport,
        uri: &Uri,
    ) -> Result<Option<Uri>, Denial> {
        let path = match (self.placement(transport), user) {
            (Placement::Path { pattern, bare }, Some(user)) => {
                Some(place(pattern, bare, user, uri.path())?)
            }
            _ => None,
        };
        let query = self.query(transport, uri.query());
        let path_and_query = match (path, query) {
            (None, Query::Unchanged) if is_origin_form(uri) => return Ok(None),
            (None, Query::Unchanged) => uri.path_and_query().cloned(),
            (path, query) => {
                let mut target = path.unwrap_or_else(|| uri.path().to_owned());
                if let Some(query) = query.text(uri) {
                    target.push('?');
                    target.push_str(query);
                }
                PathAndQuery::try_from(target).ok()
            }
        };
        let mut parts = http::uri::Parts::default();
        parts.path_and_query = path_and_query;
        Uri::from_parts(parts)
            .map(Some)
            .map_err(|_| Denial::Malformed("invalid target"))
    }

    fn query(&self, transport: Transport, query: Option<&str>) -> Query {
        let kept = match (&self.credential_parameter, query) {
            (Some(name), Some(query)) => query::cut(query, name),
            (None, query) => query.map(str::to_owned),
            (Some(_), None) => None,
        };
        match (self.credential(transport), kept) {
            (UpstreamCredential::Query(ours), Some(kept)) if !kept.is_empty() => {
                Query::Is(format!("{kept}&{ours}"))
            }
            (UpstreamCredential::Query(ours), _) => Query::Is(ours.to_string()),
            (_, kept) if kept.as_deref() == query => Query::Unchanged,
            (_, Some(kept)) => Query::Is(kept),
            (_, None) => Query::Absent,
        }
    }
}

/// Where a client names the user it acts for, if the backend has no place of its own for that.
const ASSERTED: HeaderName = HeaderName::from_static("user_id");

/// The text of the one line that one of these names has; `Err` for several lines, or no text.
fn one_line(head: &Parts, names: &[HeaderName]) -> Option<Result<String, ()>> {
    let mut lines = names.iter().flat_map(|name| head.headers.get_all(name));
    let text = |line: &HeaderValue| line.to_str().map(str::to_owned).map_err(drop);
    match (lines.next(), lines.next()) {
        (line, None) => line.map(text),
        (_, Some(_)) => Some(Err(())),
    }
}

fn is_origin_form(uri: &Uri) -> bool {
    uri.scheme().is_none() && uri.authority().is_none()
}

enum Query {
    Unchanged,
    Is(String),
    Absent,
}

impl Query {
    fn text<'q>(&'q self, uri: &'q Uri) -> Option<&'q str> {
        match self {
            Self::Unchanged => uri.query(),
            Self::Is(query) => Some(query),
            Self::Absent => None,
        }
    }
}

/// The raw path with the id in its place.
fn place(pattern: &Pattern, bare: &Pattern, user: &UserId, raw: &str) -> Result<String, Denial> {
    let path = RequestPath::parse(raw).map_err(|_| Denial::Malformed("invalid path"))?;
    // `|` is the one character of a user id that a path may not hold as it is (RFC 3986 §3.3).
    let id = user.as_str().replace('|', "%7C");
    let at = pattern.id_segment().ok_or(Denial::NoPlaceForIdentity)?;
    let trimmed = raw.strip_suffix('/').unwrap_or(raw);
    if bare.matches(&path) {
        return Ok(format!("{trimmed}/{id}"));
    }
    if !pattern.matches(&path) {
        return Err(Denial::NoPlaceForIdentity);
    }
    let mut segments: Vec<&str> = trimmed.split('/').collect();
    if let Some(segment) = segments.get_mut(at + 1) {
        *segment = &id;
    }
    Ok(segments.join("/"))
}

#[cfg(test)]
mod tests;
