use aws_lc_rs::{
    encoding::AsDer,
    rsa,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _},
};
use jsonwebtoken::EncodingKey;
use serde_json::json;

use super::*;
use crate::{auth::subject::UserGlob, secret::Secret};

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
fn a_header_that_asks_for_more_is_rejected() {
    for (header, rejection) in [
        (json!({"alg": "none"}), Rejection::Algorithm),
        (json!({"alg": "nOnE"}), Rejection::Algorithm),
        (json!({"typ": "JWT"}), Rejection::Algorithm),
        (json!({"alg": "HS512"}), Rejection::Algorithm),
        (
            json!({"alg": "HS256", "crit": ["require-mfa"]}),
            Rejection::TokenHeader,
        ),
        (
            json!({"alg": "HS256", "b64": false}),
            Rejection::TokenHeader,
        ),
        (
            json!({"alg": "HS256", "cty": "JWT"}),
            Rejection::TokenHeader,
        ),
        (
            json!({"alg": "HS256", "enc": "A128GCM"}),
            Rejection::TokenHeader,
        ),
        (
            json!({"alg": "HS256", "typ": "logout+jwt"}),
            Rejection::TokenHeader,
        ),
        (json!({"alg": "HS256", "typ": 1}), Rejection::MalformedToken),
        (json!({"alg": "HS256", "kid": 7}), Rejection::MalformedToken),
        (json!({"alg": 256}), Rejection::MalformedToken),
        (json!(["HS256"]), Rejection::MalformedToken),
    ] {
        assert_eq!(
            hs256(&header, &good_claims()).err(),
            Some(rejection),
            "{header}"
        );
    }
    for typ in ["jwt", "at+jwt", "application/at+JWT"] {
        assert!(
            hs256(&json!({"alg": "HS256", "typ": typ}), &good_claims()).is_ok(),
            "{typ}"
        );
    }
}

#[test]
fn claims_are_typed_and_timely() {
    let far = 1_000_060;
    for (claims, rejection) in [
        (json!({"sub": "alice"}), Rejection::MissingClaim),
        (
            json!({"sub": "alice", "exp": "1000060"}),
            Rejection::MalformedToken,
        ),
        (
            json!({"sub": "alice", "exp": null}),
            Rejection::MalformedToken,
        ),
        (json!({"sub": "alice", "exp": -1}), Rejection::Expired),
        (json!({"sub": "alice", "exp": 999_970}), Rejection::Expired),
        (
            json!({"sub": "alice", "exp": far, "nbf": 1_000_031}),
            Rejection::NotYetValid,
        ),
        (
            json!({"sub": "alice", "exp": far, "iat": 1_000_031}),
            Rejection::NotYetValid,
        ),
        (
            json!({"sub": "alice", "exp": far, "nbf": "x"}),
            Rejection::MalformedToken,
        ),
        (json!({"sub": 7, "exp": far}), Rejection::MalformedToken),
        (json!({"sub": "a/b", "exp": far}), Rejection::User),
        (json!({"exp": far}), Rejection::MissingClaim),
        (
            json!({"sub": "alice", "exp": far, "aud": "us"}),
            Rejection::Audience,
        ),
        (json!([1]), Rejection::MalformedToken),
    ] {
        assert_eq!(hs256(&header(), &claims).err(), Some(rejection), "{claims}");
    }
    for claims in [
        json!({"sub": "alice", "exp": 999_970.5}),
        json!({"sub": "alice", "exp": far, "nbf": 1_000_030}),
    ] {
        assert!(hs256(&header(), &claims).is_ok(), "{claims}");
    }
    let repeated = r#"{"sub":"alice","sub":"bob","exp":1000060}"#;
    let token = sign_with(
        &header(),
        repeated,
        &EncodingKey::from_secret(SECRET),
        Algorithm::HS256,
    );
    let result = verify(settings(&[Algorithm::HS256]), &token);
    assert_eq!(result.err(), Some(Rejection::MalformedToken));
}

