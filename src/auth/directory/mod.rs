//! [`Directory`]: users, keys and revocations as plain data, as they were last read from the store.
//!
//! It grows by [`Record`]s. Each part is cut into shards behind `Arc`s, so that a copy of a
//! directory of a hundred thousand keys with one change costs what the change costs, and not what
//! the directory does.

mod account;
mod ends;
mod record;
mod sharded;
mod signing_key;
mod stored_key;

use std::{collections::HashMap, sync::Arc};

pub use account::{Account, AccountId, PasswordHash, Status};
use ends::Ends;
pub use record::{Record, Revocation};
use sharded::Sharded;
pub use signing_key::{InvalidPurpose, Kid, Purpose, SigningAlgorithm, SigningKey, TokenId};
pub use stored_key::{InvalidKeyName, KeyName, KeyOwner, StoredKey};

use super::{Permissions, UserGlob, UserId, verify::KeyDigest};
use crate::clock::Timestamp;

/// Everything the store holds that decides about requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directory {
    accounts: Sharded<AccountId, Member>,
    /// By case-folded name.
    names: Sharded<Box<str>, AccountId>,
    keys: Sharded<KeyDigest, Held>,
    key_names: Sharded<KeyName, KeyDigest>,
    /// Whom acting keys may name, and until when.
    acting: HashMap<UserGlob, Ends>,
    /// Whom bound keys speak for, case-folded, and how many of them.
    bound: Sharded<Box<str>, usize>,
    revoked: Sharded<TokenId, Timestamp>,
    signing_keys: Vec<Arc<SigningKey>>,
    tokens_end: Option<Timestamp>,
}

/// An account, and the keys that are its own.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Member {
    account: Account,
    /// Sorted: what is the same in whatever order it came is equal.
    keys: Vec<KeyDigest>,
}

/// A key, and what it comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Held {
    key: StoredKey,
    /// What both the key and its owner may do.
    permissions: Permissions,
}

impl Directory {
    /// The account of this id.
    #[must_use]
    pub fn account(&self, id: AccountId) -> Option<&Account> {
        self.accounts.look_up(&id).map(|member| &member.account)
    }

    /// The account of this name, case-folded.
    #[must_use]
    pub fn account_named(&self, username: &str) -> Option<&Account> {
        let id = self.names.look_up(&*username.to_ascii_lowercase())?;
        self.account(*id)
    }

