//! Tokens: what we take, the library takes too.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{DecodingKey, EncodingKey, Validation};

use crate::auth::{
    Algorithm, Audience, Identity, IssuerSettings, JwtVerifier, KeySet, Reserved, UserTemplate,
};
use crate::clock::Timestamp;
use crate::secret::Secret;

const SECRET: &[u8] = b"a secret of fuzzers, 32 bytes and more";
const LEEWAY: Duration = Duration::from_secs(30);

/// The bytes are a token; or, with a line feed between them, its header and its claims, which are
/// then signed with the right secret. An accepted token has the algorithm, the times and the
/// subject that the library reads in it, and nothing that must be understood.
pub fn token(bytes: &[u8]) {
    let raw = str::from_utf8(bytes).ok().map(str::to_owned);
    let parts = bytes.iter().position(|byte| *byte == b'\n');
    let parts = parts.and_then(|at| Some((bytes.get(..at)?, bytes.get(at + 1..)?)));
    let signed = parts.map(|(header, claims)| sign(header, claims));
    for token in raw.into_iter().chain(signed) {
        let now = Timestamp::now();
        if let Ok(identity) = verifier().inspect(&token, now) {
            holds(&token, &identity, now);
        }
    }
}

fn verifier() -> &'static JwtVerifier {
    static VERIFIER: LazyLock<JwtVerifier> = LazyLock::new(|| {
        let settings = IssuerSettings {
            name: "local".into(),
            algorithms: vec![Algorithm::HS256],
            issuer: None,
            audience: Audience::OneOf(vec!["chat".into()]),
            user: UserTemplate::parse("{sub}").unwrap(),
            require: vec!["exp".into()],
            leeway: LEEWAY,
            permissions_claim: Some("permissions".into()),
            default_permissions: Vec::new(),
            roles: HashMap::new(),
            revoked: Vec::new(),
            reserved: Reserved::default(),
        };
        let keys = KeySet::from_secret(&Secret::new(SECRET)).unwrap();
        JwtVerifier::new(settings, Arc::new(keys))
    });
    &VERIFIER
}

fn sign(header: &[u8], claims: &[u8]) -> String {
    let message = [header, claims]
        .map(|part| URL_SAFE_NO_PAD.encode(part))
        .join(".");
    let key = EncodingKey::from_secret(SECRET);
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

fn starts_before_the_epoch(token: &str) -> bool {
    let claims = token.split('.').nth(1).unwrap();
    let claims: serde_json::Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    let starts = claims.get("nbf").and_then(serde_json::Value::as_f64);
    starts.is_some_and(|starts| starts < 0.0)
}

fn holds(token: &str, identity: &Identity, now: Timestamp) {
    let mut wanted = Validation::new(Algorithm::HS256);
    wanted.set_required_spec_claims(&["exp"]);
    wanted.leeway = LEEWAY.as_secs() + 1;
    // The library takes no time before the epoch, which is past all the same.
    wanted.validate_nbf = !starts_before_the_epoch(token);
    wanted.set_audience(&["chat"]);
    let key = DecodingKey::from_secret(SECRET);
    let read = jsonwebtoken::decode::<serde_json::Value>(token, &key, &wanted);
    let claims = read
        .unwrap_or_else(|error| panic!("{error}: {token}"))
        .claims;
    assert_eq!(
        claims.get("sub").and_then(|sub| sub.as_str()),
        Some(identity.user().as_str())
    );
    let expires = claims
        .get("exp")
        .and_then(serde_json::Value::as_f64)
        .unwrap();
    #[expect(clippy::cast_precision_loss, reason = "to a second is enough")]
    let seconds = now.as_millis() as f64 / 1000.0;
    assert!(expires + 31.0 > seconds);
    let header = token.split('.').next().unwrap();
    let header: serde_json::Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    assert!(
        header.get("crit").is_none() && header.get("b64").is_none(),
        "{header}"
    );
}
