use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::auth::{
    Account, AccountId, Directory, KeyDigest, KeyName, KeyOwner, Kid, PasswordHash, Permission,
    Permissions, Purpose, Record, Revocation, SigningAlgorithm, SigningKey, Status, StoredKey,
    TokenId, Transport, Transports, UserGlob, UserId,
};
use crate::clock::Timestamp;
use crate::secret::Secret;
use crate::store::effect;

/// When everything is imported.
const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

/// A time at which something was.
fn past() -> impl Strategy<Value = Timestamp> {
    let latest = NOW.as_millis() + 24 * 3600 * 1000;
    (0..=latest).prop_map(Timestamp::from_millis)
}

fn time() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp::from_millis)
}

fn permissions() -> impl Strategy<Value = Permissions> {
    let word = "[A-Z_]{1,6}|\\*";
    vec((word, word), 0..4).prop_map(|words| {
        let words = words.iter();
        words
            .map(|(resource, action)| Permission::new(resource, action).unwrap())
            .collect()
    })
}

fn account(name: String) -> impl Strategy<Value = Account> {
    let status = prop_oneof![Just(Status::Enabled), Just(Status::Disabled)];
    let parts = (
        any::<u128>(),
        "[ -~\"\\\\é\n]{0,20}",
        permissions(),
        status,
        past(),
        past(),
    );
    parts.prop_map(
        move |(id, hash, permissions, status, tokens_end, created)| Account {
            id: AccountId::new(uuid::Uuid::from_u128(id)),
            username: UserId::parse(&name).unwrap(),
            password: PasswordHash::new(hash),
            permissions,
            status,
            tokens_end,
            created,
        },
    )
}

fn owner() -> impl Strategy<Value = KeyOwner> {
    let glob = |text: String| UserGlob::parse(&text).unwrap();
    let globs = vec("[a-z|~]{1,4}\\*?|\\*", 1..3);
    prop_oneof![
        any::<u128>().prop_map(|id| KeyOwner::Account(AccountId::new(uuid::Uuid::from_u128(id)))),
        "[a-z@=]{1,9}".prop_map(|user| KeyOwner::Bound(UserId::parse(&user).unwrap())),
        globs.prop_map(move |globs| KeyOwner::Acting(globs.into_iter().map(glob).collect())),
    ]
}

fn key(name: String) -> impl Strategy<Value = StoredKey> {
    let transports = prop_oneof![
        Just(Transports::Both),
        Just(Transports::Only(Transport::Http)),
        Just(Transports::Only(Transport::WebSocket)),
    ];
    let parts = (
        "[!-~]{0,8}",
        owner(),
        permissions(),
        transports,
        past(),
        option::of(time()),
    );
    parts.prop_map(
        move |(beginning, owner, permissions, transports, created, expires)| StoredKey {
            name: KeyName::parse(&name).unwrap(),
            digest: KeyDigest::of(name.as_bytes()),
            beginning: beginning.into(),
            owner,
            permissions,
            transports,
            created,
            expires,
        },
    )
}

/// A purpose's keys, in order; the last one may be there for good.
fn signing_keys(purpose: Purpose) -> impl Strategy<Value = Vec<SigningKey>> {
    let key = (any::<[u8; 32]>(), past(), option::of(time()));
    vec(key, 0..3).prop_map(move |keys| {
        let count = keys.len();
        let keys = keys.into_iter().enumerate();
        let keys = keys.map(|(number, (secret, created, retires))| SigningKey {
            kid: Kid::random(),
            purpose,
            algorithm: SigningAlgorithm::Hs256,
            secret: Secret::new(secret),
            created,
            retires: retires.or((number + 1 < count).then_some(created)),
        });
        keys.collect()
    })
}

