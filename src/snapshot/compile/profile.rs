//! What the profile decides: carriers, where the identity goes, how the backend is shown its own
//! credential, and how refusals look.

use std::sync::Arc;

use http::{HeaderName, HeaderValue, StatusCode, header};

use super::findings::Findings;
use super::secrets::{self, Fetched, NOT_LOADED};
use crate::auth::{Carrier, Pattern, Placement, Protected, Rewrite, UpstreamCredential, UserId};
use crate::config::{Config, ProfileName};
use crate::profile::{self, CarrierName, Place, Profile, Refusal};
use crate::snapshot::{Answer, Form, Materials, Replies};

/// Where every fault of a profile is reported: the setting that chose it.
const AT: &str = "backend.profile";

/// The profile that the configuration names.
pub(super) fn chosen(
    config: &Config,
    materials: &Materials,
    findings: &mut Findings,
) -> Option<Arc<Profile>> {
    match &config.backend.profile {
        ProfileName::Generic => findings.take(AT, Profile::generic()),
        ProfileName::CheshireCat1 => findings.take(AT, Profile::cheshire_cat_1()),
        ProfileName::Path(path) => {
            let profile = materials.profile(path);
            if profile.is_none() {
                findings.error(AT, NOT_LOADED);
            }
            profile.cloned()
        }
    }
}

pub(super) fn default_user(profile: &Profile, findings: &mut Findings) -> Option<UserId> {
    let user = profile.default_user.as_deref()?;
    findings.take(AT, UserId::parse(user))
}

pub(super) fn carriers(names: &[CarrierName]) -> Vec<Carrier> {
    names.iter().map(|name| name.0.clone()).collect()
}

/// What is stripped and what is set.
pub(super) fn rewrite(
    profile: &Profile,
    config: &Config,
    materials: &Materials,
    findings: &mut Findings,
) -> Option<Rewrite> {
    let http = placement(&profile.identity.http, "identity.http", findings);
    let websocket = placement(&profile.identity.websocket, "identity.websocket", findings);
    let shown = &profile.backend_credential;
    let (on_http, on_ws) = (
        config.backend.http_credential(),
        config.backend.ws_credential(),
    );
    let at = |key: &str| format!("backend.{key}");
    let fetched = secrets::fetch(on_http, || at("http_key"), materials, findings);
    let http_credential = upstream(fetched, &shown.http, findings);
    let fetched = secrets::fetch(on_ws, || at("ws_key"), materials, findings);
    let websocket_credential = upstream(fetched, &shown.websocket, findings);
    Some(Rewrite {
        protected: Protected::new(protected_names(profile).iter().map(String::as_str)),
        cookies: profile
            .strip_cookies
            .iter()
            .map(|name| name.as_str().into())
            .collect(),
        credential_parameter: credential_parameter(profile),
        http: http?,
        websocket: websocket?,
        http_credential,
        websocket_credential,
    })
}

/// Every header that tells an identity or carries a credential, on either transport.
fn protected_names(profile: &Profile) -> Vec<String> {
    let places = [&profile.identity.http, &profile.identity.websocket];
    let identity = places.into_iter().flat_map(|place| &place.headers);
    let listed = identity.chain(&profile.strip_headers).cloned();
    let shown = [
        &profile.backend_credential.http,
        &profile.backend_credential.websocket,
    ];
    let carriers = profile
        .credentials
        .http
        .iter()
        .chain(&profile.credentials.websocket);
    let carriers = carriers
        .chain(shown)
        .filter_map(|carrier| match &carrier.0 {
            Carrier::Header(name) => Some(name.to_string()),
            _ => None,
        });
    listed.chain(carriers).collect()
}

/// The query parameter that carries a credential; ours towards the backend must be alone too.
fn credential_parameter(profile: &Profile) -> Option<Box<str>> {
    let shown = [
        &profile.backend_credential.http,
        &profile.backend_credential.websocket,
    ];
    let carriers = profile.credentials.websocket.iter().chain(shown);
    carriers.into_iter().find_map(|carrier| match &carrier.0 {
        Carrier::Query(name) => Some(name.clone()),
        _ => None,
    })
}

fn placement(place: &Place, name: &str, findings: &mut Findings) -> Option<Placement> {
    match (place.headers.as_slice(), &place.path) {
        ([_, ..], None) => {
            let names = place.headers.iter().map(|name| name.parse::<HeaderName>());
            let names = names.collect::<Result<_, _>>();
            findings.take(AT, names).map(Placement::Headers)
        }
        ([], Some(path)) => match path.strip_suffix("/{id}") {
            Some(bare) if !bare.is_empty() && !bare.contains(['*', '{']) => {
                let pattern = findings.take(AT, Pattern::parse(path))?;
                let bare = findings.take(AT, Pattern::parse(bare))?;
                Some(Placement::Path { pattern, bare })
            }
            _ => {
                findings.error(
                    AT,
                    format!("{name}.path is a fixed path that ends in /{{id}}"),
                );
                None
            }
        },
        _ => {
            findings.error(
                AT,
                format!("{name} says `headers` or `path`, and one of them"),
            );
            None
        }
    }
}

/// The backend's own credential in the form that it reads.
fn upstream(
    fetched: Option<Fetched>,
    shown: &CarrierName,
    findings: &mut Findings,
) -> UpstreamCredential {
    let Some(Fetched { secret, at }) = fetched else {
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
        Carrier::Subprotocol => {
            findings.error(
                AT,
                "a backend's own credential can't be shown as a subprotocol",
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

/// How refusals look.
pub(super) fn replies(profile: &Profile, findings: &mut Findings) -> Option<Replies> {
    let denial = &profile.denial;
    let unauthenticated = answer(&denial.unauthenticated, findings);
    let unauthenticated_handshake = answer(&denial.unauthenticated_handshake, findings);
    let forbidden = answer(&denial.forbidden, findings);
    let forbidden_handshake = answer(&denial.forbidden_handshake, findings);
    Some(Replies {
        unauthenticated: unauthenticated?,
        unauthenticated_handshake: unauthenticated_handshake?,
        forbidden: forbidden?,
        forbidden_handshake: forbidden_handshake?,
        form: match denial.form {
            profile::Form::Json => Form::Json,
            profile::Form::Detail => Form::Detail,
            profile::Form::Text => Form::Text,
        },
    })
}

fn answer(refusal: &Refusal, findings: &mut Findings) -> Option<Answer> {
    if !(400..500).contains(&refusal.status) {
        findings.error(
            AT,
            format!("a refusal has a status from 400 to 499: {}", refusal.status),
        );
        return None;
    }
    let status = findings.take(AT, StatusCode::from_u16(refusal.status))?;
    let lines = [
        (header::CONTENT_TYPE, &refusal.content_type),
        (header::WWW_AUTHENTICATE, &refusal.challenge),
    ];
    let mut headers = Vec::new();
    for (name, value) in lines {
        if let Some(value) = value {
            headers.push((name, findings.take(AT, HeaderValue::from_str(value))?));
        }
    }
    Some(Answer {
        status,
        headers,
        body: refusal.body.clone().into(),
    })
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
