//! What the backend itself is shown: a credential of its own, or a token minted for each caller.

use std::sync::Arc;

use http::{HeaderValue, header};

use super::accounts;
use super::findings::{AT_PROFILE as AT, Findings};
use super::secrets::{self, Fetched, Weak};
use crate::auth::{
    BackendCookie, Carrier, Mint, MintSettings, MintedClaim, Permission, SignatureAlgorithm,
    UpstreamCredential,
};
use crate::config::{self, Config};
use crate::profile::{BackendToken, By, CarrierName, Profile};
use crate::secret::Secret;
use crate::snapshot::{Generation, Materials};

/// The credential for each transport, and the secret that tokens are minted with.
pub(super) struct Shown {
    pub(super) http: UpstreamCredential,
    pub(super) websocket: UpstreamCredential,
    /// The first one again, for pages that take it there.
    pub(super) cookie: Option<BackendCookie>,
    /// Every secret of the backend's, which no issuer may have.
    pub(super) secrets: Vec<Secret>,
}

/// What the configuration has of the backend's secrets, in the forms that the profile asks for.
pub(super) fn compile(
    profile: &Profile,
    config: &Config,
    materials: &Materials,
    generation: Generation,
    findings: &mut Findings,
) -> Shown {
    let backend = &config.backend;
    let mut fetch = |source, key: &str| {
        let at = || format!("backend.{key}");
        secrets::fetch(source, at, materials, findings)
    };
    let http = fetch(backend.http_credential(), "http_key");
    let websocket = fetch(backend.ws_credential(), "ws_key");
    let jwt = fetch(backend.jwt_secret(), "jwt_secret");
    let mint = mint(profile, config, jwt.as_ref(), generation, findings).map(Arc::new);
    let mut secrets: Vec<Secret> = [&http, &websocket]
        .into_iter()
        .flatten()
        .map(|fetched| fetched.secret.clone())
        .collect();
    // A token that names nobody is one and the same for all: a client may hold one.
    let names_users = mint.as_ref().is_some_and(|mint| mint.names_users());
    secrets.extend(jwt.filter(|_| names_users).map(|fetched| fetched.secret));
    let cookie = accounts::backend_cookie(config, profile).zip(http.as_ref());
    let cookie = cookie.and_then(|(name, http)| {
        let cookie = BackendCookie::new(name, &http.secret);
        findings.take(&http.at, cookie)
    });
    let carriers = &profile.backend_credential;
    let mut choose = |fetched: Option<Fetched>, carrier: &CarrierName| match (fetched, &mint) {
        (Some(fetched), Some(_)) => {
            let message = "beside jwt_secret: the backend is shown a minted token";
            findings.error(fetched.at, message);
            UpstreamCredential::None
        }
        (None, Some(mint)) => {
            if *carrier != CarrierName::default() {
                findings.error(
                    AT,
                    "a minted token is shown as `bearer`, and in no other way",
                );
            }
            UpstreamCredential::Minted(Arc::clone(mint))
        }
        (fetched, None) => static_credential(fetched, carrier, findings),
    };
    Shown {
        cookie,
        http: choose(http, &carriers.http),
        websocket: choose(websocket, &carriers.websocket),
        secrets,
    }
}

fn mint(
    profile: &Profile,
    config: &Config,
    secret: Option<&Fetched>,
    generation: Generation,
    findings: &mut Findings,
) -> Option<Mint> {
    let told = [profile.identity.http.by, profile.identity.websocket.by];
    let tells = told.contains(&Some(By::Token));
    match (&profile.backend_token, secret) {
        (_, None) if !tells => None,
        (Some(token), Some(fetched)) => {
            Weak::from_setting(config).judge(fetched, LEAST, findings);
            let settings = settings(token, generation, findings)?;
            if tells
                && !settings
                    .claims
                    .iter()
                    .any(|(_, claim)| claim.names_the_user())
            {
                findings.error(
                    AT,
                    "backend_token.claims name no user: `{user}` or `{uuid}`",
                );
            }
            Some(Mint::new(&fetched.secret, settings))
        }
        (None, Some(fetched)) => {
            let message = format!("profile {} mints no token", profile.name);
            findings.error(&*fetched.at, message);
            None
        }
        (None, None) => {
            findings.error(
                AT,
                "the identity is by token, and there is no backend_token",
            );
            None
        }
        (Some(_), None) => {
            let message = format!(
                "profile {} needs backend.jwt_secret: it tells the backend who is calling by tokens \
                 that are signed with it",
                profile.name
            );
            // Where it was named and could not be had, that has been said.
            if config.backend.jwt_secret() == Ok(None) {
                findings.error(AT, message);
            }
            None
        }
    }
}