/// Anything that a store may hold.
fn directory() -> impl Strategy<Value = Directory> {
    let accounts = btree_map("[a-z0-9.]{3,9}", Just(()), 0..6)
        .prop_flat_map(|names| names.into_keys().map(account).collect::<Vec<_>>());
    let keys = btree_map("[A-Za-z0-9][a-z._-]{0,9}", Just(()), 0..6)
        .prop_flat_map(|names| names.into_keys().map(key).collect::<Vec<_>>());
    let revocations = vec((any::<u128>(), time()), 0..4);
    let signing = Purpose::ALL.map(signing_keys);
    (accounts, keys, revocations, option::of(past()), signing).prop_map(
        |(accounts, keys, revocations, tokens_end, signing)| {
            let mut directory = Directory::default();
            for account in accounts.iter().cloned() {
                directory.absorb(Record::Account(account));
            }
            for (number, mut key) in keys.into_iter().enumerate() {
                if let KeyOwner::Account(owner) = &mut key.owner {
                    let Some(account) = accounts.get(number % 4) else {
                        continue;
                    };
                    *owner = account.id;
                }
                directory.absorb(Record::Key(key));
            }
            for (token, until) in revocations {
                let token = TokenId(uuid::Uuid::from_u128(token));
                directory.absorb(Record::Revoked(Revocation { token, until }));
            }
            for key in signing.into_iter().flatten() {
                directory.absorb(Record::SigningKey(key));
            }
            if let Some(end) = tokens_end {
                directory.absorb(Record::TokensEnd(end));
            }
            directory
        },
    )
}

