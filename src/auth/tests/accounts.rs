//! Users and keys of the store: tokens of ours, sessions, and what ends them.

use serde_json::{Map, json};

use super::*;
use crate::secret::Secret;

const LATER: Timestamp = Timestamp::from_secs(5_000);
const OURS: (&str, &str) = ("origin", "https://localhost");

/// A gate whose store holds alice, a key of hers, one that acts for others, and signing keys.
struct Scene {
    gate: Gate,
    directory: Directory,
    memo: Memo,
    alice: AccountId,
}

fn permissions(words: &[&str]) -> Permissions {
    let words = words.iter().map(|word| Permission::parse(word).unwrap());
    words.collect()
}

fn account(name: &str) -> Account {
    Account {
        id: AccountId::random(),
        username: UserId::parse(name).unwrap(),
        password: PasswordHash::new("$"),
        permissions: permissions(&["A:B"]),
        status: Status::Enabled,
        tokens_end: Timestamp::from_secs(0),
        created: Timestamp::from_secs(0),
    }
}

fn stored(name: &str, owner: KeyOwner) -> Record {
    Record::Key(StoredKey {
        name: KeyName::parse(name).unwrap(),
        digest: KeyDigest::of(format!("dw_{name}").as_bytes()),
        beginning: "dw_".into(),
        owner,
        permissions: permissions(&["*:*"]),
        transports: Transports::Both,
        created: Timestamp::from_secs(0),
        expires: None,
    })
}

fn signing_key(purpose: Purpose) -> SigningKey {
    SigningKey {
        kid: Kid::new(&format!("dw-{}", purpose.as_str())),
        purpose,
        algorithm: SigningAlgorithm::Hs256,
        secret: Secret::new(purpose.as_str().repeat(8)),
        created: Timestamp::from_secs(0),
        retires: None,
    }
}

fn scene() -> Scene {
    let mut directory = Directory::default();
    let alice = account("alice");
    let id = alice.id;
    directory.absorb(Record::Account(alice));
    directory.absorb(stored("own", KeyOwner::Account(id)));
    let globs = [UserGlob::parse("visitor-*").unwrap()];
    directory.absorb(stored("acting", KeyOwner::Acting(globs.into())));
    for purpose in Purpose::ALL {
        directory.absorb(Record::SigningKey(signing_key(purpose)));
    }
    let mut scene = Scene {
        gate: all(),
        directory,
        memo: Memo::new(16),
        alice: id,
    };
    scene.publish(AccountSettings::default());
    scene
}

impl Scene {
    fn publish(&mut self, settings: AccountSettings) {
        let known = Known::As(Arc::new(self.directory.clone()));
        self.gate.verifiers.accounts = Some(Accounts::new(known, settings));
    }

    /// What the store says now.
    fn absorb(&mut self, record: Record) {
        self.directory.absorb(record);
        let accounts = self.gate.verifiers.accounts.as_ref().unwrap();
        let accounts = accounts.with(Arc::new(self.directory.clone()));
        self.gate.verifiers.accounts = Some(accounts);
    }

    fn change_alice(&mut self, change: impl FnOnce(&mut Account)) {
        let mut alice = self.directory.account(self.alice).unwrap().clone();
        change(&mut alice);
        self.absorb(Record::Account(alice));
    }

    fn token(&self, purpose: Purpose) -> (OwnToken, String) {
        let subject = match purpose {
            Purpose::Visitor => TokenSubject::Visitor {
                user: UserId::parse("visitor-1").unwrap(),
                key: KeyDigest::of(b"dw_acting"),
            },
            _ => TokenSubject::Account(self.alice),
        };
        let token = OwnToken {
            subject,
            id: TokenId::random(),
            issued: Timestamp::from_millis(900_500),
            expires: Timestamp::from_secs(2_000),
        };
        let text = signing_key(purpose).sign(&token, Map::new()).unwrap();
        (token, text)
    }

    fn ask(&mut self, method: &str, headers: &[(&str, &str)]) -> Result<String, Denial> {
        self.ask_at(method, "/need", headers, NOW).map(|admitted| {
            let identity = admitted.admission().identity();
            identity
                .map(|identity| identity.user().to_string())
                .unwrap()
        })
    }

    fn ask_at(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        now: Timestamp,
    ) -> Result<Admitted, Denial> {
        match self
            .gate
            .admit(request(method, target, headers), &mut self.memo, now)
        {
            Decision::Admit(admitted) => Ok(admitted),
            Decision::Own(own) => panic!("{own:?}"),
            Decision::Deny(denied) => Err(denied.denial),
        }
    }

    fn bearer(&mut self, credential: &str) -> Result<String, Denial> {
        let value = format!("Bearer {credential}");
        self.ask("GET", &[("authorization", &value)])
    }

    fn cookie(
        &mut self,
        method: &str,
        value: &str,
        also: &[(&str, &str)],
    ) -> Result<String, Denial> {
        let cookie = format!("{}={value}", Accounts::COOKIE);
        let headers = [&[("cookie", cookie.as_str())], also].concat();
        self.ask(method, &headers)
    }

