use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::auth::{Permission, Transports};

const NOW: Timestamp = Timestamp::from_secs(100);

fn permissions(words: &[&str]) -> Permissions {
    let words = words.iter().map(|word| Permission::parse(word).unwrap());
    words.collect()
}

fn account(name: &str, granted: &[&str]) -> Account {
    Account {
        id: AccountId::random(),
        username: UserId::parse(name).unwrap(),
        password: PasswordHash::new("$"),
        permissions: permissions(granted),
        status: Status::Enabled,
        tokens_end: Timestamp::from_secs(0),
        created: Timestamp::from_secs(1),
    }
}

fn key(name: &str, owner: KeyOwner, granted: &[&str]) -> StoredKey {
    StoredKey {
        name: KeyName::parse(name).unwrap(),
        digest: KeyDigest::of(name.as_bytes()),
        beginning: "dw_".into(),
        owner,
        permissions: permissions(granted),
        transports: Transports::Both,
        created: Timestamp::from_secs(1),
        expires: None,
    }
}

#[test]
fn a_user_is_found_by_name_in_any_case_and_after_a_rename_by_the_new_one_alone() {
    let mut directory = Directory::default();
    let alice = account("Alice", &[]);
    directory.absorb(Record::Account(alice.clone()));
    assert_eq!(directory.account_named("aLICE"), Some(&alice));
    let renamed = Account {
        username: UserId::parse("bob").unwrap(),
        ..alice
    };
    directory.absorb(Record::Account(renamed.clone()));
    assert_eq!(directory.account_named("alice"), None);
    assert_eq!(directory.account_named("BOB"), Some(&renamed));
    assert_eq!(directory.account_count(), 1);
}

#[test]
fn two_who_swap_names_are_both_found() {
    let mut directory = Directory::default();
    let (one, other) = (account("one", &[]), account("other", &[]));
    directory.absorb(Record::Account(one.clone()));
    directory.absorb(Record::Account(other.clone()));
    let swapped = Account {
        username: other.username.clone(),
        ..one.clone()
    };
    directory.absorb(Record::Account(swapped));
    directory.absorb(Record::Account(Account {
        username: one.username,
        ..other.clone()
    }));
    assert_eq!(directory.account_named("other").unwrap().id, one.id);
    assert_eq!(directory.account_named("one").unwrap().id, other.id);
}

#[test]
fn a_key_never_does_more_than_its_owner() {
    let mut directory = Directory::default();
    let alice = account("alice", &["MEMORY:*", "STATUS:READ"]);
    directory.absorb(Record::Account(alice.clone()));
    let own = key(
        "own",
        KeyOwner::Account(alice.id),
        &["*:READ", "USERS:WRITE"],
    );
    directory.absorb(Record::Key(own.clone()));
    assert_eq!(
        directory.permissions_of(own.digest).unwrap().clone(),
        permissions(&["MEMORY:READ", "STATUS:READ"])
    );
    let less = Account {
        permissions: permissions(&["STATUS:READ"]),
        ..alice
    };
    directory.absorb(Record::Account(less));
    assert_eq!(
        directory.permissions_of(own.digest).unwrap().clone(),
        permissions(&["STATUS:READ"])
    );
}

#[test]
fn with_a_user_the_users_keys_go_and_nobody_elses() {
    let mut directory = Directory::default();
    let alice = account("alice", &[]);
    let bound = KeyOwner::Bound(alice.username.clone());
    directory.absorb(Record::Account(alice.clone()));
    directory.absorb(Record::Key(key("own", KeyOwner::Account(alice.id), &[])));
    directory.absorb(Record::Key(key("bound", bound, &[])));
    directory.absorb(Record::AccountGone(alice.id));
    assert_eq!(directory.account(alice.id), None);
    assert_eq!(directory.key(KeyDigest::of(b"own")), None);
    assert!(directory.key(KeyDigest::of(b"bound")).is_some());
    assert_eq!((directory.account_count(), directory.key_count()), (0, 1));
}

#[test]
fn nobody_is_acted_for_any_more_when_the_last_key_that_did_is_gone() {
    let mut directory = Directory::default();
    let globs = || KeyOwner::Acting(vec![UserGlob::parse("visitor-*").unwrap()].into());
    let visitor = UserId::parse("Visitor-1").unwrap();
    directory.absorb(Record::Key(key("one", globs(), &[])));
    directory.absorb(Record::Key(key("other", globs(), &[])));
    directory.absorb(Record::KeyGone(KeyName::parse("one").unwrap()));
    assert!(directory.is_acted_for(&visitor, NOW));
    directory.absorb(Record::Key(key(
        "other",
        KeyOwner::Bound(visitor.clone()),
        &[],
    )));
    assert!(!directory.is_acted_for(&visitor, NOW));
}

