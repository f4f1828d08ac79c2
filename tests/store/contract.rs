//! What holds of every store.

use std::time::Duration;

use doorward::auth::{
    Account, AccountId, Directory, KeyDigest, KeyName, KeyOwner, PasswordHash, Permissions, Record,
    Revocation, Status, StoredKey, TokenId, Transports, UserId,
};
use doorward::clock::Timestamp;
use doorward::store::{
    AccountEdit, Author, Change, Changes, Entry, KeyUse, Page, Refusal, Revision, Store, StoreError,
};
use futures_util::future::join_all;
use proptest::prelude::*;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::changes::{self, SECRET};
use crate::kinds::Kind;

/// So few things that most changes meet others.
const THINGS: u64 = 6;

pub(crate) fn by(at: i64) -> Author {
    Author {
        name: "root".to_owned(),
        from: "cli".to_owned(),
        at: Timestamp::from_secs(at),
    }
}

pub(crate) fn account(name: &str) -> Account {
    Account {
        id: AccountId::random(),
        username: UserId::parse(name).unwrap(),
        password: PasswordHash::new("$one"),
        permissions: Permissions::default(),
        status: Status::Enabled,
        tokens_end: Timestamp::from_secs(0),
        created: Timestamp::from_secs(1),
    }
}

pub(crate) fn key(name: &str, owner: AccountId) -> StoredKey {
    StoredKey {
        name: KeyName::parse(name).unwrap(),
        digest: KeyDigest::of(name.as_bytes()),
        beginning: "dw_".into(),
        owner: KeyOwner::Account(owner),
        permissions: Permissions::default(),
        transports: Transports::Both,
        created: Timestamp::from_secs(1),
        expires: None,
    }
}

/// A directory that follows a store by its changes.
#[derive(Default)]
pub(crate) struct Follower {
    pub(crate) directory: Directory,
    pub(crate) revision: Revision,
}

impl Follower {
    pub(crate) async fn of(store: &dyn Store) -> Self {
        let (directory, revision) = store.load().await.unwrap();
        Self {
            directory,
            revision,
        }
    }

    pub(crate) async fn catch_up(&mut self, store: &dyn Store) {
        match store.changes(self.revision).await.unwrap() {
            Changes::Since(records, revision) => {
                for record in records {
                    self.directory.absorb(record);
                }
                self.revision = revision;
            }
            Changes::Forgotten => *self = Self::of(store).await,
        }
    }
}

/// Waits until a store tells of a change; whether it does, in good time.
pub(crate) async fn is_told(told: &mut watch::Receiver<u64>) -> bool {
    let patience = Duration::from_secs(10);
    matches!(timeout(patience, told.changed()).await, Ok(Ok(())))
}

pub(crate) async fn whole_log(store: &dyn Store) -> Vec<Entry> {
    let page = Page {
        before: None,
        limit: u32::MAX,
    };
    let mut log = store.audit(page).await.unwrap();
    log.reverse();
    log
}

/// Several changes that came together, a note of uses, and whether somebody catches up then.
type Step = (Vec<u64>, Option<u64>, bool);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (
        proptest::collection::vec(any::<u64>(), 1..12),
        proptest::option::of(any::<u64>()),
        any::<bool>(),
    );
    proptest::collection::vec(step, 1..12)
}

fn key_use(number: u64) -> KeyUse {
    KeyUse {
        key: KeyName::parse(&format!("key-{}", number % THINGS)).unwrap(),
        at: Timestamp::from_secs(i64::try_from(number % 97).unwrap()),
    }
}

/// What came of a script: each change's outcome, and what is there in the end.
#[derive(Debug, PartialEq)]
struct Ending {
    outcomes: Vec<Result<Revision, StoreError>>,
    directory: Directory,
    revision: Revision,
    log: Vec<Entry>,
    uses: Vec<KeyUse>,
}

async fn play(kind: Kind, script: &[Step]) -> Ending {
    let place = tempfile::tempdir().unwrap();
    let store = kind.open(place.path()).await;
    let mut outcomes = Vec::new();
    let (mut early, mut late) = (Follower::of(&*store).await, Follower::of(&*store).await);
    for (numbers, used, catches_up) in script {
        let asked = numbers
            .iter()
            .map(|number| store.apply(changes::change(*number, THINGS), changes::author(*number)));
        // All are asked for before any is answered.
        outcomes.extend(join_all(asked.collect::<Vec<_>>()).await);
        if let Some(number) = used {
            let uses = vec![key_use(*number)];
            store.note_uses(uses).await.unwrap();
        }
        if *catches_up {
            early.catch_up(&*store).await;
            assert_eq!(
                store.load().await.unwrap(),
                (early.directory.clone(), early.revision)
            );
        }
    }
    late.catch_up(&*store).await;
    let store = kind.reopen(store, place.path()).await;
    let (directory, revision) = store.load().await.unwrap();
    assert_eq!((&late.directory, late.revision), (&directory, revision));
    Ending {
        outcomes,
        directory,
        revision,
        log: whole_log(&*store).await,
        uses: store.uses().await.unwrap(),
    }
}