#[test]
fn only_an_exact_issuer_and_audience_pass() {
    let strict = || IssuerSettings {
        issuer: Some("https://id.example".into()),
        audience: Audience::OneOf(vec!["chat".into()]),
        ..settings(&[Algorithm::HS256])
    };
    let check = |iss: Value, aud: Value| {
        let claims = json!({"sub": "alice", "exp": 1_000_060, "iss": iss, "aud": aud});
        verify(strict(), &sign(&header(), &claims)).map(drop)
    };
    let id = "https://id.example";
    assert_eq!(check(json!(id), json!("chat")), Ok(()));
    assert_eq!(check(json!(id), json!(["other", "chat"])), Ok(()));
    for aud in [json!("chat2"), json!([]), json!(["other"])] {
        assert_eq!(check(json!(id), aud), Err(Rejection::Audience));
    }
    assert_eq!(check(json!(id), json!([7])), Err(Rejection::MalformedToken));
    for iss in ["https://id.example/", "https://id.exampl", ""] {
        assert_eq!(
            check(json!(iss), json!("chat")),
            Err(Rejection::Issuer),
            "{iss}"
        );
    }
    assert_eq!(
        check(json!([id]), json!("chat")),
        Err(Rejection::MalformedToken)
    );
    let bare = verify(strict(), &sign(&header(), &good_claims()));
    assert_eq!(bare.err(), Some(Rejection::Issuer));
}

#[test]
fn a_signature_is_exact() {
    let good = sign(&header(), &good_claims());
    let (message, signature) = good.rsplit_once('.').unwrap();
    for token in [
        format!("{message}."),
        format!("{message}.{}", &signature[..signature.len() - 1]),
        format!("{message}.{signature}="),
        format!("{message}.{}A", &signature[..signature.len() - 1]),
        format!("{message}A.{signature}"),
    ] {
        let result = verify(settings(&[Algorithm::HS256]), &token);
        assert_eq!(result.err(), Some(Rejection::Signature), "{token}");
    }
    let extra = format!("{good}.x");
    let result = verify(settings(&[Algorithm::HS256]), &extra);
    assert_eq!(result.err(), Some(Rejection::Unknown));
}

