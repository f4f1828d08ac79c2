//! What the profile decides: carriers, where the identity goes, and how refusals look.

use std::sync::Arc;

use http::{HeaderName, HeaderValue, StatusCode, header};

use super::accounts;
use super::findings::{AT_PROFILE as AT, Findings};
use super::secrets::NOT_LOADED;
use super::shown::Shown;
use crate::auth::{Accounts, Carrier, Pattern, Placement, Protected, Rewrite, UserId, Visitors};
use crate::config::{Config, ProfileName};
use crate::profile::{self, By, CarrierName, Place, Profile, Refusal};
use crate::snapshot::{Answer, Form, Materials, Replies};

/// Headers that frame a message, name its host, or carry what is ours to say (RFC 9110 §6.4, §7.2).
const TAKEN: [HeaderName; 10] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::TE,
    header::TRAILER,
    header::CONNECTION,
    header::UPGRADE,
    header::EXPECT,
    header::COOKIE,
    header::AUTHORIZATION,
];

/// The profile that the configuration names.
pub(super) fn chosen(
    config: &Config,
    materials: &Materials,
    findings: &mut Findings,
) -> Option<Arc<Profile>> {
    match &config.backend.profile {
        ProfileName::Embedded(name) => findings.take(AT, Profile::embedded(name)?),
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

/// Where credentials may come from; not the cookie that shows who has logged in.
pub(super) fn carriers(
    names: &[CarrierName],
    displayed: Option<&str>,
    findings: &mut Findings,
) -> Vec<Carrier> {
    for carrier in names {
        if let Carrier::Header(name) = &carrier.0
            && TAKEN.contains(name)
        {
            findings.error(AT, format!("credentials: {name} says something else"));
        }
    }
    let is_shown = |carrier: &Carrier| match carrier {
        Carrier::Cookie(name) => displayed == Some(&**name),
        _ => false,
    };
    let carriers = names.iter().map(|name| name.0.clone());
    carriers.filter(|carrier| !is_shown(carrier)).collect()
}

/// What is stripped and what is set.
pub(super) fn rewrite(
    config: &Config,
    profile: &Profile,
    shown: Shown,
    findings: &mut Findings,
) -> Option<Rewrite> {
    let http = placement(&profile.identity.http, "identity.http", findings);
    let websocket = placement(&profile.identity.websocket, "identity.websocket", findings);
    let (cookies, login_cookies) = stripped_cookies(config, profile);
    Some(Rewrite {
        protected: Protected::new(protected_names(profile).iter().map(String::as_str)),
        cookies,
        login_cookies,
        backend_cookie: shown.cookie,
        credential_parameter: credential_parameter(profile),
        http: http?,
        websocket: websocket?,
        http_credential: shown.http,
        websocket_credential: shown.websocket,
    })
}

/// Cookies that are never forwarded, and those that a rule may forward besides.
fn stripped_cookies(config: &Config, profile: &Profile) -> (Vec<Box<str>>, Vec<Box<str>>) {
    let carriers = credential_cookies(profile);
    let is_theirs = |name: &str| profile.strip_cookies.iter().any(|theirs| theirs == name);
    let ours = carriers.into_iter().filter(|name| !is_theirs(name));
    let ours = ours.chain([Visitors::COOKIE.into(), Accounts::COOKIE.into()]);
    let backends = accounts::backend_cookie(config, profile);
    let set_by_us = [accounts::displayed(config, profile), backends];
    let ours = ours.chain(set_by_us.into_iter().flatten().map(Into::into));
    let ours: Vec<Box<str>> = ours.collect();
    let theirs = profile.strip_cookies.iter();
    let theirs = theirs.map(|name| name.as_str().into());
    let all: Vec<Box<str>> = ours.iter().cloned().chain(theirs).collect();
    // Who logs in here has no login there that would be forwarded.
    let never = if backends.is_some() {
        all.clone()
    } else {
        ours
    };
    (never, all)
}

fn credential_cookies(profile: &Profile) -> Vec<Box<str>> {
    let carriers = &profile.credentials;
    let carriers = carriers.http.iter().chain(&carriers.websocket);
    let cookies = carriers.filter_map(|carrier| match &carrier.0 {
        Carrier::Cookie(name) => Some(name.clone()),
        _ => None,
    });
    cookies.collect()
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
    match (place.headers.as_slice(), &place.path, place.by) {
        ([_, ..], None, None) => {
            let names = place.headers.iter().map(|name| name.parse::<HeaderName>());
            let names: Vec<HeaderName> = findings.take(AT, names.collect::<Result<_, _>>())?;
            if let Some(taken) = names.iter().find(|name| TAKEN.contains(name)) {
                findings.error(AT, format!("{name}.headers: {taken} says something else"));
            }
            Some(Placement::Headers(names))
        }
        ([], Some(path), None) => match path.strip_suffix("/{id}") {
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
        ([], None, Some(By::Token)) => Some(Placement::Token),
        ([], None, Some(By::Rules)) => Some(Placement::Rules),
        _ => {
            findings.error(
                AT,
                format!("{name} says `headers`, `path` or `by`, and one of them"),
            );
            None
        }
    }
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
