//! What the file of a store may be like.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::{Duration, Instant};

use doorward::auth::{
    AccountId, Directory, KeyName, KeyOwner, PasswordHash, Permission, Status, Transport,
    Transports, UserId,
};
use doorward::clock::Timestamp;
use doorward::store::{Change, Changes, KeyUse, Revision, SqliteStore, Store as _, StoreError};
use futures_util::future::join_all;
use rusqlite::Connection;

use crate::contract::{Follower, account, by, is_told, key, whole_log};

/// A store as the first schema kept it; written once, and never again by a newer one.
const FIRST_SCHEMA: &str = include_str!("../fixtures/store/1.sql");

async fn refused(file: &Path) -> StoreError {
    SqliteStore::open(file).await.unwrap_err()
}

#[tokio::test]
async fn nobody_but_the_owner_may_read_the_files() {
    let place = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(place.path().join("store.db"))
        .await
        .unwrap();
    let change = Change::CreateAccount(account("alice"));
    store.apply(change, by(1)).await.unwrap();
    let mut modes = Vec::new();
    for entry in fs::read_dir(place.path()).unwrap() {
        let entry = entry.unwrap();
        modes.push((
            entry.file_name(),
            entry.metadata().unwrap().permissions().mode() & 0o777,
        ));
    }
    assert_eq!(
        modes.len(),
        3,
        "the file, its log and the log's index: {modes:?}"
    );
    assert!(modes.iter().all(|(_, mode)| *mode == 0o600), "{modes:?}");
    drop(store);
    let left = fs::read_dir(place.path()).unwrap().count();
    assert_eq!(
        left, 1,
        "the log is in the file when the last has closed it"
    );
}

#[tokio::test]
async fn a_file_of_the_first_schema_is_read_and_goes_on() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("store.db");
    Connection::open(&file)
        .unwrap()
        .execute_batch(FIRST_SCHEMA)
        .unwrap();
    let store = SqliteStore::open(&file).await.unwrap();
    assert_eq!(store.check().await.unwrap(), []);
    let (directory, revision) = store.load().await.unwrap();
    assert_first(&directory);
    assert_eq!(revision, Revision(9));
    assert_eq!(whole_log(&store).await.len(), 9);
    let used = KeyUse {
        key: KeyName::parse("laptop").unwrap(),
        at: Timestamp::from_secs(1_700_000_100),
    };
    assert_eq!(store.uses().await.unwrap(), [used]);
    let Changes::Since(records, _) = store.changes(Revision(0)).await.unwrap() else {
        panic!("the feed of the fixture begins at its beginning");
    };
    let mut followed = Directory::default();
    for record in records {
        followed.absorb(record);
    }
    assert_eq!(followed, directory);
    let change = Change::CreateAccount(account("carol"));
    assert_eq!(store.apply(change, by(1)).await, Ok(Revision(10)));
}

fn assert_first(directory: &Directory) {
    let alice = directory.account_named("alice").unwrap();
    assert_eq!(alice.username.as_str(), "Alice");
    assert_eq!(
        alice.password,
        PasswordHash::new("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA")
    );
    assert!(
        alice
            .permissions
            .allow(&Permission::parse("MEMORY:READ").unwrap())
    );
    assert_eq!(
        directory.account_named("bob").unwrap().status,
        Status::Disabled
    );
    let laptop = directory
        .key_named(&KeyName::parse("laptop").unwrap())
        .unwrap();
    assert_eq!(laptop.transports, Transports::Only(Transport::WebSocket));
    assert_eq!(directory.keys_of(alice.id).count(), 1);
    assert_eq!((directory.account_count(), directory.key_count()), (2, 3));
    assert_eq!(directory.revocations().count(), 1);
    assert_eq!(
        directory.tokens_end(),
        Some(Timestamp::from_secs(1_700_000_000))
    );
    assert_eq!(
        directory.signing_keys()[0].secret.expose(),
        b"\x00secret\xff"
    );
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_also_while_it_is_open() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("store.db");
    let store = SqliteStore::open(&file).await.unwrap();
    let newer = Connection::open(&file).unwrap();
    newer.pragma_update(None, "user_version", 7).unwrap();
    let expected = StoreError::TooNew { found: 7, known: 1 };
    assert_eq!(refused(&file).await, expected);
    assert_eq!(store.load().await, Err(expected.clone()));
    let change = Change::CreateAccount(account("alice"));
    assert_eq!(store.apply(change, by(1)).await, Err(expected));
}