#[test]
fn nobody_is_acted_for_once_the_last_key_that_did_has_ended() {
    let mut directory = Directory::default();
    let acting = |name, end: Option<i64>| {
        let owner = KeyOwner::Acting(vec![UserGlob::Any].into());
        let expires = end.map(Timestamp::from_secs);
        Record::Key(StoredKey {
            expires,
            ..key(name, owner, &[])
        })
    };
    let alice = UserId::parse("alice").unwrap();
    let acted_for =
        |directory: &Directory, at| directory.is_acted_for(&alice, Timestamp::from_secs(at));
    directory.absorb(acting("one", Some(10)));
    directory.absorb(acting("other", Some(20)));
    assert!(acted_for(&directory, 19) && !acted_for(&directory, 20));
    directory.absorb(acting("third", None));
    assert!(acted_for(&directory, 20));
    directory.absorb(acting("third", Some(15)));
    assert!(!acted_for(&directory, 20));
    for name in ["one", "other", "third"] {
        directory.absorb(Record::KeyGone(KeyName::parse(name).unwrap()));
    }
    assert_eq!(directory, Directory::default());
}

#[test]
fn a_name_is_bound_until_the_last_key_that_is_bound_to_it_is_gone() {
    let mut directory = Directory::default();
    let bound = |name| KeyOwner::Bound(UserId::parse(name).unwrap());
    let operator = UserId::parse("operator").unwrap();
    directory.absorb(Record::Key(key("one", bound("operator"), &[])));
    directory.absorb(Record::Key(key("one", bound("operator"), &[])));
    directory.absorb(Record::Key(key("other", bound("Operator"), &[])));
    directory.absorb(Record::KeyGone(KeyName::parse("one").unwrap()));
    assert!(directory.is_bound_to(&operator));
    directory.absorb(Record::KeyGone(KeyName::parse("other").unwrap()));
    assert!(!directory.is_bound_to(&operator));
    assert_eq!(directory, Directory::default());
}

#[test]
fn a_copy_is_not_touched_by_what_happens_to_the_other() {
    let mut directory = Directory::default();
    let alice = account("alice", &[]);
    directory.absorb(Record::Account(alice.clone()));
    let copy = directory.clone();
    directory.absorb(Record::AccountGone(alice.id));
    assert_eq!(copy.account(alice.id), Some(&alice));
    assert_ne!(copy, directory);
}

#[test]
fn a_key_that_moves_to_another_owner_is_no_longer_the_first_ones() {
    let mut directory = Directory::default();
    let (alice, bob) = (account("alice", &[]), account("bob", &[]));
    directory.absorb(Record::Account(alice.clone()));
    directory.absorb(Record::Account(bob.clone()));
    directory.absorb(Record::Key(key("k", KeyOwner::Account(alice.id), &[])));
    directory.absorb(Record::Key(key("k", KeyOwner::Account(bob.id), &[])));
    assert_eq!(directory.keys_of(alice.id).count(), 0);
    assert_eq!(directory.keys_of(bob.id).count(), 1);
    directory.absorb(Record::KeyGone(KeyName::parse("k").unwrap()));
    assert_eq!(directory.keys_of(bob.id).count(), 0);
}

#[test]
fn a_directory_is_the_same_in_whatever_order_its_keys_came() {
    let alice = account("alice", &[]);
    let keys = ["one", "two", "three"].map(|name| key(name, KeyOwner::Account(alice.id), &[]));
    let mut empty = Directory::default();
    empty.absorb(Record::Account(alice));
    let (mut forwards, mut backwards) = (empty.clone(), empty);
    for (one, other) in keys.iter().zip(keys.iter().rev()) {
        forwards.absorb(Record::Key(one.clone()));
        backwards.absorb(Record::Key(other.clone()));
    }
    assert_eq!(forwards, backwards);
}

proptest! {
    #[test]
    fn shards_are_one_map(steps in proptest::collection::vec((0..3_u8, 0..40_u16, any::<u8>()), 0..200)) {
        let mut sharded = Sharded::<u16, u8>::default();
        let mut plain = HashMap::new();
        for (step, key, value) in steps {
            match step {
                0 => {
                    sharded.insert(key, value);
                    plain.insert(key, value);
                }
                1 => prop_assert_eq!(sharded.remove(&key), plain.remove(&key)),
                _ => {
                    sharded.change(&key, |it| *it = value);
                    plain.entry(key).and_modify(|it| *it = value);
                }
            }
            prop_assert_eq!(sharded.len(), plain.len());
            prop_assert_eq!(sharded.look_up(&key), plain.get(&key));
        }
        let all: HashMap<u16, u8> = sharded.iter().map(|(key, value)| (*key, *value)).collect();
        prop_assert_eq!(all, plain);
    }
}