/// One entry for each change that was made, in their order; nothing of what nobody may see.
fn assert_log(script: &[Step], ending: &Ending) {
    let numbers = script.iter().flat_map(|(numbers, ..)| numbers);
    let made = numbers
        .zip(&ending.outcomes)
        .filter_map(|(number, outcome)| {
            let change = changes::change(*number, THINGS);
            outcome.is_ok().then(|| Entry {
                revision: *outcome.as_ref().unwrap(),
                by: changes::author(*number),
                action: change.action().to_owned(),
                subject: change.subject(),
                detail: change.detail(),
            })
        });
    assert_eq!(made.collect::<Vec<_>>(), ending.log);
    let log = format!("{:?}", ending.log);
    assert!(!log.contains(SECRET), "{log}");
    for number in 0..THINGS {
        let digest = KeyDigest::of(format!("key {number}").as_bytes()).to_string();
        assert!(!log.contains(&digest), "{log}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn all_kinds_end_alike_whatever_is_done(script in steps()) {
        let runtime = Runtime::new().unwrap();
        let endings = Kind::ALL.map(|kind| runtime.block_on(play(kind, &script)));
        for ending in &endings {
            assert_log(&script, ending);
            prop_assert_eq!(ending, &endings[0]);
        }
    }
}

/// Changes to a store of each kind, and what they leave.
async fn each(
    changes: Vec<Change>,
    check: impl AsyncFn(&dyn Store, Vec<Result<Revision, StoreError>>),
) {
    for kind in Kind::ALL {
        let place = tempfile::tempdir().unwrap();
        let store = kind.open(place.path()).await;
        let mut outcomes = Vec::new();
        for (at, change) in (1..).zip(changes.clone()) {
            outcomes.push(store.apply(change, by(at)).await);
        }
        check(&*store, outcomes).await;
    }
}

#[tokio::test]
async fn a_password_is_hashed_anew_only_if_it_is_still_the_one_that_was_checked() {
    let alice = account("alice");
    let rehash = |from: &str, to: &str| Change::Rehash {
        id: alice.id,
        from: PasswordHash::new(from),
        to: PasswordHash::new(to),
    };
    let changes = vec![
        Change::CreateAccount(alice.clone()),
        rehash("$one", "$two"),
        rehash("$one", "$three"),
    ];
    each(changes, async |store, outcomes| {
        assert!(outcomes.iter().all(Result::is_ok));
        let (directory, _) = store.load().await.unwrap();
        let hash = &directory.account(alice.id).unwrap().password;
        assert_eq!(hash.expose(), "$two");
    })
    .await;
}

#[tokio::test]
async fn a_rotated_key_ends_when_it_is_told_to_or_before_and_keeps_its_uses() {
    let alice = account("alice");
    let rotate = |ends, next| Change::RotateKey {
        name: KeyName::parse("first").unwrap(),
        ends: Timestamp::from_secs(ends),
        next: key(next, alice.id),
    };
    let after_its_end = Change::RotateKey {
        name: KeyName::parse("first").unwrap(),
        ends: Timestamp::from_secs(90),
        next: StoredKey {
            created: Timestamp::from_secs(50),
            ..key("late", alice.id)
        },
    };
    let changes = vec![
        Change::CreateAccount(alice.clone()),
        Change::CreateKey(key("first", alice.id)),
        rotate(50, "second"),
        rotate(70, "third"),
        rotate(40, "second"),
        after_its_end,
    ];
    each(changes, async |store, outcomes| {
        assert_eq!(outcomes[4], Err(Refusal::KeyTaken.into()));
        assert_eq!(outcomes[5], Err(Refusal::KeyEnded.into()));
        let (directory, revision) = store.load().await.unwrap();
        let first = KeyName::parse("first").unwrap();
        let ends = directory.key_named(&first).unwrap().expires;
        assert_eq!(ends, Some(Timestamp::from_secs(50)));
        assert_eq!((directory.key_count(), revision), (3, Revision(4)));
        let used = KeyUse {
            key: first.clone(),
            at: Timestamp::from_secs(60),
        };
        store.note_uses(vec![used.clone()]).await.unwrap();
        store.apply(rotate(30, "fourth"), by(9)).await.unwrap();
        assert_eq!(store.uses().await.unwrap(), std::slice::from_ref(&used));
        let second = KeyName::parse("second").unwrap();
        let of_both = store.uses_of(vec![second, first.clone()]).await;
        assert_eq!(of_both.unwrap(), [used]);
        store.apply(Change::RevokeKey(first), by(9)).await.unwrap();
        assert_eq!(store.uses().await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn what_is_over_is_forgotten_and_nothing_else() {
    let revoke = |token: u128, until| {
        Change::RevokeToken(Revocation {
            token: TokenId(uuid::Uuid::from_u128(token)),
            until: Timestamp::from_secs(until),
        })
    };
    let prune = Change::Prune {
        over: Timestamp::from_secs(2),
    };
    let changes = vec![
        revoke(1, 2),
        revoke(2, 3),
        Change::CreateAccount(account("alice")),
        prune,
    ];
    each(changes, async |store, _| {
        let (directory, revision) = store.load().await.unwrap();
        let left: Vec<_> = directory.revocations().map(|one| one.until).collect();
        assert_eq!(left, [Timestamp::from_secs(3)]);
        assert_eq!((directory.account_count(), revision), (1, Revision(4)));
        assert_eq!(whole_log(store).await.len(), 4, "the log is kept");
        // Of the changes since then all is known.
        let Changes::Since(records, _) = store.changes(Revision(2)).await.unwrap() else {
            panic!("forgotten too early");
        };
        assert!(records.iter().any(|it| matches!(it, Record::Account(_))));
    })
    .await;
}

#[tokio::test]
async fn a_token_that_is_revoked_again_is_remembered_until_the_later_end() {
    let token = TokenId::random();
    let revoke = |until| {
        Change::RevokeToken(Revocation {
            token,
            until: Timestamp::from_secs(until),
        })
    };
    let prune = Change::Prune {
        over: Timestamp::from_secs(8),
    };
    let changes = vec![revoke(5), revoke(9), revoke(7), prune];
    each(changes, async |store, outcomes| {
        assert!(outcomes.iter().all(Result::is_ok));
        let (directory, _) = store.load().await.unwrap();
        let kept = directory.revocation(token).map(|one| one.until);
        assert_eq!(kept, Some(Timestamp::from_secs(9)));
        let mut follower = Follower::default();
        follower.catch_up(store).await;
        assert_eq!(follower.directory, directory);
    })
    .await;
}

#[tokio::test]
async fn whoever_knows_a_revision_that_never_was_has_to_read_everything() {
    each(
        vec![Change::CreateAccount(account("alice"))],
        async |store, _| {
            let known = store.changes(Revision(1)).await.unwrap();
            assert_eq!(known, Changes::Since(vec![], Revision(1)));
            let unknown = store.changes(Revision(2)).await.unwrap();
            assert_eq!(unknown, Changes::Forgotten);
        },
    )
    .await;
}

#[tokio::test]
async fn a_follower_sees_keys_that_have_swapped_their_names() {
    let (alice, bob) = (account("alice"), account("bob"));
    let (one, other) = (key("one", alice.id), key("other", bob.id));
    let made = [alice, bob].map(Change::CreateAccount).into_iter();
    let made = made.chain([one.clone(), other.clone()].map(Change::CreateKey));
    each(made.collect(), async |store, _| {
        let mut follower = Follower::of(store).await;
        let (mut this, mut that) = (one.clone(), other.clone());
        std::mem::swap(&mut this.name, &mut that.name);
        let revoked = [one.name.clone(), other.name.clone()].map(Change::RevokeKey);
        for change in revoked
            .into_iter()
            .chain([this, that].map(Change::CreateKey))
        {
            store.apply(change, by(9)).await.unwrap();
        }
        follower.catch_up(store).await;
        assert_eq!(store.load().await.unwrap().0, follower.directory);
    })
    .await;
}

#[tokio::test]
async fn the_log_is_read_page_by_page_newest_first() {
    let changes: Vec<_> = ["a", "b", "c"]
        .map(account)
        .map(Change::CreateAccount)
        .into();
    each(changes, async |store, _| {
        let page = |before, limit| async move {
            let page = Page { before, limit };
            let entries = store.audit(page).await.unwrap().into_iter();
            entries.map(|entry| entry.revision.0).collect::<Vec<_>>()
        };
        assert_eq!(page(None, 2).await, [3, 2]);
        assert_eq!(page(Some(Revision(2)), 2).await, [1]);
    })
    .await;
}

#[tokio::test]
async fn a_refused_change_leaves_nothing() {
    let (alice, other) = (account("alice"), account("ALICE"));
    let nobody = AccountId::random();
    let changes = vec![
        Change::CreateAccount(alice.clone()),
        Change::CreateAccount(other),
        Change::CreateKey(key("k", nobody)),
        Change::EditAccount {
            id: nobody,
            edit: AccountEdit::default(),
        },
    ];
    each(changes, async |store, outcomes| {
        let refused = [Refusal::NameTaken, Refusal::NoSuchUser, Refusal::NoSuchUser];
        assert_eq!(outcomes[1..], refused.map(|refusal| Err(refusal.into())));
        assert_eq!(whole_log(store).await.len(), 1);
        let (directory, revision) = store.load().await.unwrap();
        assert_eq!((directory.account_count(), directory.key_count()), (1, 0));
        assert_eq!(revision, Revision(1));
    })
    .await;
}

#[tokio::test]
async fn our_own_change_is_told_at_once() {
    for kind in Kind::ALL {
        let place = tempfile::tempdir().unwrap();
        let store = kind.open(place.path()).await;
        let mut told = store.watch();
        told.mark_unchanged();
        let change = Change::CreateAccount(account("alice"));
        store.apply(change, by(1)).await.unwrap();
        // Before the answer, not by the next look at the file.
        assert!(told.has_changed().unwrap(), "{kind:?}");
    }
}