#[tokio::test]
async fn another_programs_database_is_left_as_it_is() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("store.db");
    let theirs = Connection::open(&file).unwrap();
    theirs.execute_batch("CREATE TABLE theirs (x);").unwrap();
    drop(theirs);
    let before = fs::read(&file).unwrap();
    let said = refused(&file).await.to_string();
    assert!(said.contains("another program's database"), "{said}");
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[tokio::test]
async fn what_is_no_database_is_said_without_its_path() {
    let place = tempfile::tempdir().unwrap();
    let text = place.path().join("store.db");
    fs::write(&text, "users = []\n".repeat(1000)).unwrap();
    let missing = place.path().join("missing/store.db");
    for (file, words) in [
        (&text, "file is not a database"),
        (&missing, "No such file or directory"),
        (&place.path().to_path_buf(), "not a regular file"),
    ] {
        let said = refused(file).await.to_string();
        assert!(said.contains(words), "{said}");
        assert!(!said.contains(&*place.path().to_string_lossy()), "{said}");
    }
}

#[tokio::test]
async fn a_damaged_file_is_an_error_or_a_flaw_and_never_another_truth() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("store.db");
    let store = SqliteStore::open(&file).await.unwrap();
    let names: Vec<_> = (0..200).map(|number| format!("user-{number}")).collect();
    let asked = names
        .iter()
        .map(|name| store.apply(Change::CreateAccount(account(name)), by(1)));
    join_all(asked.collect::<Vec<_>>()).await;
    drop(store);
    let whole = fs::read(&file).unwrap();
    for page in 1..whole.len() / 4096 {
        let mut damaged = whole.clone();
        damaged[page * 4096..][..512].fill(0xa5);
        fs::write(&file, damaged).unwrap();
        // Pages that nothing is in may be damaged by nobody's notice.
        let Ok(store) = SqliteStore::open(&file).await else {
            continue;
        };
        let found = store.check().await;
        assert!(
            !matches!(found.as_deref(), Ok([])),
            "page {page} is damaged"
        );
    }
}

#[tokio::test]
async fn the_log_cannot_be_shortened_or_rewritten() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("store.db");
    let store = SqliteStore::open(&file).await.unwrap();
    let change = Change::CreateAccount(account("alice"));
    store.apply(change, by(1)).await.unwrap();
    let other = Connection::open(&file).unwrap();
    for statement in ["DELETE FROM audit", "UPDATE audit SET author = 'nobody'"] {
        assert!(other.execute(statement, []).is_err(), "{statement}");
    }
    assert_eq!(whole_log(&store).await.len(), 1);
}

#[tokio::test]
async fn what_no_change_leaves_is_found() {
    let spoils = [
        "INSERT INTO touched VALUES (7, 'key', 'k')",
        "INSERT INTO account SELECT 'x', 'x', password, '', 'enabled', 0, 0 FROM account",
        "DELETE FROM account",
        "DELETE FROM touched",
        "UPDATE account SET permissions = 'none'",
        "INSERT INTO audit SELECT 9, at, author, origin, 'user.edit', subject, '' FROM audit LIMIT 1",
        "INSERT INTO mark VALUES ('feed-begins', 2)",
        "INSERT INTO key_use VALUES ('nothing', 1)",
    ];
    for spoil in spoils {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("store.db");
        let store = SqliteStore::open(&file).await.unwrap();
        let alice = account("alice");
        let own = Change::CreateKey(key("own", alice.id));
        store
            .apply(Change::CreateAccount(alice), by(1))
            .await
            .unwrap();
        store.apply(own, by(1)).await.unwrap();
        assert_eq!(store.check().await.unwrap(), []);
        let other = Connection::open(&file).unwrap();
        other.pragma_update(None, "foreign_keys", "OFF").unwrap();
        other.execute(spoil, []).unwrap();
        assert_ne!(store.check().await.unwrap(), [], "{spoil}");
    }
}

