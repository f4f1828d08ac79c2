use std::{collections::HashSet, time::Duration};

use jsonwebtoken::{EncodingKey, Header};
use serde_json::json;

use super::*;
use crate::{
    auth::{Directory, KeyName, KeyOwner, Permissions, Record},
    secret::Secret,
};

const NOW: Timestamp = Timestamp::from_secs(1_000_000);
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

/// Each reason, and how much of a token an issuer understood that gives it.
const REASONS: [(Rejection, u8); 17] = [
    (Rejection::Unknown, 0),
    (Rejection::MalformedToken, 1),
    (Rejection::TokenHeader, 1),
    (Rejection::Algorithm, 2),
    (Rejection::Signature, 3),
    (Rejection::Unreadable, 4),
    (Rejection::TooLong, 4),
    (Rejection::Expired, 4),
    (Rejection::WrongTransport, 4),
    (Rejection::MissingClaim, 4),
    (Rejection::NotYetValid, 4),
    (Rejection::Issuer, 4),
    (Rejection::Audience, 4),
    (Rejection::User, 4),
    (Rejection::ReservedUser, 4),
    (Rejection::Revoked, 4),
    (Rejection::Disabled, 4),
];

fn issuer(name: &str, issuer: &str, required: &str) -> JwtVerifier {
    let settings = IssuerSettings {
        name: name.into(),
        algorithms: vec![Algorithm::HS256],
        issuer: Some(issuer.into()),
        audience: Audience::Unnamed,
        user: UserTemplate::parse("{sub}").unwrap(),
        require: vec![required.into()],
        leeway: Duration::from_secs(30),
        permissions_claim: None,
        default_permissions: Vec::new(),
        roles: std::collections::HashMap::new(),
        revoked: Vec::new(),
        reserved: Reserved::default(),
    };
    let keys = KeySet::from_secret(&Secret::new(SECRET)).unwrap();
    JwtVerifier::new(settings, Arc::new(keys))
}

fn verifiers(issuers: Vec<JwtVerifier>) -> Verifiers {
    Verifiers {
        issuers,
        ..Verifiers::default()
    }
}

/// The identity of a token of the issuer `second`, for whoever knows that one.
fn identity(verifiers: &Verifiers) -> Identity {
    verified(verifiers).unwrap()
}

fn verified(verifiers: &Verifiers) -> Result<Identity, Denial> {
    let claims = json!({"iss": "second", "sub": "alice", "exp": 1_000_060});
    let key = EncodingKey::from_secret(SECRET);
    let token = jsonwebtoken::encode(&Header::default(), &claims, &key).unwrap();
    let credential = Credential {
        value: token.into(),
    };
    let (absent, mut memo) = (|| Assertion::Absent, Memo::new(1));
    let vouched = verifiers.verify(&credential, absent, Transport::Http, &mut memo, NOW)?;
    Ok(vouched.caller()?)
}

#[test]
fn a_token_is_judged_again_by_the_issuer_of_that_name() {
    let both = verifiers(vec![
        issuer("one", "first", "exp"),
        issuer("two", "second", "exp"),
    ]);
    let identity = identity(&both);
    assert_eq!(both.renew(&identity, NOW).unwrap().user().as_str(), "alice");
    let first = verifiers(vec![issuer("one", "first", "exp")]);
    assert_eq!(first.renew(&identity, NOW).unwrap_err(), Rejection::Issuer);
}

#[test]
fn no_token_of_others_is_called_like_one_whom_a_key_of_the_store_acts_for() {
    let mut verifiers = verifiers(vec![issuer("two", "second", "exp")]);
    let identity = identity(&verifiers);
    let mut directory = Directory::default();
    directory.absorb(Record::Key(StoredKey {
        name: KeyName::parse("web").unwrap(),
        digest: KeyDigest::of(b"web"),
        beginning: "".into(),
        owner: KeyOwner::Acting([UserGlob::parse("al*").unwrap()].into()),
        permissions: Permissions::default(),
        transports: Transports::Both,
        created: NOW,
        expires: None,
    }));
    let known = Known::As(Arc::new(directory));
    verifiers.accounts = Some(Accounts::new(known, AccountSettings::default()));
    let refused = Denial::Unauthenticated(Rejection::ReservedUser);
    assert_eq!(verified(&verifiers).unwrap_err(), refused);
    let renewed = verifiers.renew(&identity, NOW);
    assert_eq!(renewed.unwrap_err(), Rejection::ReservedUser);
}

#[test]
fn claims_are_read_again_once_when_a_setting_changed() {
    let identity = identity(&verifiers(vec![issuer("two", "second", "exp")]));
    let changed = verifiers(vec![issuer("two", "second", "sub")]);
    let renewed = changed.renew(&identity, NOW).unwrap();
    assert!(!renewed.is(&identity));
    let again = changed.renew(&renewed, NOW).unwrap();
    assert!(again.is(&renewed));
    assert!(!changed.renew(&identity, NOW).unwrap().is(&identity));
}

#[test]
fn every_reason_has_words_of_its_own() {
    let words: HashSet<_> = REASONS.iter().map(|(reason, _)| reason.reason()).collect();
    assert_eq!(words.len(), REASONS.len());
    assert!(words.iter().all(|words| words.contains(' ')), "{words:?}");
}

#[test]
fn of_two_reasons_the_one_of_more_understanding_is_told() {
    for (one, understood) in REASONS {
        for (other, understood_by_other) in REASONS {
            let told = one.max_informative(other);
            let first = understood >= understood_by_other;
            assert_eq!(told, if first { one } else { other }, "{one:?}, {other:?}");
        }
    }
}
