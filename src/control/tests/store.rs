//! What a store says comes into force; what it said last stays while it says nothing.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::watch;

use super::plane::{InForce, SOON};
use super::*;
use crate::auth::{
    Account, AccountId, Directory, KeyDigest, KeyName, KeyOwner, PasswordHash, Permissions, Status,
    StoredKey, Transports, UserId,
};
use crate::snapshot::Snapshot;
use crate::store::{
    Author, Change, Changes, Entry, KeyUse, MemoryStore, Page, Revision, Sighting, Store,
    StoreError,
};

const ACCOUNTS: &str = "[accounts]\nstore = 'users.db'\n";

/// A store that can be cut off.
#[derive(Default)]
struct Far {
    store: MemoryStore,
    is_gone: AtomicBool,
    /// Each note of uses, whatever became of it.
    notes: Mutex<Vec<Vec<KeyUse>>>,
}

impl Far {
    fn reach<T: Send + 'static>(
        &self,
        answer: BoxFuture<'static, Result<T, StoreError>>,
    ) -> BoxFuture<'_, Result<T, StoreError>> {
        if self.is_gone.load(Ordering::Relaxed) {
            let gone = StoreError::Unavailable("cut off".to_owned());
            return std::future::ready(Err(gone)).boxed();
        }
        answer
    }
}

/// A memory's answers are there at once.
fn now<T: Send + 'static>(answer: BoxFuture<'_, T>) -> BoxFuture<'static, T> {
    std::future::ready(answer.now_or_never().unwrap()).boxed()
}

impl Store for Far {
    fn load(&self) -> BoxFuture<'_, Result<(Directory, Revision), StoreError>> {
        self.reach(now(self.store.load()))
    }
    fn apply(&self, change: Change, by: Author) -> BoxFuture<'_, Result<Revision, StoreError>> {
        self.reach(now(self.store.apply(change, by)))
    }
    fn changes(&self, after: Revision) -> BoxFuture<'_, Result<Changes, StoreError>> {
        self.reach(now(self.store.changes(after)))
    }
    fn watch(&self) -> watch::Receiver<u64> {
        self.store.watch()
    }
    fn audit(&self, page: Page) -> BoxFuture<'_, Result<Vec<Entry>, StoreError>> {
        self.reach(now(self.store.audit(page)))
    }
    fn note_uses(&self, uses: Vec<KeyUse>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.notes.lock().unwrap().push(uses.clone());
        if self.is_gone.load(Ordering::Relaxed) {
            return self.reach(std::future::ready(Ok(())).boxed());
        }
        self.store.note_uses(uses)
    }
    fn uses(&self) -> BoxFuture<'_, Result<Vec<KeyUse>, StoreError>> {
        self.reach(now(self.store.uses()))
    }
    fn uses_of(&self, keys: Vec<KeyName>) -> BoxFuture<'_, Result<Vec<KeyUse>, StoreError>> {
        self.reach(now(self.store.uses_of(keys)))
    }
}

fn user(name: &str) -> Change {
    Change::CreateAccount(Account {
        id: AccountId::random(),
        username: UserId::parse(name).unwrap(),
        password: PasswordHash::new("$"),
        permissions: Permissions::default(),
        status: Status::Enabled,
        tokens_end: Timestamp::from_secs(0),
        created: Timestamp::from_secs(0),
    })
}

fn key(number: usize) -> Change {
    let name = format!("k{number}");
    Change::CreateKey(StoredKey {
        digest: KeyDigest::of(name.as_bytes()),
        name: KeyName::parse(&name).unwrap(),
        beginning: "dw_".into(),
        owner: KeyOwner::Bound(UserId::parse("alice").unwrap()),
        permissions: Permissions::default(),
        transports: Transports::Both,
        created: Timestamp::from_secs(0),
        expires: None,
    })
}

fn by() -> Author {
    Author {
        name: "test".to_owned(),
        from: "cli".to_owned(),
        at: Timestamp::from_secs(0),
    }
}

fn directory(snapshot: &Snapshot) -> Option<&Arc<Directory>> {
    let accounts = snapshot.gate.verifiers.accounts.as_ref();
    accounts.and_then(|accounts| accounts.directory())
}

fn knows(name: &'static str) -> impl Fn(&Snapshot) -> bool {
    move |snapshot| directory(snapshot).is_some_and(|it| it.account_named(name).is_some())
}