#[tokio::test]
async fn a_key_that_needs_no_user_is_no_flaw_where_there_is_none() {
    let place = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(place.path().join("store.db"))
        .await
        .unwrap();
    let mut robot = key("robot", AccountId::random());
    robot.owner = KeyOwner::Bound(UserId::parse("robot").unwrap());
    store.apply(Change::CreateKey(robot), by(1)).await.unwrap();
    assert_eq!(store.check().await.unwrap(), []);
}

#[tokio::test]
async fn who_opens_a_new_file_at_the_same_time_opens_the_same_store() {
    for _ in 0..20 {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("store.db");
        let stores = join_all((0..6).map(|_| SqliteStore::open(&file))).await;
        let stores: Vec<_> = stores.into_iter().map(Result::unwrap).collect();
        let made = (1..).zip(&stores).map(async |(at, store)| {
            let change = Change::CreateAccount(account(&format!("user-{at}")));
            store.apply(change, by(at)).await.unwrap()
        });
        let mut revisions = join_all(made).await;
        revisions.sort();
        assert_eq!(revisions, [1, 2, 3, 4, 5, 6].map(Revision));
        let (directory, _) = stores[0].load().await.unwrap();
        assert_eq!(directory.account_count(), 6);
    }
}

#[tokio::test]
async fn a_follower_sees_what_another_has_written() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("store.db");
    let ours = SqliteStore::open(&file).await.unwrap();
    let theirs = SqliteStore::open(&file).await.unwrap();
    let mut follower = Follower::of(&ours).await;
    let mut told = ours.watch();
    let mut slowest = Duration::ZERO;
    for name in ["a", "b", "c", "d"] {
        told.mark_unchanged();
        let change = Change::CreateAccount(account(name));
        theirs.apply(change, by(1)).await.unwrap();
        let since = Instant::now();
        assert!(is_told(&mut told).await);
        slowest = slowest.max(since.elapsed());
        follower.catch_up(&ours).await;
        assert!(follower.directory.account_named(name).is_some());
    }
    println!("told after {} ms at most", slowest.as_millis());
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
}

#[tokio::test]
async fn a_file_that_is_replaced_is_the_store_from_then_on() {
    let place = tempfile::tempdir().unwrap();
    let (file, other) = (place.path().join("store.db"), place.path().join("other.db"));
    let make = async |file: &Path, names: &[&str]| {
        let store = SqliteStore::open(file).await.unwrap();
        for name in names {
            let change = Change::CreateAccount(account(name));
            store.apply(change, by(1)).await.unwrap();
        }
        store
    };
    drop(make(&other, &["theirs"]).await);
    let store = make(&file, &["alice", "bob"]).await;
    let mut follower = Follower::of(&store).await;
    let mut told = store.watch();
    told.mark_unchanged();
    fs::remove_file(place.path().join("store.db-wal")).unwrap();
    fs::remove_file(place.path().join("store.db-shm")).unwrap();
    fs::rename(&other, &file).unwrap();
    assert!(is_told(&mut told).await);
    follower.catch_up(&store).await;
    assert!(follower.directory.account_named("theirs").is_some());
    assert_eq!(follower.directory.account_count(), 1);
    let change = Change::CreateAccount(account("carol"));
    assert_eq!(store.apply(change, by(1)).await, Ok(Revision(2)));
    let again = SqliteStore::open(&file).await.unwrap();
    assert_eq!(again.load().await.unwrap().0.account_count(), 2);
}

