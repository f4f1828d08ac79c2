//! Users and keys of the store: tokens of ours, sessions, and what ends them.

use serde_json::Map;

use super::*;
use crate::secret::Secret;

mod keys;
mod sessions;
mod tokens;

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
