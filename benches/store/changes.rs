//! Random changes to a store, each decided by a number alone: whoever knows the number knows the
//! change. The fewer things there are, the more changes meet on one, and are refused.

use doorward::auth::{
    Account, AccountId, KeyDigest, KeyName, KeyOwner, Kid, PasswordHash, Permission, Permissions,
    Purpose, Revocation, SigningAlgorithm, SigningKey, Status, StoredKey, TokenId, Transport,
    Transports, UserGlob, UserId,
};
use doorward::clock::Timestamp;
use doorward::secret::Secret;
use doorward::store::{AccountEdit, Author, Change};
use uuid::Uuid;

/// What every hash and secret of these changes contains, and nothing else does.
pub(crate) const SECRET: &str = "hush";

/// The change of this number among so many things of each kind.
pub(crate) fn change(number: u64, things: u64) -> Change {
    let mut chance = Chance { number, things };
    match chance.below(24) {
        0..=4 => Change::CreateAccount(chance.account()),
        5..=7 => Change::EditAccount {
            id: chance.id(),
            edit: chance.edit(),
        },
        8 => Change::DeleteAccount(chance.id()),
        9..=10 => Change::Rehash {
            id: chance.id(),
            from: chance.hash(),
            to: chance.hash(),
        },
        11..=14 => Change::CreateKey(chance.key()),
        15..=16 => Change::RotateKey {
            name: chance.key_name(),
            ends: chance.time(),
            next: chance.key(),
        },
        17 => Change::RevokeKey(chance.key_name()),
        18..=19 => Change::RevokeToken(Revocation {
            token: TokenId(Uuid::from_u128(chance.thing().into())),
            until: chance.time(),
        }),
        20 => Change::RevokeTokensOf {
            id: chance.id(),
            issued_until: chance.time(),
        },
        21 => Change::RevokeAllTokens {
            issued_until: chance.time(),
        },
        22 => Change::AddSigningKey {
            key: chance.signing_key(),
            others_retire: chance.time(),
        },
        _ => Change::Prune {
            over: chance.time(),
        },
    }
}

/// Who makes the change of this number: the log tells which one it was.
pub(crate) fn author(number: u64) -> Author {
    Author {
        name: number.to_string(),
        from: "cli".to_owned(),
        at: Timestamp::from_secs(i64::try_from(number % 100).unwrap_or_default()),
    }
}

/// Numbers that follow from one (`SplitMix64`).
struct Chance {
    number: u64,
    things: u64,
}

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.number = self.number.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.number;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    fn thing(&mut self) -> u64 {
        self.below(self.things)
    }

    fn maybe<T>(&mut self, it: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.below(2) == 0).then(|| it(self))
    }

    fn time(&mut self) -> Timestamp {
        Timestamp::from_millis(i64::try_from(self.below(100_000)).unwrap_or_default())
    }

    fn id(&mut self) -> AccountId {
        AccountId::new(Uuid::from_u128(self.thing().into()))
    }

    /// The same name in one case or another.
    fn username(&mut self) -> UserId {
        let word = ["user", "User", "USER"][usize::try_from(self.below(3)).unwrap_or_default()];
        UserId::parse(&format!("{word}-{}", self.thing())).unwrap()
    }

    fn hash(&mut self) -> PasswordHash {
        PasswordHash::new(format!("$hash$v=1${SECRET}{}", self.below(3)))
    }

    fn permissions(&mut self) -> Permissions {
        let all = ["MEMORY:READ", "MEMORY:*", "*:WRITE", "USERS:LIST"];
        let granted = all.into_iter().filter(|_| self.below(2) == 0);
        granted.map(|it| Permission::parse(it).unwrap()).collect()
    }

    fn status(&mut self) -> Status {
        [Status::Enabled, Status::Disabled][usize::from(self.below(2) == 1)]
    }

    fn account(&mut self) -> Account {
        Account {
            id: self.id(),
            username: self.username(),
            password: self.hash(),
            permissions: self.permissions(),
            status: self.status(),
            tokens_end: self.time(),
            created: self.time(),
        }
    }

    fn edit(&mut self) -> AccountEdit {
        AccountEdit {
            username: self.maybe(Self::username),
            password: self.maybe(|chance| (chance.hash(), chance.time())),
            permissions: self.maybe(Self::permissions),
            status: self.maybe(Self::status),
        }
    }

    fn key_name(&mut self) -> KeyName {
        KeyName::parse(&format!("key-{}", self.thing())).unwrap()
    }

    fn key(&mut self) -> StoredKey {
        let owner = match self.below(4) {
            0 => KeyOwner::Bound(self.username()),
            1 => KeyOwner::Acting(self.globs().into()),
            _ => KeyOwner::Account(self.id()),
        };
        let transports = match self.below(3) {
            0 => Transports::Both,
            1 => Transports::Only(Transport::Http),
            _ => Transports::Only(Transport::WebSocket),
        };
        StoredKey {
            name: self.key_name(),
            digest: KeyDigest::of(format!("key {}", self.thing()).as_bytes()),
            beginning: format!("dw_{}", self.below(1000)).into(),
            owner,
            permissions: self.permissions(),
            transports,
            created: self.time(),
            expires: self.maybe(Self::time),
        }
    }

    fn globs(&mut self) -> Vec<UserGlob> {
        let all = ["*", "guest-*", "alice"];
        let some = all.into_iter().filter(|_| self.below(2) == 0);
        some.map(|glob| UserGlob::parse(glob).unwrap()).collect()
    }

    fn signing_key(&mut self) -> SigningKey {
        let purpose = usize::try_from(self.below(4)).unwrap_or_default();
        SigningKey {
            kid: Kid::new(&format!("{}{}", Kid::PREFIX, self.thing())),
            purpose: Purpose::ALL[purpose],
            algorithm: [SigningAlgorithm::EdDsa, SigningAlgorithm::Hs256]
                [usize::from(self.below(2) == 1)],
            secret: Secret::new(format!("{SECRET}\u{0}{}", self.below(1000))),
            created: self.time(),
            retires: self.maybe(Self::time),
        }
    }
}