#[tokio::test]
async fn a_file_that_vanished_is_not_made_again() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("store.db");
    let store = SqliteStore::open(&file).await.unwrap();
    fs::rename(&file, place.path().join("elsewhere.db")).unwrap();
    let change = Change::CreateAccount(account("alice"));
    let outcome = store.apply(change, by(1)).await;
    assert!(
        matches!(outcome, Err(StoreError::Unavailable(_))),
        "{outcome:?}"
    );
    assert!(store.load().await.is_err());
    assert!(!file.exists());
}

/// Takes the log and its index away from whoever has the store open.
fn take_log(file: &Path) {
    for ending in ["-wal", "-shm"] {
        let beside = format!("{}{ending}", file.display());
        fs::remove_file(beside).unwrap();
    }
}

async fn create(store: &SqliteStore, name: &str) {
    let change = Change::CreateAccount(account(name));
    store.apply(change, by(1)).await.unwrap();
}

/// The names of all users, sorted.
async fn names(store: &SqliteStore) -> Vec<String> {
    let (directory, _) = store.load().await.unwrap();
    let names = directory
        .accounts()
        .map(|account| account.username.to_string());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

#[tokio::test]
async fn when_the_log_is_taken_away_nothing_that_was_acknowledged_is_lost() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("store.db");
    let store = SqliteStore::open(&file).await.unwrap();
    create(&store, "alice").await;
    take_log(&file);
    create(&store, "bob").await;
    take_log(&file);
    assert_eq!(names(&store).await, ["alice", "bob"]);
    let mut told = store.watch();
    told.mark_unchanged();
    take_log(&file);
    // The one that watches notices by itself.
    assert!(is_told(&mut told).await);
    let log = place.path().join("store.db-wal");
    assert!(log.exists());
    drop(store);
    assert!(!log.exists());
    let again = SqliteStore::open(&file).await.unwrap();
    assert_eq!(names(&again).await, ["alice", "bob"]);
    assert_eq!(again.check().await.unwrap(), []);
}

#[tokio::test]
async fn a_log_that_is_replaced_is_the_stores_from_then_on() {
    let place = tempfile::tempdir().unwrap();
    let (file, copy) = (place.path().join("store.db"), place.path().join("copy.db"));
    let store = SqliteStore::open(&file).await.unwrap();
    create(&store, "alice").await;
    store.close();
    drop(store);
    fs::copy(&file, &copy).unwrap();
    let other = SqliteStore::open(&copy).await.unwrap();
    create(&other, "theirs").await;
    let store = SqliteStore::open(&file).await.unwrap();
    create(&store, "ours").await;
    // As if another process had made a log of its own, and changed something.
    let log = place.path().join("store.db-wal");
    fs::copy(place.path().join("copy.db-wal"), place.path().join("new")).unwrap();
    fs::remove_file(place.path().join("store.db-shm")).unwrap();
    fs::rename(place.path().join("new"), &log).unwrap();
    create(&store, "later").await;
    assert_eq!(names(&store).await, ["alice", "later", "theirs"]);
    drop(store);
    let again = SqliteStore::open(&file).await.unwrap();
    assert_eq!(names(&again).await, ["alice", "later", "theirs"]);
    assert_eq!(again.check().await.unwrap(), []);
}

#[tokio::test]
async fn whoever_else_opens_and_closes_it_disturbs_nobody() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("store.db");
    for round in 0..5 {
        let store = SqliteStore::open(&file).await.unwrap();
        let log = fs::metadata(place.path().join("store.db-wal")).unwrap();
        for other in 0..5 {
            let theirs = SqliteStore::open(&file).await.unwrap();
            create(&theirs, &format!("theirs-{round}-{other}")).await;
            drop(theirs);
            create(&store, &format!("ours-{round}-{other}")).await;
        }
        assert_eq!(names(&store).await.len(), (round + 1) * 10);
        let after = fs::metadata(place.path().join("store.db-wal")).unwrap();
        assert_eq!(after.ino(), log.ino());
    }
}
