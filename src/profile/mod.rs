//! [`Profile`]: everything about a kind of backend, as data.
//!
//! Where credentials may come from, where the identity goes, which route needs what, how a refusal
//! looks, and how the backend's own credential is shown. A profile is a TOML file; ours are
//! embedded, an operator's are read from a path. Nothing about a backend is written in code.

mod cookie_name;
mod embedded;
mod probe;

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::str::FromStr;

use http::HeaderName;
use serde::{Deserialize, Deserializer};

use crate::auth::Carrier;
use crate::config::{
    Algorithm, CookieCredential, FromText, OrOff, OverLimit, Period, Report, Route,
};

pub use cookie_name::{CookieName, InvalidCookieName};
pub use probe::{
    Headers, InvalidHeader, InvalidStatuses, InvalidTarget, Probe, Statuses, Target, Text,
};

/// One kind of backend.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// Its name in logs.
    pub name: String,
    /// The id of a caller whose acting key names nobody; without it such a request is a 400.
    pub default_user: Option<String>,
    /// What a key has that names no permissions.
    pub permissions: Vec<String>,
    /// Headers that a client may not set, besides the identity and credential headers.
    pub strip_headers: Vec<String>,
    /// Cookies of the backend's own login, forwarded only by routes that say so.
    pub strip_cookies: Vec<String>,
    /// Whether a credential counts that came in a cookie, on routes that don't say.
    pub cookie_credential: CookieCredential,
    /// Where credentials may come from.
    pub credentials: Credentials,
    /// Where the backend reads who is calling.
    pub identity: Identity,
    /// How the backend is shown a credential of its own.
    pub backend_credential: BackendCredential,
    /// The token that is minted for it, if it takes one.
    pub backend_token: Option<BackendToken>,
    /// How a refusal looks.
    pub denial: Denials,
    /// A path whose GET changes nothing, by which `doorward doctor` sees that the backend answers;
    /// default: `/`.
    pub liveness: Text<Target>,
    /// How many sockets of a user the backend gets on with.
    pub websocket: WebSocket,
    /// The rules, after the operator's own; what none names is denied.
    pub route: Vec<Route>,
    /// How users of ours log in before it.
    pub accounts: Accounts,
    /// What such a backend lets in when nobody has set it up.
    pub probe: Vec<Probe>,
}

/// How users of ours log in before such a backend.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Accounts {
    /// What the paths of logins and users begin with.
    pub prefix: String,
    /// A cookie that its pages read themselves: it shows them name and permissions, and
    /// authenticates nothing.
    pub display_cookie: Option<CookieName>,
    /// A cookie in which it takes its own key (`backend.http_key`), and nothing else, on pages of
    /// routes with `login_cookies = "forward"`. Whoever is known here is let in there with it, and
    /// no login of a client's.
    pub backend_cookie: Option<CookieName>,
    /// Where a browser goes that has logged in.
    pub home: String,
}

impl Default for Accounts {
    fn default() -> Self {
        Self {
            prefix: "/_doorward".to_owned(),
            display_cookie: None,
            backend_cookie: None,
            home: "/".to_owned(),
        }
    }
}

/// What holds for WebSockets when the configuration does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebSocket {
    /// Open sockets a user may have; default: `"off"`.
    pub max_per_user: Option<OrOff<u32>>,
    /// What happens when a user at the limit opens one more; default: `"refuse"`.
    pub over_limit: Option<OverLimit>,
}

/// Carriers for each transport.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Credentials {
    /// Of plain requests.
    pub http: Vec<CarrierName>,
    /// Of WebSocket handshakes.
    pub websocket: Vec<CarrierName>,
}

/// Places of the identity for each transport.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Identity {
    /// Of plain requests.
    pub http: Place,
    /// Of WebSocket handshakes.
    pub websocket: Place,
}

/// One place of the identity: headers, a segment of the path, or what `by` says; exactly one of
/// them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Place {
    /// Each of these headers is set.
    pub headers: Vec<String>,
    /// A path that ends in `/{id}`; the path before it gets the id appended.
    pub path: Option<String>,
    /// No place of its own.
    pub by: Option<By>,
}

/// How a backend without a place for the identity is kept to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// The minted token names the user.
    Token,
    /// It is not told: rules with `{id}` keep callers to what is theirs.
    Rules,
}

/// A token that is minted for the backend with its own secret (`backend.jwt_secret`), and shown as
/// `Authorization: Bearer`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackendToken {
    /// `HS256`, `HS384` or `HS512`.
    pub algorithm: Algorithm,
    /// How long it is good for; `exp` says it.
    pub lifetime: Period,
    /// Its other claims: `{user}`, `{uuid}` (of the user id), `{roles}` (an array), or a fixed text.
    #[serde(default)]
    pub claims: BTreeMap<String, String>,
    /// The backend's words for what a user may do, and the permission that stands for each.
    #[serde(default)]
    pub roles: BTreeMap<String, String>,
}

