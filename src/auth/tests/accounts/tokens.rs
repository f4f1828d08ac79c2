//! Tokens of ours, and what ends them.

use serde_json::json;

use super::*;

const LATER: Timestamp = Timestamp::from_secs(5_000);

#[test]
fn a_token_of_ours_stands_for_the_user_as_the_store_has_it() {
    let mut scene = scene();
    let (token, text) = scene.token(Purpose::Access);
    assert_eq!(scene.bearer(&text), Ok("alice".to_owned()));
    let lies = json!({"username": "root", "permissions": {"*": ["*"]}});
    let lying = signing_key(Purpose::Access);
    let text = lying
        .sign(&token, lies.as_object().cloned().unwrap())
        .unwrap();
    assert_eq!(scene.bearer(&text), Ok("alice".to_owned()));
    scene.change_alice(|alice| alice.permissions = permissions(&["A:C"]));
    assert_eq!(scene.bearer(&text), Err(Denial::Forbidden));
}

#[test]
fn no_token_of_ours_does_for_another() {
    for purpose in Purpose::ALL {
        let mut scene = scene();
        let (_, text) = scene.token(purpose);
        let bearer = match purpose {
            Purpose::Access => Ok("alice".to_owned()),
            Purpose::Visitor => Ok("visitor-1".to_owned()),
            // A page shows it beside its cookie.
            Purpose::Display => Err(Denial::NoCredential),
            Purpose::Session => refused(Rejection::TokenHeader),
        };
        let cookie = match purpose {
            Purpose::Session => Ok("alice".to_owned()),
            _ => refused(Rejection::TokenHeader),
        };
        // The second time it is remembered, where it was right.
        for _ in 0..2 {
            assert_eq!(scene.bearer(&text), bearer, "{purpose:?}");
            assert_eq!(scene.cookie("GET", &text, &[]), cookie, "{purpose:?}");
        }
    }
}

#[test]
fn a_signature_is_verified_once() {
    for purpose in [Purpose::Access, Purpose::Session, Purpose::Visitor] {
        let mut scene = scene();
        let (_, text) = scene.token(purpose);
        let ask = |scene: &mut Scene| match purpose {
            Purpose::Session => scene.cookie("GET", &text, &[]),
            _ => scene.bearer(&text),
        };
        let first = ask(&mut scene);
        assert!(first.is_ok(), "{purpose:?}: {first:?}");
        // A key never changes; here it does, so that a second look at the signature would show.
        scene.absorb(Record::SigningKey(SigningKey {
            secret: Secret::new([1; 32]),
            ..signing_key(purpose)
        }));
        assert_eq!(ask(&mut scene), first, "{purpose:?}");
        scene.memo = Memo::new(16);
        assert_eq!(
            ask(&mut scene),
            refused(Rejection::Signature),
            "{purpose:?}"
        );
    }
}

#[test]
fn a_token_is_of_the_key_and_the_type_of_its_purpose() {
    let mut scene = scene();
    let (token, _) = scene.token(Purpose::Access);
    let as_session = SigningKey {
        purpose: Purpose::Session,
        ..signing_key(Purpose::Access)
    };
    let text = as_session.sign(&token, Map::new()).unwrap();
    assert_eq!(scene.bearer(&text), refused(Rejection::TokenHeader));
    assert_eq!(
        scene.cookie("GET", &text, &[]),
        refused(Rejection::TokenHeader)
    );
    let forged = SigningKey {
        secret: Secret::new([1; 32]),
        ..signing_key(Purpose::Access)
    };
    let text = forged.sign(&token, Map::new()).unwrap();
    assert_eq!(scene.bearer(&text), refused(Rejection::Signature));
    let unknown = SigningKey {
        kid: Kid::new("dw-other"),
        ..signing_key(Purpose::Access)
    };
    let text = unknown.sign(&token, Map::new()).unwrap();
    assert!(matches!(
        scene.bearer(&text),
        Err(Denial::Unauthenticated(_))
    ));
}

