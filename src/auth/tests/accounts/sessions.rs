//! Sessions of browsers: the cookie, and the display token beside it.

use super::*;

const OURS: (&str, &str) = ("origin", "https://localhost");

#[test]
fn a_display_token_in_a_cookie_is_nobody() {
    let mut scene = scene();
    let (_, text) = scene.token(Purpose::Display);
    let cookie = format!("key={text}");
    let asked = scene.ask("GET", &[("cookie", &cookie)]);
    assert_eq!(asked, refused(Rejection::TokenHeader));
}

#[test]
fn a_session_changes_something_only_from_a_page_of_ours() {
    let mut scene = scene();
    let (_, session) = scene.token(Purpose::Session);
    let alice = Ok("alice".to_owned());
    assert_eq!(scene.cookie("GET", &session, &[]), alice);
    assert_eq!(scene.cookie("POST", &session, &[OURS]), alice);
    assert_eq!(
        scene.cookie("POST", &session, &[]),
        Err(Denial::NoCredential)
    );
    let foreign = [("origin", "https://evil.example")];
    assert_eq!(
        scene.cookie("POST", &session, &foreign),
        Err(Denial::NoCredential)
    );
}

#[test]
fn where_it_takes_a_display_token_only_the_sessions_own_does() {
    let mut scene = scene();
    scene.publish(AccountSettings {
        session_proof: SessionProof::DisplayToken("display".into()),
        ..AccountSettings::default()
    });
    let (token, session) = scene.token(Purpose::Session);
    let display = signing_key(Purpose::Display);
    let own = format!("Bearer {}", display.sign(&token, Map::new()).unwrap());
    let (_, others) = scene.token(Purpose::Display);
    let others = format!("Bearer {others}");
    let alice = Ok("alice".to_owned());
    let shown = |value| [OURS, ("authorization", value)];
    assert_eq!(scene.cookie("GET", &session, &[]), alice);
    assert_eq!(scene.cookie("POST", &session, &shown(&own)), alice);
    assert_eq!(
        scene.cookie("POST", &session, &[OURS]),
        Err(Denial::SessionAlone)
    );
    let another = scene.cookie("POST", &session, &shown(&others));
    assert_eq!(another, Err(Denial::SessionAlone));
    // By itself it is nothing.
    let alone = scene.ask("POST", &shown(&own));
    assert_eq!(alone, Err(Denial::NoCredential));
}

#[test]
fn a_page_without_its_display_token_is_opened_as_after_a_logout() {
    let page = [
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
    ];
    let mut scene = scene();
    let (_, session) = scene.token(Purpose::Session);
    let alice = Ok("alice".to_owned());
    assert_eq!(scene.cookie("GET", &session, &page), alice);
    scene.publish(AccountSettings {
        session_proof: SessionProof::DisplayToken("display".into()),
        ..AccountSettings::default()
    });
    for (others, expected) in [
        ("; display=x", alice.clone()),
        ("; display=; display=x", alice.clone()),
        ("; display=", Err(Denial::NoCredential)),
        ("; displayed=x", Err(Denial::NoCredential)),
        ("", Err(Denial::NoCredential)),
    ] {
        let cookies = format!("{session}{others}");
        assert_eq!(scene.cookie("GET", &cookies, &page), expected, "{others}");
        assert_eq!(
            scene.cookie("GET", &cookies, &[]),
            alice,
            "not as a page: {others}"
        );
    }
}

/// What is said at a rule where no cookie counts.
fn ignoring(scene: &mut Scene, method: &str, headers: &[(&str, &str)]) -> Result<(), Denial> {
    let api = Rule {
        cookie_credential: CookieCredential::Ignore,
        ..rule("/api", Access::Authenticated)
    };
    scene.gate.policy = Policy::new(vec![api]);
    scene.ask_at(method, "/api", headers, NOW).map(drop)
}

#[test]
fn where_no_cookie_counts_a_session_does_beside_its_display_token() {
    let displayed = SessionProof::DisplayToken("display".into());
    for session_proof in [SessionProof::Origin, displayed] {
        let mut scene = scene();
        scene.publish(AccountSettings {
            session_proof,
            ..AccountSettings::default()
        });
        let (token, session) = scene.token(Purpose::Session);
        let cookie = format!("key=full; {}={session}", Accounts::COOKIE);
        let display = signing_key(Purpose::Display);
        let own = format!("Bearer {}", display.sign(&token, Map::new()).unwrap());
        let (_, others) = scene.token(Purpose::Display);
        let others = format!("Bearer {others}");
        for method in ["GET", "POST"] {
            let mut asked = |also: &[(&'static str, &str)]| {
                let headers = [&[OURS, ("cookie", cookie.as_str())], also].concat();
                ignoring(&mut scene, method, &headers)
            };
            assert_eq!(asked(&[("authorization", &own)]), Ok(()));
            assert_eq!(asked(&[]), Err(Denial::NoCredential));
            let another = asked(&[("authorization", &others)]);
            assert_eq!(another, Err(Denial::SessionAlone));
        }
        let other_cookie = [
            OURS,
            ("cookie", "key=full"),
            ("authorization", own.as_str()),
        ];
        let asked = ignoring(&mut scene, "GET", &other_cookie);
        assert_eq!(
            asked,
            Err(Denial::NoCredential),
            "it proves a session alone"
        );
        let foreign = [
            ("origin", "https://evil.example"),
            ("cookie", cookie.as_str()),
            ("authorization", own.as_str()),
        ];
        let asked = ignoring(&mut scene, "GET", &foreign);
        assert_eq!(asked, Err(Denial::NoCredential));
    }
}
