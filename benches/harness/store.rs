//! A gate with a store of one user, and an access token of that user.

use std::sync::Arc;

use doorward::{
    auth::{
        Account, AccountId, AccountSettings, Accounts, Directory, Gate, Kid, Known, OwnToken,
        PasswordHash, Permissions, Purpose, Record, SigningAlgorithm, SigningKey, Status, TokenId,
        TokenSubject, UserId, Verifiers,
    },
    clock::Timestamp,
    secret::Secret,
};

use crate::gate::{NOW, gate};

pub(crate) fn gate_and_token() -> (Gate, String) {
    let user = Account {
        id: AccountId::random(),
        username: UserId::parse("alice").expect("an id"),
        password: PasswordHash::new("$"),
        permissions: Permissions::default(),
        status: Status::Enabled,
        tokens_end: Timestamp::from_secs(0),
        created: Timestamp::from_secs(0),
    };
    let token = OwnToken {
        subject: TokenSubject::Account(user.id),
        id: TokenId::random(),
        issued: NOW,
        expires: Timestamp::from_secs(NOW.as_secs() + 3600),
    };
    let key = SigningKey {
        kid: Kid::random(),
        purpose: Purpose::Access,
        algorithm: SigningAlgorithm::Hs256,
        secret: Secret::new([7; 32]),
        created: Timestamp::from_secs(0),
        retires: None,
    };
    let text = key.sign(&token, serde_json::Map::new()).expect("a key");
    let mut directory = Directory::default();
    directory.absorb(Record::Account(user));
    directory.absorb(Record::SigningKey(key));
    let known = Known::As(Arc::new(directory));
    let gate = gate(10);
    let accounts = Some(Accounts::new(known, AccountSettings::default()));
    let verifiers = Verifiers {
        accounts,
        ..gate.verifiers
    };
    (Gate { verifiers, ..gate }, text)
}