/// The shortest secret for HS256, in bytes (RFC 7518 §3.2).
const LEAST: usize = 32;

/// One bit each.
const MOST_ROLES: usize = 64;

fn settings(
    token: &BackendToken,
    generation: Generation,
    findings: &mut Findings,
) -> Option<MintSettings> {
    let algorithm = match token.algorithm {
        config::Algorithm::HS256 => SignatureAlgorithm::HS256,
        config::Algorithm::HS384 => SignatureAlgorithm::HS384,
        config::Algorithm::HS512 => SignatureAlgorithm::HS512,
        _ => {
            findings.error(AT, "backend_token.algorithm is HS256, HS384 or HS512");
            return None;
        }
    };
    if token.roles.len() > MOST_ROLES {
        findings.error(AT, format!("backend_token.roles: at most {MOST_ROLES}"));
    }
    let role = |(word, permission): (&String, &String)| {
        let permission = findings.take(AT, Permission::parse(permission))?;
        Some((word.as_str().into(), permission))
    };
    let roles: Vec<_> = token.roles.iter().filter_map(role).collect();
    if token.lifetime.0.is_zero() {
        findings.error(AT, "backend_token.lifetime: no token is good for no time");
    }
    let claim = |(name, value): (&String, &String)| {
        let claim = findings.take(AT, claim(name, value))?;
        Some((name.as_str().into(), claim))
    };
    let claims: Vec<_> = token.claims.iter().filter_map(claim).collect();
    Some(MintSettings {
        algorithm,
        lifetime: token.lifetime.0,
        claims,
        roles,
        generation: generation.0,
    })
}

fn claim(name: &str, value: &str) -> Result<MintedClaim, String> {
    if name == "exp" {
        return Err("backend_token.claims: `exp` is what `lifetime` says".to_owned());
    }
    match value {
        "{user}" => Ok(MintedClaim::User),
        "{uuid}" => Ok(MintedClaim::Uuid),
        "{roles}" => Ok(MintedClaim::Roles),
        text if !text.contains(['{', '}']) => Ok(MintedClaim::Text(text.into())),
        text => Err(format!(
            "backend_token.claims: `{text}` is neither `{{user}}`, `{{uuid}}` or `{{roles}}` nor a \
             text without braces"
        )),
    }
}

/// The backend's own credential in the form that it reads.
fn static_credential(
    fetched: Option<Fetched>,
    shown: &CarrierName,
    findings: &mut Findings,
) -> UpstreamCredential {
    let Some(Fetched { secret, at, .. }) = fetched else {
        return UpstreamCredential::None;
    };
    if secrets::is_published(&secret) {
        let message = "the backend accepts a published default: anyone who reaches it is let in";
        findings.warning(&*at, message);
    }
    let name = match &shown.0 {
        Carrier::Query(name) => {
            let value = encoded(secret.expose());
            return UpstreamCredential::Query(format!("{name}={value}").into());
        }
        Carrier::Header(name) => name.clone(),
        Carrier::Subprotocol | Carrier::Cookie(_) => {
            findings.error(
                AT,
                "a backend's own credential is shown in a header or in the query",
            );
            return UpstreamCredential::None;
        }
        Carrier::Bearer | Carrier::BareAuthorization | Carrier::ApiKeyScheme => {
            header::AUTHORIZATION
        }
    };
    let scheme: &[u8] = match shown.0 {
        Carrier::Bearer => b"Bearer ",
        Carrier::ApiKeyScheme => b"Api-Key ",
        _ => b"",
    };
    if let Ok(mut value) = HeaderValue::from_bytes(&[scheme, secret.expose()].concat()) {
        value.set_sensitive(true);
        UpstreamCredential::Header(name, value)
    } else {
        findings.error(
            at,
            "this secret can't be sent in a header: it holds a control character",
        );
        UpstreamCredential::None
    }
}

/// Percent-encoded for a query: unreserved characters as they are (RFC 3986 §2.3).
fn encoded(bytes: &[u8]) -> String {
    let one = |byte: &u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(*byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    };
    bytes.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_in_a_query_is_encoded() {
        assert_eq!(encoded(b"a-Z_9.~"), "a-Z_9.~");
        assert_eq!(encoded(b"a b&c=d%\xff"), "a%20b%26c%3Dd%25%FF");
    }
}