fn exported(directory: &Directory, keys: SigningKeys) -> String {
    let mut text = Vec::new();
    export(directory, keys, &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

/// What a store comes to that a plan is carried out in.
fn carried_out(mut directory: Directory, plan: &Plan) -> Directory {
    for found in &plan.changes {
        for record in effect(&found.change, &directory).unwrap().unwrap() {
            directory.absorb(record);
        }
    }
    directory
}

fn wrong(text: &str) -> Vec<String> {
    let faults = parse(text, NOW).unwrap_err();
    faults.iter().map(ToString::to_string).collect()
}

const HEADER: &str = "{\"kind\":\"doorward-store\",\"format\":1}\n";
const END: &str = "{\"kind\":\"end\"}\n";
const ALICE: &str = r#"{"kind":"user","id":"7f3c9a52-0c0e-4c6e-9d34-5b2f7a1e8c11","username":"alice","hash":"$","permissions":["A:B"],"status":"enabled","tokens_end":0,"created":0}"#;

fn with(lines: &[&str]) -> String {
    format!("{HEADER}{}\n{END}", lines.join("\n"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_exported_and_imported_into_an_empty_store_is_the_same(directory in directory()) {
        let text = exported(&directory, SigningKeys::With);
        let plan = plan(&Directory::default(), parse(&text, NOW).unwrap(), Existing::Refuse).unwrap();
        let imported = carried_out(Directory::default(), &plan);
        prop_assert_eq!(&imported, &directory);
        prop_assert_eq!(plan.expected, imported);
        prop_assert_eq!(exported(&directory, SigningKeys::With), text);
    }

    #[test]
    fn what_is_there_already_is_refused_or_left_as_it_is(directory in directory()) {
        let found = parse(&exported(&directory, SigningKeys::With), NOW).unwrap();
        let marks = found.iter().filter(|found| matches!(found.change, Change::RevokeAllTokens { .. }));
        let count = found.len() - marks.count();
        let faults = plan(&directory, found.clone(), Existing::Refuse).map_or_else(|all| all.len(), |_| 0);
        prop_assert_eq!(faults, count);
        let plan = plan(&directory, found, Existing::Skip).unwrap();
        prop_assert_eq!(plan.skipped.len(), count);
        prop_assert_eq!(plan.expected, directory);
    }

    #[test]
    fn what_is_cut_off_is_not_taken_for_the_whole(directory in directory(), at in any::<prop::sample::Index>()) {
        let text = exported(&directory, SigningKeys::With);
        let line = at.index(text.lines().count());
        let cut: Vec<&str> = text.lines().take(line).collect();
        prop_assert!(parse(&cut.join("\n"), NOW).is_err());
    }
}

#[test]
fn signing_keys_stay_unless_they_are_asked_for() {
    let mut directory = Directory::default();
    directory.absorb(Record::SigningKey(SigningKey {
        kid: Kid::random(),
        purpose: Purpose::Access,
        algorithm: SigningAlgorithm::Hs256,
        secret: Secret::new([7; 32]),
        created: Timestamp::from_secs(1),
        retires: None,
    }));
    assert!(exported(&directory, SigningKeys::With).contains("signing-key"));
    assert!(!exported(&directory, SigningKeys::Without).contains("signing-key"));
}

#[test]
fn every_line_that_is_not_understood_is_named() {
    let strange = ALICE.replace("\"hash\"", "\"colour\":1,\"hash\"");
    let missing = ALICE.replace(",\"created\":0", "");
    let twice = ALICE.replace("\"created\":0", "\"created\":0,\"created\":1");
    let typed = ALICE.replace("\"created\":0", "\"created\":\"my secret\"");
    let status = ALICE.replace("enabled", "Enabled");
    let name = ALICE.replace("alice", "a b");
    let text = with(&[
        ALICE,
        "{\"kind\":\"role\"}",
        &strange,
        &missing,
        &twice,
        &typed,
        &status,
        &name,
        "nonsense",
        HEADER.trim_end(),
        "",
    ]);
    let faults = wrong(&text);
    let words = [
        "line 3: unknown variant `role`",
        "line 4: unknown field `colour`",
        "line 5: missing field `created`",
        "line 6: duplicate field `created`",
        "line 7: a value is of another kind",
        "line 8: `status`",
        "line 9: a user id is",
        "line 10: it is no JSON",
        "line 11: a second beginning",
        "line 12: it is no JSON",
    ];
    assert_eq!(faults.len(), words.len(), "{faults:#?}");
    for (fault, words) in faults.iter().zip(words) {
        assert!(fault.starts_with(words), "{fault}");
        assert!(!fault.contains("my secret"), "{fault}");
    }
}

#[test]
fn what_has_happened_did_so_since_1970_and_until_now() {
    let day = 24 * 3600 * 1000;
    let latest = NOW.as_millis() + day;
    let of_user = |field: &str, time: i64| {
        ALICE.replace(&format!("\"{field}\":0"), &format!("\"{field}\":{time}"))
    };
    let end = |time: i64| format!("{{\"kind\":\"tokens-end\",\"issued_until\":{time}}}");
    for time in [0, latest] {
        for line in [
            of_user("created", time),
            of_user("tokens_end", time),
            end(time),
        ] {
            assert!(parse(&with(&[&line]), NOW).is_ok(), "{line}");
        }
    }
    for (time, words) in [
        (-1, "is before 1970"),
        (i64::MIN, "is before 1970"),
        (latest + 1, "is in the future"),
        (i64::MAX, "is in the future"),
    ] {
        let lines = [
            of_user("created", time),
            of_user("tokens_end", time),
            end(time),
        ];
        for (line, field) in lines.iter().zip(["created", "tokens_end", "issued_until"]) {
            assert_eq!(
                wrong(&with(&[line])),
                [format!("line 2: `{field}` {words}")]
            );
        }
    }
}

#[test]
fn a_key_that_acts_for_nobody_is_a_fault() {
    let sha256 = KeyDigest::of(b"k");
    let key = format!(
        r#"{{"kind":"key","name":"k","sha256":"{sha256}","beginning":"dw_","owner":{{"acting":[]}},"permissions":[],"transports":"both","created":0,"expires":null}}"#
    );
    let faults = wrong(&with(&[&key]));
    assert_eq!(
        faults,
        ["line 2: the key acts for nobody: its `owner` names none"]
    );
}

#[test]
fn a_name_that_is_not_known_is_shown_without_what_steers_or_misleads() {
    let name = "\\u001b[31m\\u202eé\u{202e}\u{2066}\u{200b}";
    let strange = ALICE.replace("\"hash\"", &format!("\"{name}\":1,\"hash\""));
    let faults = wrong(&with(&[&strange]));
    let shown = r"line 2: unknown field `\u{1b}[31m\u{202e}é\u{202e}\u{2066}\u{200b}`";
    assert!(faults[0].starts_with(shown), "{faults:?}");
}

#[test]
fn another_form_is_not_read_at_all() {
    let newer = with(&[ALICE]).replace("\"format\":1", "\"format\":2");
    assert_eq!(
        wrong(&newer),
        ["line 1: the format is 2, and this doorward knows 1 alone"]
    );
    assert!(wrong(ALICE)[0].starts_with("line 1: the first line is not"));
    assert!(wrong("")[0].starts_with("the file: its end is missing"));
    let after = wrong(&(with(&[ALICE]) + ALICE));
    assert_eq!(after, ["line 4: something after the end"]);
}

#[test]
fn what_stands_there_twice_is_a_fault_even_if_what_exists_is_skipped() {
    let bob = ALICE.replace("alice", "ALICE").replace("7f3c", "7f3d");
    let revocation =
        r#"{"kind":"revocation","token":"7f3c9a52-0c0e-4c6e-9d34-5b2f7a1e8c11","until":1}"#;
    let end = r#"{"kind":"tokens-end","issued_until":1}"#;
    let text = with(&[ALICE, &bob, ALICE, revocation, revocation, end, end]);
    let found = parse(&text, NOW).unwrap();
    let faults = plan(&Directory::default(), found, Existing::Skip).unwrap_err();
    let places: Vec<_> = faults.iter().map(|fault| fault.place.clone()).collect();
    assert_eq!(places, [3, 4, 6, 8].map(Place::Line), "{faults:?}");
}

#[test]
fn keys_of_a_user_who_is_left_out_are_left_out_and_those_of_nobody_are_faults() {
    let key = |name: &str, owner: &str| {
        let sha256 = KeyDigest::of(name.as_bytes());
        format!(
            r#"{{"kind":"key","name":"{name}","sha256":"{sha256}","beginning":"dw_","owner":{{"account":"{owner}"}},"permissions":[],"transports":"both","created":0,"expires":null}}"#
        )
    };
    let mut directory = Directory::default();
    let other = ALICE.replace("7f3c", "7f3d");
    let Ok(
        [
            Found {
                change: Change::CreateAccount(account),
                ..
            },
        ],
    ) = parse(&with(&[&other]), NOW).map(|found| <[Found; 1]>::try_from(found).unwrap())
    else {
        panic!("a user");
    };
    directory.absorb(Record::Account(account));
    let alices = key("a", "7f3c9a52-0c0e-4c6e-9d34-5b2f7a1e8c11");
    let others = key("b", "7f3d9a52-0c0e-4c6e-9d34-5b2f7a1e8c11");
    let found = parse(&with(&[&alices, &others, ALICE]), NOW).unwrap();
    let plan = plan(&directory, found, Existing::Skip).unwrap();
    assert_eq!((plan.skipped.len(), plan.changes.len()), (2, 1));
    let found = parse(&with(&[&alices]), NOW).unwrap();
    let faults = super::plan(&directory, found, Existing::Skip).unwrap_err();
    assert_eq!(
        faults[0].to_string(),
        "line 2: its owner is neither here nor in the store"
    );
}

const CAT: &str = r#"{"_default": {"1": {"name": "llm", "value": {}}, "2": {"name": "users", "value":
  {"7f3c9a52-0c0e-4c6e-9d34-5b2f7a1e8c11": {"id": "7f3c9a52-0c0e-4c6e-9d34-5b2f7a1e8c11",
   "username": "admin", "password": "$2b$", "permissions": {"STATUS": ["READ", "WRITE"], "MEMORY": []}}},
  "category": null, "setting_id": "x", "updated_at": 1}}}"#;

#[test]
fn a_cats_users_keep_their_ids_hashes_and_permissions() {
    let now = Timestamp::from_secs(7);
    assert!(is_of_a_cat(CAT) && !is_of_a_cat(HEADER));
    let found = parse_cat(CAT, now).unwrap();
    let [
        Found {
            change: Change::CreateAccount(admin),
            ..
        },
    ] = &found[..]
    else {
        panic!("{found:?}");
    };
    assert_eq!(admin.id.to_string(), "7f3c9a52-0c0e-4c6e-9d34-5b2f7a1e8c11");
    assert_eq!(
        (admin.username.as_str(), admin.password.expose()),
        ("admin", "$2b$")
    );
    let granted: Vec<_> = admin.permissions.iter().map(ToString::to_string).collect();
    assert_eq!(granted, ["STATUS:READ", "STATUS:WRITE"]);
    assert_eq!((admin.tokens_end, admin.created), (now, now));
}

#[test]
fn a_cats_user_who_is_not_understood_is_a_fault() {
    for (good, bad, words) in [
        (
            "\"username\": \"admin\"",
            "\"username\": \"a b\"",
            "it is called \"a b\"",
        ),
        ("\"username\"", "\"colour\": 1, \"username\"", "and no more"),
        ("\"username\": \"admin\",", "", "and no more"),
        ("\"id\": \"7f3c", "\"id\": \"7f3d", "another id"),
        ("\"READ\"", "\"RE AD\"", "a permission is"),
        ("\"users\"", "\"persons\"", "one setting"),
        ("\"llm\"", "\"users\"", "one setting"),
        ("}}}", "}}", "is not the metadata.json"),
    ] {
        let faults = parse_cat(&CAT.replacen(good, bad, 1), Timestamp::from_secs(7)).unwrap_err();
        assert!(faults[0].to_string().contains(words), "{faults:?}");
    }
}