/// How the backend is shown a credential of its own.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BackendCredential {
    /// On plain requests; default: `bearer`.
    pub http: CarrierName,
    /// On WebSocket handshakes; default: `bearer`.
    pub websocket: CarrierName,
}

/// How refusals look.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Denials {
    /// No credential, or a bad one, on a plain request.
    pub unauthenticated: Refusal,
    /// The same on a WebSocket handshake.
    pub unauthenticated_handshake: Refusal,
    /// A good credential without the permission, on a plain request.
    pub forbidden: Refusal,
    /// The same on a WebSocket handshake.
    pub forbidden_handshake: Refusal,
    /// The body of every other answer of ours.
    pub form: Form,
}

/// One refusal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// A status from 400 to 499.
    pub status: u16,
    /// `Content-Type`; none without a body.
    pub content_type: Option<String>,
    /// `WWW-Authenticate` (RFC 9110 §11.6.1).
    pub challenge: Option<String>,
    /// The body.
    #[serde(default)]
    pub body: String,
}

/// How the body of an answer is made of an error's short name and its sentence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// `{"error":"…","message":"…"}`.
    #[default]
    Json,
    /// `{"detail":{"error":"…"}}`.
    Detail,
    /// The sentence alone.
    Text,
}

impl Profile {
    /// Reads a profile; `name` is its file's, for errors.
    ///
    /// # Errors
    /// Everything that is wrong in how it is written. Whether its rules and names make sense is
    /// seen when a configuration is compiled with it.
    pub fn parse(name: &str, text: &str) -> Result<Self, ProfileError> {
        crate::config::read_toml(name, text).map_err(ProfileError)
    }
}

/// A profile that can't be read.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", .0.lines().collect::<Vec<_>>().join("; "))]
pub struct ProfileError(pub Report);

/// A carrier as a profile writes it: `bearer`, `bare`, `api-key`, `header:NAME`, `query:NAME`,
/// `cookie:NAME`, `subprotocol`.
#[derive(Clone, Debug, PartialEq)]
pub struct CarrierName(pub Carrier);

impl Default for CarrierName {
    fn default() -> Self {
        Self(Carrier::Bearer)
    }
}

/// Not a carrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a carrier: bearer, bare, api-key, header:NAME, query:NAME, cookie:NAME or subprotocol"
)]
pub struct InvalidCarrier;

impl FromStr for CarrierName {
    type Err = InvalidCarrier;

    fn from_str(text: &str) -> Result<Self, InvalidCarrier> {
        let carrier = match text.split_once(':') {
            Some(("header", name)) => {
                let name: Result<HeaderName, _> = name.parse();
                Carrier::Header(name.map_err(|_| InvalidCarrier)?)
            }
            Some(("query", name)) if !name.is_empty() => Carrier::Query(name.into()),
            Some(("cookie", name)) => {
                let name: CookieName = name.parse().map_err(|_| InvalidCarrier)?;
                Carrier::Cookie(name.as_str().into())
            }
            Some(_) => return Err(InvalidCarrier),
            None => match text {
                "bearer" => Carrier::Bearer,
                "bare" => Carrier::BareAuthorization,
                "api-key" => Carrier::ApiKeyScheme,
                "subprotocol" => Carrier::Subprotocol,
                _ => return Err(InvalidCarrier),
            },
        };
        Ok(Self(carrier))
    }
}

impl<'de> Deserialize<'de> for CarrierName {
    fn deserialize<D: Deserializer<'de>>(text: D) -> Result<Self, D::Error> {
        text.deserialize_str(FromText(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_with_faults_names_all_of_them() {
        let text = "name = 'mine'\nbase = []\n[credentials]\nhttp = ['cookie']\n";
        let error = Profile::parse("mine.toml", text).unwrap_err().to_string();
        assert!(
            error.contains("mine.toml:2:1: unknown key `base`"),
            "{error}"
        );
        assert!(error.contains("mine.toml:4:9: not a carrier"), "{error}");
    }

    #[test]
    fn carriers_are_read_by_name() {
        let read = |text: &str| text.parse::<CarrierName>().map(|carrier| carrier.0);
        assert_eq!(
            read("header:X-API-Key"),
            Ok(Carrier::Header("x-api-key".parse().unwrap()))
        );
        assert_eq!(read("query:token"), Ok(Carrier::Query("token".into())));
        assert_eq!(read("cookie:jwt"), Ok(Carrier::Cookie("jwt".into())));
        for bad in [
            "",
            "header:",
            "header:a b",
            "query:",
            "cookie:",
            "cookie:a=b",
            "Bearer",
        ] {
            assert_eq!(read(bad), Err(InvalidCarrier), "{bad}");
        }
    }
}