    /// Every account, in no order.
    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values().map(|member| &member.account)
    }

    /// How many accounts there are.
    #[must_use]
    pub fn account_count(&self) -> usize {
        self.accounts.len()
    }

    /// The key of this digest.
    #[must_use]
    pub fn key(&self, digest: KeyDigest) -> Option<&StoredKey> {
        self.keys.look_up(&digest).map(|held| &held.key)
    }

    /// The key of this name.
    #[must_use]
    pub fn key_named(&self, name: &KeyName) -> Option<&StoredKey> {
        self.key(*self.key_names.look_up(name)?)
    }

    /// The keys that are an account's own.
    pub fn keys_of(&self, id: AccountId) -> impl Iterator<Item = &StoredKey> {
        let member = self.accounts.look_up(&id);
        let digests = member.map_or(&[][..], |member| &member.keys);
        digests.iter().filter_map(|digest| self.key(*digest))
    }

    /// Every key, in no order.
    pub fn keys(&self) -> impl Iterator<Item = &StoredKey> {
        self.keys.values().map(|held| &held.key)
    }

    /// How many keys there are.
    #[must_use]
    pub fn key_count(&self) -> usize {
        self.keys.len()
    }

    /// Whether this token was revoked by itself.
    #[must_use]
    pub fn is_revoked(&self, token: TokenId) -> bool {
        self.revoked.look_up(&token).is_some()
    }

    /// The revocation of this token, if it was revoked by itself.
    #[must_use]
    pub fn revocation(&self, token: TokenId) -> Option<Revocation> {
        let until = *self.revoked.look_up(&token)?;
        Some(Revocation { token, until })
    }

    /// Tokens that were revoked by themselves, in no order.
    pub fn revocations(&self) -> impl Iterator<Item = Revocation> {
        self.revoked.iter().map(|(token, until)| Revocation {
            token: *token,
            until: *until,
        })
    }

    /// Tokens issued until then count no more, whoever's they are.
    #[must_use]
    pub fn tokens_end(&self) -> Option<Timestamp> {
        self.tokens_end
    }

    /// The keys that our own tokens are signed with, the newest of a purpose last.
    #[must_use]
    pub fn signing_keys(&self) -> &[Arc<SigningKey>] {
        &self.signing_keys
    }

    /// What the key of this digest may do: of an account's own, never more than the account.
    #[must_use]
    pub fn permissions_of(&self, digest: KeyDigest) -> Option<&Permissions> {
        self.keys.look_up(&digest).map(|held| &held.permissions)
    }

    /// Whether a key that has not ended may act as this user, case-folded: then nobody else is
    /// called so.
    #[must_use]
    pub fn is_acted_for(&self, user: &UserId, now: Timestamp) -> bool {
        let mut acting = self.acting.iter();
        acting.any(|(glob, ends)| glob.reserves(user) && ends.last_beyond(now))
    }

    /// Whether a key is bound to this name, case-folded.
    #[must_use]
    pub fn is_bound_to(&self, user: &UserId) -> bool {
        self.bound.look_up(&*folded(user)).is_some()
    }

    /// Takes in what the store says now.
    pub fn absorb(&mut self, record: Record) {
        match record {
            Record::Account(account) => self.put_account(account),
            Record::AccountGone(id) => self.drop_account(id),
            Record::Key(key) => self.put_key(key),
            Record::KeyGone(name) => self.drop_key(&name),
            Record::Revoked(Revocation { token, until }) => self.revoked.insert(token, until),
            Record::RevocationGone(token) => drop(self.revoked.remove(&token)),
            Record::TokensEnd(until) => self.tokens_end = Some(until),
            Record::SigningKey(key) => self.put_signing_key(key),
            Record::SigningKeyGone(kid) => self.signing_keys.retain(|key| key.kid != kid),
        }
    }

    fn put_account(&mut self, account: Account) {
        let (id, folded) = (account.id, folded(&account.username));
        let earlier = self.accounts.remove(&id);
        let keys = earlier.map_or_else(Vec::new, |earlier| {
            self.forget_name(&earlier.account);
            earlier.keys
        });
        for digest in &keys {
            self.keys.change(digest, |held| {
                held.permissions = held.key.permissions.meet(&account.permissions);
            });
        }
        self.names.insert(folded, id);
        self.accounts.insert(id, Member { account, keys });
    }

    fn drop_account(&mut self, id: AccountId) {
        let Some(member) = self.accounts.remove(&id) else {
            return;
        };
        self.forget_name(&member.account);
        for digest in member.keys {
            // An account's own key acts for nobody.
            if let Some(key) = self.keys.remove(&digest) {
                self.key_names.remove(&key.key.name);
            }
        }
    }

    /// Unless somebody else bears it by now.
    fn forget_name(&mut self, account: &Account) {
        let name = folded(&account.username);
        if self.names.look_up(&*name) == Some(&account.id) {
            self.names.remove(&*name);
        }
    }

    fn put_key(&mut self, key: StoredKey) {
        self.drop_key(&key.name);
        let permissions = match &key.owner {
            KeyOwner::Account(owner) => {
                self.accounts.change(owner, |member| {
                    let place = member.keys.partition_point(|known| *known < key.digest);
                    member.keys.insert(place, key.digest);
                });
                let owner = self.account(*owner).map(|owner| &owner.permissions);
                owner.map_or_else(Permissions::default, |owner| key.permissions.meet(owner))
            }
            KeyOwner::Acting(globs) => {
                for glob in globs.iter() {
                    self.acting
                        .entry(glob.clone())
                        .or_default()
                        .add(key.expires);
                }
                key.permissions.clone()
            }
            KeyOwner::Bound(user) => {
                let name = folded(user);
                let others = self.bound.look_up(&*name).copied().unwrap_or_default();
                self.bound.insert(name, others + 1);
                key.permissions.clone()
            }
        };
        self.key_names.insert(key.name.clone(), key.digest);
        self.keys.insert(key.digest, Held { key, permissions });
    }

    fn drop_key(&mut self, name: &KeyName) {
        let digest = self.key_names.remove(name);
        let Some(Held { key, .. }) = digest.and_then(|digest| self.keys.remove(&digest)) else {
            return;
        };
        match &key.owner {
            KeyOwner::Account(owner) => self.accounts.change(owner, |member| {
                member.keys.retain(|digest| *digest != key.digest);
            }),
            KeyOwner::Acting(globs) => {
                globs
                    .iter()
                    .for_each(|glob| self.stop_acting(glob, key.expires));
            }
            KeyOwner::Bound(user) => self.unbind(&folded(user)),
        }
    }

    fn stop_acting(&mut self, glob: &UserGlob, end: Option<Timestamp>) {
        if let Some(ends) = self.acting.get_mut(glob) {
            ends.take(end);
            if ends.is_empty() {
                self.acting.remove(glob);
            }
        }
    }

    fn unbind(&mut self, name: &str) {
        match self.bound.look_up(name).copied() {
            Some(1) => drop(self.bound.remove(name)),
            _ => self.bound.change(name, |count| *count -= 1),
        }
    }

    fn put_signing_key(&mut self, key: SigningKey) {
        self.signing_keys.retain(|other| other.kid != key.kid);
        self.signing_keys.push(Arc::new(key));
        self.signing_keys
            .sort_by(|one, other| (one.created, &one.kid).cmp(&(other.created, &other.kid)));
    }
}

fn folded(username: &UserId) -> Box<str> {
    username.as_str().to_ascii_lowercase().into()
}

#[cfg(test)]
mod tests;