    /// What a tunnel is told that was opened with this credential, after a change.
    fn review(&mut self, credential: &str, change: impl FnOnce(&mut Self)) -> Result<(), Ending> {
        let value = format!("Bearer {credential}");
        let headers = [("authorization", value.as_str())];
        let admitted = self.ask_at("GET", "/need", &headers, NOW).unwrap();
        change(self);
        let proof = admitted.admission().proof();
        self.gate.review(&proof, NOW).map(drop)
    }
}

fn refused<T: std::fmt::Debug>(rejection: Rejection) -> Result<T, Denial> {
    Err(rejection.into())
}

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
fn a_display_token_in_a_cookie_is_nobody() {
    let mut scene = scene();
    let (_, text) = scene.token(Purpose::Display);
    let cookie = format!("key={text}");
    let asked = scene.ask("GET", &[("cookie", &cookie)]);
    assert_eq!(asked, refused(Rejection::TokenHeader));
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

#[test]
fn a_key_of_the_store_is_its_owner_as_long_as_there_is_one() {
    let mut scene = scene();
    assert_eq!(scene.bearer("dw_own"), Ok("alice".to_owned()));
    scene.change_alice(|alice| alice.permissions = permissions(&["A:C"]));
    assert_eq!(scene.bearer("dw_own"), Err(Denial::Forbidden));
    scene.change_alice(|alice| alice.permissions = permissions(&["A:B"]));
    let disable = |scene: &mut Scene| scene.change_alice(|it| it.status = Status::Disabled);
    assert_eq!(scene.review("dw_own", disable), Err(Ending::Revoked));
    assert_eq!(scene.bearer("dw_own"), refused(Rejection::Disabled));
    scene.absorb(Record::AccountGone(scene.alice));
    assert_eq!(scene.bearer("dw_own"), refused(Rejection::Unknown));
}

#[test]
fn a_key_of_the_store_acts_for_whom_it_may() {
    let mut scene = scene();
    let as_user = |scene: &mut Scene, user| {
        scene.ask(
            "GET",
            &[("authorization", "Bearer dw_acting"), ("user_id", user)],
        )
    };
    assert_eq!(as_user(&mut scene, "visitor-7"), Ok("visitor-7".to_owned()));
    assert_eq!(as_user(&mut scene, "alice"), Err(Denial::MayNotActAs));
}

#[test]
fn a_visitors_token_ends_with_the_key_that_named_it() {
    let mut scene = scene();
    let (_, text) = scene.token(Purpose::Visitor);
    let gone = Record::KeyGone(KeyName::parse("acting").unwrap());
    assert_eq!(
        scene.review(&text, |scene| scene.absorb(gone)),
        Err(Ending::Revoked)
    );
    assert_eq!(scene.bearer(&text), refused(Rejection::Unknown));
    let others = [UserGlob::parse("guest-*").unwrap()];
    scene.absorb(stored("acting", KeyOwner::Acting(others.into())));
    assert_eq!(scene.bearer(&text), refused(Rejection::User));
}

#[test]
fn a_store_that_was_not_read_yet_takes_nothing_from_declared_keys() {
    let mut scene = scene();
    let accounts = Accounts::new(Known::NotYet, AccountSettings::default());
    scene.gate.verifiers.accounts = Some(accounts);
    let (_, text) = scene.token(Purpose::Access);
    assert_eq!(scene.bearer("dw_own"), Err(Denial::StoreUnread));
    assert_eq!(scene.bearer(&text), Err(Denial::StoreUnread));
    assert_eq!(scene.cookie("GET", &text, &[]), Err(Denial::StoreUnread));
    assert_eq!(scene.bearer("full"), Ok("alice".to_owned()));
    assert_eq!(scene.bearer("wrong"), refused(Rejection::Unknown));
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
        session_proof: SessionProof::DisplayToken,
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
fn nobody_else_is_called_like_one_whom_a_key_of_the_store_acts_for() {
    let mut scene = scene();
    let (_, text) = scene.token(Purpose::Access);
    assert_eq!(scene.bearer(&text), Ok("alice".to_owned()));
    let globs = [UserGlob::parse("ALI*").unwrap()];
    scene.absorb(stored("more", KeyOwner::Acting(globs.into())));
    assert_eq!(scene.bearer(&text), refused(Rejection::ReservedUser));
    assert_eq!(scene.bearer("dw_own"), refused(Rejection::ReservedUser));
    let alice = UserId::parse("alice").unwrap();
    let accounts = scene.gate.verifiers.accounts.as_ref().unwrap();
    assert!(accounts.reserves(&alice));
    scene.publish(AccountSettings {
        namespace: Namespace::Shared,
        ..AccountSettings::default()
    });
    assert_eq!(scene.bearer(&text), Ok("alice".to_owned()));
}