async fn heard(in_force: &mut InForce, revision: Revision) {
    let heard = in_force.wait_for(|reached| *reached >= revision);
    tokio::time::timeout(SOON, heard).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_is_there_at_the_start_and_what_comes_is_in_force_when_it_is_told_so() {
    let store = Arc::new(Far::default());
    let first = store.apply(user("alice"), by()).await.unwrap();
    let (plane, mut in_force) = Home::new()
        .plane_over(ACCOUNTS, Arc::clone(&store) as _)
        .await;
    heard(&mut in_force, first).await;
    assert!(knows("alice")(&plane.reader.load()));
    let since = Instant::now();
    let second = store.apply(user("bob"), by()).await.unwrap();
    heard(&mut in_force, second).await;
    assert!(knows("bob")(&plane.reader.load()) && knows("alice")(&plane.reader.load()));
    let took = since.elapsed();
    assert!(took < Duration::from_millis(300), "{took:?}");
}

#[tokio::test]
async fn a_new_configuration_keeps_what_the_store_said() {
    let store = Arc::new(Far::default());
    store.apply(user("alice"), by()).await.unwrap();
    let (mut plane, _in_force) = Home::new().plane_over(ACCOUNTS, store).await;
    plane.until(knows("alice")).await;
    plane.write_config(&format!("{ACCOUNTS}{KEY_A}"));
    plane.until_keys(1).await;
    assert!(knows("alice")(&plane.reader.load()));
}

#[tokio::test]
async fn many_changes_are_published_together() {
    let store = Arc::new(Far::default());
    let (plane, mut in_force) = Home::new()
        .plane_over(ACCOUNTS, Arc::clone(&store) as _)
        .await;
    let first = store.apply(user("alice"), by()).await.unwrap();
    heard(&mut in_force, first).await;
    let before = plane.reader.generation();
    let mut last = first;
    for number in 0..200 {
        last = store.apply(key(number), by()).await.unwrap();
        tokio::task::yield_now().await;
    }
    heard(&mut in_force, last).await;
    let published = plane.reader.generation().0 - before.0;
    assert!((1..20).contains(&published), "{published} publications");
    assert_eq!(directory(&plane.reader.load()).unwrap().key_count(), 200);
}

#[tokio::test]
async fn a_store_that_is_gone_takes_nothing_back_and_is_read_when_it_is_there_again() {
    let store = Arc::new(Far::default());
    store.apply(user("alice"), by()).await.unwrap();
    let (mut plane, _in_force) = Home::new()
        .plane_over(ACCOUNTS, Arc::clone(&store) as _)
        .await;
    plane.until(knows("alice")).await;
    store.is_gone.store(true, Ordering::Relaxed);
    store.store.apply(user("bob"), by()).await.unwrap();
    plane
        .until_metric(&["doorward_reloads_total", "store", "result=\"failed\""], 1)
        .await;
    assert!(knows("alice")(&plane.reader.load()) && !knows("bob")(&plane.reader.load()));
    store.is_gone.store(false, Ordering::Relaxed);
    plane.until(knows("bob")).await;
}

#[tokio::test]
async fn a_store_that_is_not_there_at_the_start_is_read_later() {
    let store = Arc::new(Far::default());
    store.apply(user("alice"), by()).await.unwrap();
    store.is_gone.store(true, Ordering::Relaxed);
    let more = format!("{ACCOUNTS}{KEY_A}");
    let (mut plane, _in_force) = Home::new().plane_over(&more, Arc::clone(&store) as _).await;
    plane
        .until_metric(&["doorward_reloads_total", "store", "result=\"failed\""], 1)
        .await;
    assert_eq!((plane.keys(), directory(&plane.reader.load())), (1, None));
    store.is_gone.store(false, Ordering::Relaxed);
    plane.until(knows("alice")).await;
}

/// The first notes of uses that are taken to a store, as soon as there are so many.
async fn notes(store: &Far, count: usize) -> Vec<Vec<(String, i64)>> {
    let taken = async {
        while store.notes.lock().unwrap().len() < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, taken).await.unwrap();
    let of = |it: &KeyUse| (it.key.to_string(), it.at.as_secs());
    let notes = store.notes.lock().unwrap();
    notes
        .iter()
        .map(|note| note.iter().map(of).collect())
        .collect()
}

#[tokio::test]
async fn a_use_is_noted_once_a_minute_whoever_saw_it() {
    let store = Arc::new(Far::default());
    store.apply(key(1), by()).await.unwrap();
    let last = store.apply(key(2), by()).await.unwrap();
    let (workers, seen) = mpsc::channel(8);
    let over = Arc::clone(&store) as _;
    let (_plane, mut in_force) = Home::new().plane_that_notes(ACCOUNTS, over, seen).await;
    heard(&mut in_force, last).await;
    let saw = async |name: &str, second| {
        let digest = KeyDigest::of(name.as_bytes());
        let sighting = Sighting::new(digest, Timestamp::from_secs(second));
        workers.send(vec![sighting]).await.unwrap();
    };
    let of = |name: &str, minute: i64| vec![(name.to_owned(), minute)];
    saw("k1", 61).await;
    assert_eq!(notes(&store, 1).await, [of("k1", 60)]);
    // Another worker's word of the same minute, and of a key that is gone, is no news.
    saw("k1", 62).await;
    saw("gone", 63).await;
    saw("k2", 121).await;
    store.is_gone.store(true, Ordering::Relaxed);
    assert_eq!(notes(&store, 2).await, [of("k1", 60), of("k2", 120)]);
    // What was not taken is offered again.
    store.is_gone.store(false, Ordering::Relaxed);
    assert_eq!(notes(&store, 3).await[2], of("k2", 120));
    drop(workers);
    let uses = store.store.uses().await.unwrap();
    assert_eq!(uses.len(), 2);
}
