//! [`MemoryStore`]: a store that is gone with the process; for tests, and for demonstrations.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use tokio::sync::watch;

use super::{
    Author, Change, Changes, Entry, KeyUse, Page, Refusal, Revision, Rows, Store, StoreError,
    effect,
};
use crate::auth::{
    Account, AccountId, Directory, KeyDigest, KeyName, Record, Revocation, SigningKey, StoredKey,
    TokenId, UserId,
};
use crate::clock::Timestamp;

/// Everything in memory, behind one lock.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    directory: Directory,
    log: Vec<(Entry, Vec<Record>)>,
    uses: BTreeMap<KeyName, Timestamp>,
    changed: watch::Sender<u64>,
}

impl MemoryStore {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn with<T: Send + 'static>(&self, act: impl FnOnce(&mut Kept) -> T) -> BoxFuture<'_, T> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ready(act(&mut kept)).boxed()
    }
}

impl Store for MemoryStore {
    fn load(&self) -> BoxFuture<'_, Result<(Directory, Revision), StoreError>> {
        self.with(|kept| Ok((kept.directory.clone(), kept.revision())))
    }

    fn apply(&self, change: Change, by: Author) -> BoxFuture<'_, Result<Revision, StoreError>> {
        self.with(|kept| Ok(kept.apply(&change, by)?))
    }

    fn changes(&self, after: Revision) -> BoxFuture<'_, Result<Changes, StoreError>> {
        self.with(move |kept| {
            if after > kept.revision() {
                return Ok(Changes::Forgotten);
            }
            let later = kept.log.iter().filter(|(entry, _)| entry.revision > after);
            let records = later.flat_map(|(_, records)| records.iter().cloned());
            Ok(Changes::Since(records.collect(), kept.revision()))
        })
    }

    fn watch(&self) -> watch::Receiver<u64> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.changed.subscribe()
    }

    fn audit(&self, page: Page) -> BoxFuture<'_, Result<Vec<Entry>, StoreError>> {
        self.with(move |kept| {
            let entries = kept.log.iter().rev().map(|(entry, _)| entry);
            let is_before = |entry: &&Entry| page.before.is_none_or(|end| entry.revision < end);
            let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
            Ok(entries.filter(is_before).take(limit).cloned().collect())
        })
    }

    fn note_uses(&self, uses: Vec<KeyUse>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.with(|kept| {
            for KeyUse { key, at } in uses {
                if kept.directory.key_named(&key).is_some() {
                    let last = kept.uses.entry(key).or_insert(at);
                    *last = at.max(*last);
                }
            }
            Ok(())
        })
    }

    fn uses_of(&self, keys: Vec<KeyName>) -> BoxFuture<'_, Result<Vec<KeyUse>, StoreError>> {
        self.with(|kept| {
            let used = |key: KeyName| {
                let at = *kept.uses.get(&key)?;
                Some(KeyUse { key, at })
            };
            Ok(keys.into_iter().filter_map(used).collect())
        })
    }

    fn uses(&self) -> BoxFuture<'_, Result<Vec<KeyUse>, StoreError>> {
        self.with(|kept| {
            let uses = kept.uses.iter();
            Ok(uses
                .map(|(key, at)| KeyUse {
                    key: key.clone(),
                    at: *at,
                })
                .collect())
        })
    }
}

impl Kept {
    fn revision(&self) -> Revision {
        self.log
            .last()
            .map_or(Revision::default(), |(entry, _)| entry.revision)
    }

    fn apply(&mut self, change: &Change, by: Author) -> Result<Revision, Refusal> {
        let records = match effect(change, &self.directory) {
            Ok(records) => records?,
            Err(never) => match never {},
        };
        let revision = Revision(self.revision().0 + 1);
        for record in &records {
            if let Record::KeyGone(name) = record {
                self.uses.remove(name);
            }
            self.directory.absorb(record.clone());
        }
        let entry = Entry {
            revision,
            by,
            action: change.action().to_owned(),
            subject: change.subject(),
            detail: change.detail(),
        };
        self.log.push((entry, records));
        self.changed.send_modify(|number| *number += 1);
        Ok(revision)
    }
}

/// A directory can be asked as rows can.
impl Rows for Directory {
    type Error = Infallible;

    fn account(&self, id: AccountId) -> Result<Option<Account>, Infallible> {
        Ok(self.account(id).cloned())
    }

    fn account_named(&self, username: &UserId) -> Result<Option<AccountId>, Infallible> {
        Ok(self
            .account_named(username.as_str())
            .map(|account| account.id))
    }

    fn key(&self, name: &KeyName) -> Result<Option<StoredKey>, Infallible> {
        Ok(self.key_named(name).cloned())
    }

    fn key_of_digest(&self, digest: KeyDigest) -> Result<Option<KeyName>, Infallible> {
        Ok(self.key(digest).map(|key| key.name.clone()))
    }

    fn keys_of(&self, id: AccountId) -> Result<Vec<KeyName>, Infallible> {
        Ok(self.keys_of(id).map(|key| key.name.clone()).collect())
    }

    fn signing_keys(&self) -> Result<Vec<SigningKey>, Infallible> {
        let keys = self.signing_keys().iter();
        Ok(keys.map(|key| SigningKey::clone(key)).collect())
    }

    fn revocation(&self, token: TokenId) -> Result<Option<Revocation>, Infallible> {
        Ok(self.revocation(token))
    }

    fn revocations_over(&self, by: Timestamp) -> Result<Vec<Revocation>, Infallible> {
        Ok(self.revocations().filter(|one| one.until <= by).collect())
    }

    fn tokens_end(&self) -> Result<Option<Timestamp>, Infallible> {
        Ok(self.tokens_end())
    }
}
