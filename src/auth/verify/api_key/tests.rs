use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_000);

fn user(id: &str) -> UserId {
    UserId::parse(id).unwrap()
}

fn settings(speaks_for: SpeaksFor) -> KeySettings {
    KeySettings {
        name: "web".into(),
        speaks_for,
        permissions: Permissions::default(),
        transports: Transports::Both,
        expires: None,
    }
}

fn acting(globs: &[&str]) -> SpeaksFor {
    SpeaksFor::Acting(
        globs
            .iter()
            .map(|glob| UserGlob::parse(glob).unwrap())
            .collect(),
    )
}

fn table(settings: KeySettings) -> Arc<KeyTable> {
    let mut builder = KeyTable::builder();
    builder.key(KeyDigest::of(b"key"), settings).unwrap();
    builder.build()
}

#[test]
fn a_table_counts_its_keys() {
    let (none, one) = (KeyTable::default(), table(settings(acting(&["*"]))));
    assert_eq!((none.len(), none.is_empty()), (0, true));
    assert_eq!((one.len(), one.is_empty()), (1, false));
}

fn identify(settings: KeySettings, assertion: &Assertion) -> Result<String, Denial> {
    let table = table(settings);
    let found = table.find(KeyDigest::of(b"key")).unwrap();
    let default = user("user");
    let identity = found.identify(|| assertion.clone(), Some(&default), Transport::Http, NOW)?;
    Ok(identity.user().to_string())
}

#[test]
fn a_bound_key_speaks_for_its_user_whatever_the_client_says() {
    let bound = || settings(SpeaksFor::Bound(user("alice")));
    for assertion in [
        Assertion::Absent,
        Assertion::User(user("bob")),
        Assertion::Malformed,
    ] {
        assert_eq!(identify(bound(), &assertion), Ok("alice".into()));
    }
}

#[test]
fn an_acting_key_speaks_for_those_its_globs_allow() {
    let acting_for =
        |globs: &[&str], assertion: &Assertion| identify(settings(acting(globs)), assertion);
    let visitor = Assertion::User(user("visitor-1"));
    assert_eq!(acting_for(&["visitor-*"], &visitor), Ok("visitor-1".into()));
    assert_eq!(acting_for(&["guest-*"], &visitor), Err(Denial::MayNotActAs));
    assert!(matches!(
        acting_for(&["*"], &Assertion::Malformed),
        Err(Denial::Malformed(_))
    ));
    assert_eq!(
        acting_for(&["*"], &Assertion::User(user("Anon-1"))),
        Err(Denial::MayNotActAs)
    );
    assert_eq!(acting_for(&["*"], &Assertion::Absent), Ok("user".into()));
    assert!(matches!(
        acting_for(&["visitor-*"], &Assertion::Absent),
        Err(Denial::Malformed(_))
    ));
}

#[test]
fn an_expired_key_and_one_for_the_other_transport_are_rejected() {
    let bound = settings(SpeaksFor::Bound(user("alice")));
    let expired = KeySettings {
        expires: Some(NOW),
        ..bound.clone()
    };
    assert_eq!(
        identify(expired, &Assertion::Absent),
        Err(Rejection::Expired.into())
    );
    let websocket = Transports::Only(Transport::WebSocket);
    let elsewhere = KeySettings {
        transports: websocket,
        ..bound
    };
    assert_eq!(
        identify(elsewhere, &Assertion::Absent),
        Err(Rejection::WrongTransport.into())
    );
}

#[test]
fn the_same_key_twice_is_a_conflict() {
    let mut builder = KeyTable::builder();
    let digest = KeyDigest::of(b"key");
    builder.key(digest, settings(acting(&["*"]))).unwrap();
    assert!(builder.key(digest, settings(acting(&["*"]))).is_err());
    let file = builder.file(&[digest, KeyDigest::of(b"other")], settings(acting(&["*"])));
    assert_eq!(file.unwrap_err().len(), 1);
    assert_eq!(builder.build().len(), 2);
}

#[test]
fn a_key_from_a_file_is_named_by_the_file_and_its_digest() {
    let mut builder = KeyTable::builder();
    let digest = KeyDigest::of(b"key");
    builder
        .file(&[digest], settings(SpeaksFor::Bound(user("alice"))))
        .unwrap();
    let table = builder.build();
    let found = table.find(digest).unwrap();
    let identity = found
        .identify(|| Assertion::Absent, None, Transport::Http, NOW)
        .unwrap();
    let beginning = digest.to_string()[..8].to_owned();
    assert_eq!(
        identity.credential().to_string(),
        format!("web#{beginning}")
    );
}
