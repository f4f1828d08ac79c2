//! Which key has signed what, and with which algorithm.

use aws_lc_rs::{
    encoding::AsDer,
    rsa,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _},
};

use super::*;

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
