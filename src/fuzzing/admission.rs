//! What holds of whatever the gate lets through.

use http::request::Parts;

use super::gates::{BACKEND_HTTP, BACKEND_WS, KEYS, Profile};
use crate::auth::{Admitted, Decision, Memo, Transport};
use crate::clock::Timestamp;

/// Has the gate decide, and looks at what it admits.
pub(super) fn decide(profile: Profile, head: &Parts) -> Option<Admitted> {
    let now = Timestamp::from_secs(1_800_000_000);
    let gate = &profile.snapshot().gate;
    match gate.admit(head.clone(), &mut Memo::new(4), now) {
        Decision::Admit(admitted) => {
            holds(profile, head, &admitted);
            Some(admitted)
        }
        Decision::Own(_) | Decision::Deny(_) => None,
    }
}

/// Exactly one identity, the verified one; no credential of the client's.
fn holds(profile: Profile, asked: &Parts, admitted: &Admitted) {
    let told = admitted.head();
    let (admission, headers) = (admitted.admission(), &told.headers);
    let user = admission
        .identity()
        .map(|identity| identity.user().as_str());
    let is_socket = admission.transport() == Transport::WebSocket;
    let in_path = is_socket && profile == Profile::CheshireCat1;

    for (name, value) in headers {
        let folded = fold(name.as_str());
        let ours = match folded.as_str() {
            "user-id" => !in_path && name == "user_id" && user.is_some_and(|user| value == user),
            "authorization" => {
                !in_path
                    && *value
                        == format!(
                            "Bearer {}",
                            if is_socket { BACKEND_WS } else { BACKEND_HTTP }
                        )
            }
            "sec-websocket-protocol" => {
                is_socket && !value.to_str().unwrap().split(',').any(carries)
            }
            other => !is_forbidden(other),
        };
        assert!(ours, "{name}: {value:?} reached the backend");
    }
    let identities = headers
        .keys()
        .filter(|name| fold(name.as_str()) == "user-id")
        .count();
    let lines = headers.get_all("user_id").iter().count();
    let wanted = usize::from(user.is_some() && !in_path);
    assert_eq!((identities, lines), (wanted, wanted), "{headers:?}");

    assert!(told.uri.scheme().is_none() && told.uri.authority().is_none());
    let path = told.uri.path();
    if let (true, Some(user)) = (in_path, user) {
        let user = user.replace('|', "%7C");
        assert_eq!(path.rsplit('/').next(), Some(&*user), "{path}");
        assert_eq!(path.split('/').count(), 3, "{path}");
    } else {
        assert_eq!(path, asked.uri.path());
    }
    let shown = in_path.then(|| format!("token={BACKEND_WS}"));
    query_holds(asked.uri.query(), told.uri.query(), shown.as_deref());
    nominations_hold(asked, told);
}

/// What is no credential keeps its bytes and its order; behind it stands what the backend is shown.
fn query_holds(asked: Option<&str>, told: Option<&str>, shown: Option<&str>) {
    let asked = asked.unwrap_or_default().split(['&', ';']);
    let mut wanted: Vec<&str> = asked.filter(|parameter| !is_token(parameter)).collect();
    if wanted == [""] {
        wanted.clear();
    }
    wanted.extend(shown);
    let told = told.filter(|told| !told.is_empty());
    let told: Vec<&str> = told.map_or_else(Vec::new, |told| told.split(['&', ';']).collect());
    assert_eq!(told, wanted);
}

/// Whether a parameter's decoded name is `token`. Told byte by byte from the end of the escapes.
fn is_token(parameter: &str) -> bool {
    let name = parameter.split('=').next().unwrap_or_default();
    let mut rest = name.to_owned();
    for (letter, upper, lower) in [
        ('t', "%74", "%74"),
        ('o', "%6F", "%6f"),
        ('k', "%6B", "%6b"),
        ('e', "%65", "%65"),
        ('n', "%6E", "%6e"),
    ] {
        let Some(after) = rest
            .strip_prefix(letter)
            .or_else(|| rest.strip_prefix(upper))
            .or_else(|| rest.strip_prefix(lower))
        else {
            return false;
        };
        rest = after.to_owned();
    }
    rest.is_empty()
}

/// What a `Connection` line names is gone, but for the handshake's own and what is ours.
fn nominations_hold(asked: &Parts, told: &Parts) {
    let lines = asked.headers.get_all("connection").iter();
    let options = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    for option in options {
        let option = String::from_utf8_lossy(option.trim_ascii()).to_ascii_lowercase();
        let is_ours = [
            "user_id",
            "authorization",
            "sec-websocket-key",
            "sec-websocket-version",
        ];
        let is_rewritten = ["sec-websocket-protocol", "cookie"].contains(&&*option)
            && !told.headers.contains_key(&*option);
        if !is_ours.contains(&&*option) && !is_rewritten {
            let mut names = told.headers.keys();
            assert!(!names.any(|name| *name == *option), "{option}");
        }
    }
}

/// Whether a subprotocol is a carrier of credentials.
fn carries(offer: &str) -> bool {
    let offer = offer.trim();
    offer.eq_ignore_ascii_case("bearer") || offer.starts_with("base64url.bearer.authorization.")
}

fn fold(name: &str) -> String {
    let is_other = |c: char| !c.is_ascii_alphanumeric();
    name.to_ascii_lowercase().replace(is_other, "-")
}

fn is_forbidden(folded: &str) -> bool {
    folded.starts_with("x-forwarded-")
        || [
            "access-token",
            "x-api-key",
            "proxy-authorization",
            "content-length",
            "transfer-encoding",
            "te",
            "trailer",
            "host",
            "connection",
            "keep-alive",
            "proxy-connection",
            "upgrade",
            "expect",
            "forwarded",
            "x-real-ip",
            "x-original-url",
            "x-rewrite-url",
            "x-http-method-override",
            "x-request-id",
            "remote-user",
        ]
        .contains(&folded)
}

/// Whom the credentials that stand anywhere in these bytes speak for.
pub(super) fn owners(bytes: &[u8]) -> Vec<&'static str> {
    let stands = |key: &str| {
        bytes
            .windows(key.len())
            .any(|window| window == key.as_bytes())
    };
    let known = KEYS.iter().filter(|(key, _)| stands(key));
    known.map(|(_, owner)| *owner).collect()
}