#[test]
fn permissions_come_in_three_forms_and_through_roles() {
    let with_roles = || IssuerSettings {
        roles: HashMap::from([("admin".into(), vec![Permission::parse("*:*").unwrap()])]),
        default_permissions: vec![Permission::parse("STATUS:READ").unwrap()],
        ..settings(&[Algorithm::HS256])
    };
    for (claim, granted) in [
        (json!(["A:B", "x"]), "A:B STATUS:READ"),
        (json!("A:B C:D"), "A:B C:D STATUS:READ"),
        (json!({"A": ["B", "C"], "D": "E"}), "A:B A:C STATUS:READ"),
        (json!(["admin"]), "*:* STATUS:READ"),
        (json!(7), "STATUS:READ"),
    ] {
        let claims = json!({"sub": "alice", "exp": 1_000_060, "permissions": claim});
        let identity = verify(with_roles(), &sign(&header(), &claims)).unwrap();
        let got: Vec<_> = identity
            .permissions()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(got.join(" "), granted);
    }
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

fn pem(der: &[u8]) -> Vec<u8> {
    use base64::engine::general_purpose::STANDARD;
    let body = STANDARD.encode(der);
    format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n").into_bytes()
}

fn asymmetric(algorithm: Algorithm) -> (EncodingKey, Vec<u8>) {
    let random = aws_lc_rs::rand::SystemRandom::new();
    match algorithm {
        Algorithm::ES256 => {
            let scheme = &ECDSA_P256_SHA256_FIXED_SIGNING;
            let pkcs8 = EcdsaKeyPair::generate_pkcs8(scheme, &random).unwrap();
            let pair = EcdsaKeyPair::from_pkcs8(scheme, pkcs8.as_ref()).unwrap();
            let public = pair.public_key().as_der().unwrap();
            (
                EncodingKey::from_ec_der(pkcs8.as_ref()),
                pem(public.as_ref()),
            )
        }
        Algorithm::EdDSA => {
            let pkcs8 = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
            let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
            let public = pair.public_key().as_der().unwrap();
            (
                EncodingKey::from_ed_der(pkcs8.as_ref()),
                pem(public.as_ref()),
            )
        }
        _ => {
            let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
            let pkcs8 = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
            let public =
                AsDer::<aws_lc_rs::encoding::PublicKeyX509Der<'_>>::as_der(pair.public_key())
                    .unwrap();
            (rsa_signing_key(pkcs8.as_ref()), pem(public.as_ref()))
        }
    }
}

fn rsa_signing_key(pkcs8: &[u8]) -> EncodingKey {
    use base64::engine::general_purpose::STANDARD;
    let body = STANDARD.encode(pkcs8);
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
    EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap()
}

#[test]
fn asymmetric_algorithms_verify_with_their_own_keys_only() {
    for algorithm in [
        Algorithm::RS256,
        Algorithm::PS384,
        Algorithm::ES256,
        Algorithm::EdDSA,
    ] {
        let (signing, public) = asymmetric(algorithm);
        let keys = Arc::new(KeySet::from_pem(&public).unwrap());
        let header = json!({"alg": format!("{algorithm:?}")});
        let token = sign_with(&header, &good_claims().to_string(), &signing, algorithm);
        let verifier = JwtVerifier::new(settings(&[algorithm]), keys);
        assert!(
            matches!(verifier.verify(&token, NOW), Verdict::Accept(_)),
            "{algorithm:?}"
        );

        // The classic confusion: HMAC with the public key's text as the secret.
        let confused = EncodingKey::from_secret(&public);
        let header = json!({"alg": "HS256"});
        let token = sign_with(
            &header,
            &good_claims().to_string(),
            &confused,
            Algorithm::HS256,
        );
        let lenient = settings(&[algorithm, Algorithm::HS256]);
        let keys = Arc::new(KeySet::from_pem(&public).unwrap());
        let verdict = JwtVerifier::new(lenient, keys).verify(&token, NOW);
        assert!(
            matches!(verdict, Verdict::Reject(Rejection::Signature)),
            "{algorithm:?}"
        );
    }
}

#[test]
fn a_kid_selects_the_key_of_a_set() {
    let k = URL_SAFE_NO_PAD.encode(SECRET);
    let other = URL_SAFE_NO_PAD.encode(b"another secret, 32 bytes or more");
    let jwks = json!({"keys": [
        {"kty": "oct", "kid": "old", "alg": "HS256", "k": other},
        {"kty": "oct", "kid": "new", "alg": "HS256", "k": k},
        {"kty": "oct", "kid": "new", "k": other},
        {"kty": "oct", "kid": "e", "use": "enc", "k": k},
        {"kty": "future", "kid": "f"},
    ]});
    let keys = KeySet::from_jwks(jwks.to_string().as_bytes()).unwrap();
    assert_eq!(keys.ignored().len(), 3, "{:?}", keys.ignored());
    let verifier = JwtVerifier::new(settings(&[Algorithm::HS256]), Arc::new(keys));
    let verdict = |kid: Value| {
        let token = sign(&json!({"alg": "HS256", "kid": kid}), &good_claims());
        matches!(verifier.verify(&token, NOW), Verdict::Accept(_))
    };
    assert!(verdict(json!("new")));
    for kid in [
        json!("old"),
        json!("../../x"),
        json!("e"),
        json!("' or 1=1"),
    ] {
        assert!(!verdict(kid.clone()), "{kid}");
    }
    let without = sign(&header(), &good_claims());
    assert!(matches!(verifier.verify(&without, NOW), Verdict::Accept(_)));
}

#[test]
fn keys_that_can_verify_nothing_are_refused() {
    assert!(KeySet::from_secret(&Secret::new("")).is_err());
    assert!(KeySet::from_pem(b"not a pem").is_err());
    for jwks in [
        "{}",
        "[]",
        r#"{"keys":[]}"#,
        r#"{"keys":[{"kty":"future"}]}"#,
        "",
    ] {
        assert!(KeySet::from_jwks(jwks.as_bytes()).is_err(), "{jwks}");
    }
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
