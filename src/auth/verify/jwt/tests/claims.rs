//! What a header and its claims must say.

use super::*;

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