/// Each end of a token: what the next request is told, and what an open socket is.
#[test]
fn what_ends_a_token_ends_it_at_once_and_its_sockets_too() {
    type End = fn(&mut Scene, &OwnToken);
    let ends: [(&str, End, Rejection); 8] = [
        (
            "disabled",
            |scene, _| scene.change_alice(|it| it.status = Status::Disabled),
            Rejection::Disabled,
        ),
        (
            "deleted",
            |scene, _| scene.absorb(Record::AccountGone(scene.alice)),
            Rejection::Unknown,
        ),
        (
            "all of alice's",
            |scene, token| {
                let issued = token.issued;
                scene.change_alice(|it| it.tokens_end = issued);
            },
            Rejection::Revoked,
        ),
        (
            "everybody's",
            |scene, token| scene.absorb(Record::TokensEnd(token.issued)),
            Rejection::Revoked,
        ),
        (
            "itself",
            |scene, token| {
                let revocation = Revocation {
                    token: token.id,
                    until: token.expires,
                };
                scene.absorb(Record::Revoked(revocation));
            },
            Rejection::Revoked,
        ),
        (
            "key gone",
            |scene, _| scene.absorb(Record::SigningKeyGone(Kid::new("dw-access"))),
            Rejection::Unknown,
        ),
        (
            "key retired",
            |scene, _| {
                let retired = SigningKey {
                    retires: Some(NOW),
                    ..signing_key(Purpose::Access)
                };
                scene.absorb(Record::SigningKey(retired));
            },
            Rejection::Signature,
        ),
        (
            "reserved",
            |scene, _| {
                let reserved = Reserved::new(vec![UserGlob::parse("ali*").unwrap()]);
                scene.publish(AccountSettings {
                    reserved,
                    ..AccountSettings::default()
                });
            },
            Rejection::ReservedUser,
        ),
    ];
    for (name, end, rejection) in ends {
        let mut scene = scene();
        let (token, text) = scene.token(Purpose::Access);
        let reviewed = scene.review(&text, |scene| end(scene, &token));
        assert_eq!(reviewed, Err(Ending::Revoked), "{name}");
        assert_eq!(scene.bearer(&text), refused(rejection), "{name}");
    }
}

#[test]
fn a_token_issued_a_millisecond_after_a_revocation_counts() {
    let mut scene = scene();
    let (token, text) = scene.token(Purpose::Access);
    let before = Timestamp::from_millis(token.issued.as_millis() - 1);
    scene.change_alice(|alice| alice.tokens_end = before);
    scene.absorb(Record::TokensEnd(before));
    assert_eq!(scene.bearer(&text), Ok("alice".to_owned()));
}

#[test]
fn a_token_ends_in_time() {
    let mut scene = scene();
    let (_, text) = scene.token(Purpose::Access);
    let value = format!("Bearer {text}");
    let headers = [("authorization", value.as_str())];
    assert!(scene.ask_at("GET", "/need", &headers, NOW).is_ok());
    let late = scene.ask_at("GET", "/need", &headers, LATER).map(drop);
    assert_eq!(late, refused(Rejection::Expired));
}

#[test]
fn who_is_renamed_is_the_other_from_the_next_request_on_and_old_sockets_end() {
    let mut scene = scene();
    let (_, text) = scene.token(Purpose::Access);
    let rename = |scene: &mut Scene| {
        scene.change_alice(|it| it.username = UserId::parse("alicia").unwrap());
    };
    assert_eq!(scene.review(&text, rename), Err(Ending::Revoked));
    assert_eq!(scene.bearer(&text), Ok("alicia".to_owned()));
    // A new alice inherits nothing.
    scene.absorb(Record::Account(account("alice")));
    assert_eq!(scene.bearer(&text), Ok("alicia".to_owned()));
    scene.absorb(Record::AccountGone(scene.alice));
    assert_eq!(scene.bearer(&text), refused(Rejection::Unknown));
}
