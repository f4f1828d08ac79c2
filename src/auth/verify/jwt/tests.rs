use jsonwebtoken::EncodingKey;
use serde_json::json;

use super::*;
use crate::{auth::subject::UserGlob, secret::Secret};

mod claims;
mod signatures;

const NOW: Timestamp = Timestamp::from_secs(1_000_000);
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

fn settings(algorithms: &[Algorithm]) -> IssuerSettings {
    IssuerSettings {
        name: "local".into(),
        algorithms: algorithms.to_vec(),
        issuer: None,
        audience: Audience::Unnamed,
        user: UserTemplate::parse("{sub}").unwrap(),
        require: vec!["exp".into()],
        leeway: Duration::from_secs(30),
        permissions_claim: Some("permissions".into()),
        default_permissions: Vec::new(),
        roles: HashMap::new(),
        revoked: Vec::new(),
        reserved: Reserved::default(),
    }
}

fn secret() -> Arc<KeySet> {
    Arc::new(KeySet::from_secret(&Secret::new(SECRET)).unwrap())
}

fn sign(header: &Value, claims: &Value) -> String {
    sign_with(
        header,
        &claims.to_string(),
        &EncodingKey::from_secret(SECRET),
        Algorithm::HS256,
    )
}

fn sign_with(header: &Value, claims: &str, key: &EncodingKey, algorithm: Algorithm) -> String {
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let message = format!("{}.{}", encode(&header.to_string()), encode(claims));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).unwrap();
    format!("{message}.{signature}")
}

fn verify(settings: IssuerSettings, token: &str) -> Result<Identity, Rejection> {
    match JwtVerifier::new(settings, secret()).verify(token, NOW) {
        Verdict::Accept(identity) => Ok(identity),
        Verdict::Reject(rejection) => Err(rejection),
        Verdict::Pass => Err(Rejection::Unknown),
    }
}

fn hs256(header: &Value, claims: &Value) -> Result<Identity, Rejection> {
    verify(settings(&[Algorithm::HS256]), &sign(header, claims))
}

fn good_claims() -> Value {
    json!({"sub": "alice", "exp": 1_000_060})
}

fn header() -> Value {
    json!({"alg": "HS256", "typ": "JWT"})
}

#[test]
fn a_good_token_stands_for_its_user_until_it_expires() {
    let identity = hs256(&header(), &good_claims()).unwrap();
    assert_eq!(identity.user().as_str(), "alice");
    assert_eq!(identity.expires(), Some(Timestamp::from_secs(1_000_060)));
    assert_eq!(identity.credential().to_string(), "local");
}

#[test]
fn a_token_that_was_revoked_counts_no_more() {
    let token = sign(&header(), &good_claims());
    let revoking = |token: &str| IssuerSettings {
        revoked: vec![KeyDigest::of(token.as_bytes())],
        ..settings(&[Algorithm::HS256])
    };
    assert_eq!(
        verify(revoking(&token), &token).unwrap_err(),
        Rejection::Revoked
    );
    let identity = verify(revoking("another"), &token).unwrap();
    let Basis::Token(basis) = identity.basis() else {
        panic!("no token");
    };
    let verifier = JwtVerifier::new(revoking(&token), secret());
    let renewed = verifier.renew(&identity, basis, NOW);
    assert_eq!(renewed.unwrap_err(), Rejection::Revoked);
}

#[test]
fn a_reserved_id_is_not_a_tokens() {
    let reserved = Reserved::new(vec![UserGlob::parse("visitor-*").unwrap()]);
    let settings = IssuerSettings {
        reserved,
        ..settings(&[Algorithm::HS256])
    };
    let claims = json!({"sub": "Visitor-7", "exp": 1_000_060});
    assert_eq!(
        verify(settings, &sign(&header(), &claims)).err(),
        Some(Rejection::ReservedUser)
    );
}

#[test]
fn an_identity_is_judged_again_by_what_holds_now() {
    let verifier = JwtVerifier::new(settings(&[Algorithm::HS256]), secret());
    let token = sign(&header(), &good_claims());
    let Verdict::Accept(identity) = verifier.verify(&token, NOW) else {
        panic!()
    };
    let Basis::Token(basis) = identity.basis() else {
        panic!()
    };
    assert!(verifier.renew(&identity, basis, NOW).is_ok());
    let late = Timestamp::from_secs(1_000_090);
    assert_eq!(
        verifier.renew(&identity, basis, late).err(),
        Some(Rejection::Expired)
    );

    let changed = |settings, keys| {
        JwtVerifier::new(settings, keys)
            .renew(&identity, basis, NOW)
            .err()
    };
    let other_key = Arc::new(KeySet::from_secret(&Secret::new("x".repeat(32))).unwrap());
    assert_eq!(
        changed(settings(&[Algorithm::HS256]), other_key),
        Some(Rejection::Signature)
    );
    assert_eq!(
        changed(settings(&[Algorithm::HS384]), secret()),
        Some(Rejection::Algorithm)
    );
    let renamed = IssuerSettings {
        user: UserTemplate::parse("kc-{sub}").unwrap(),
        ..settings(&[Algorithm::HS256])
    };
    assert_eq!(changed(renamed, secret()), Some(Rejection::User));
    let stricter = IssuerSettings {
        audience: Audience::OneOf(vec!["chat".into()]),
        ..settings(&[Algorithm::HS256])
    };
    assert_eq!(changed(stricter, secret()), Some(Rejection::Audience));
    let more = IssuerSettings {
        default_permissions: vec![Permission::parse("A:B").unwrap()],
        ..settings(&[Algorithm::HS256])
    };
    let again = JwtVerifier::new(more, secret())
        .renew(&identity, basis, NOW)
        .unwrap();
    assert!(
        again
            .permissions()
            .allow(&Permission::parse("A:B").unwrap())
    );
}
