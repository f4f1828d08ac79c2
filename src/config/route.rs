//! `[[route]]`: the operator's own rules, before the profile's.

use schemars::JsonSchema;
use serde::Deserialize;

/// One rule; the first that matches method and path decides.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Pattern over the decoded path: `*` one segment, `**` the rest and the bare prefix, `{id}` a
    /// segment that must equal the verified id, `{id}.*` one that is the verified id, a dot, and a
    /// name without dots.
    pub path: String,
    /// Methods it is for; default: all. `HEAD` goes with `GET`.
    #[serde(default)]
    pub methods: Vec<String>,
    /// The permission it takes, `RESOURCE:ACTION`; this or `access`.
    pub require: Option<String>,
    /// Who may pass; this or `require`.
    pub access: Option<Access>,
    /// The permission that lets a caller name other users where the path says `{id}`.
    pub others: Option<String>,
    /// Whether a credential counts that came in a cookie; default: as the profile says.
    pub cookie_credential: Option<CookieCredential>,
    /// Whether the cookies of the backend's own login are let through.
    #[serde(default)]
    pub login_cookies: LoginCookies,
    /// Whether `%2F` in a path of this shape is let through.
    #[serde(default)]
    pub encoded_slash: EncodedSlash,
}

/// Who may pass, where no permission is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Anyone; the backend is told no identity.
    Open,
    /// Anyone; who brings no credential gets an id that starts with `anon-`.
    Anonymous,
    /// Whoever has a valid credential.
    Authenticated,
    /// Nobody.
    Deny,
}

/// Whether a credential counts that came in a cookie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CookieCredential {
    /// It does, for requests of our own pages.
    #[default]
    Accept,
    /// It does not: the caller is one without it.
    Ignore,
}

/// What becomes of the cookies of the backend's own login.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LoginCookies {
    /// Taken out.
    #[default]
    Strip,
    /// Let through: these pages are the backend's to guard.
    Forward,
}

/// What becomes of `%2F` in a path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EncodedSlash {
    /// Answered 400.
    #[default]
    Deny,
    /// Let through as part of its segment.
    Allow,
}
