//! [`Tables`]: what is remembered of failed logins, in bounded memory.

use std::{
    collections::VecDeque,
    hash::{Hash, RandomState},
    time::{Duration, Instant},
};

use quick_cache::{UnitWeighter, unsync};

use super::{
    Login, Network, Standing, ThrottleLimits,
    backoff::{Backoff, Failures},
    bucket::{Bucket, Pace},
};

/// Each kind has a table of its own, so that a flood of one evicts nothing of the others. What was
/// looked up more than once is evicted last: names that are made up and never come again evict one
/// another. An address adds no more of them than it may fail.
pub(super) struct Tables {
    pub(super) logins: Table<Login, Failures>,
    pub(super) addresses: Table<Network, Bucket>,
    pub(super) names: Table<Box<str>, Bucket>,
    /// Where users have logged in. Only they add to it, each to a list of their own.
    known: Table<Box<str>, VecDeque<Network>>,
}

pub(super) type Table<K, V> = unsync::Cache<K, V, UnitWeighter, RandomState>;

/// The bounds that [`Throttle`](super::Throttle) promises.
const LOGINS: usize = 1 << 14;
const ADDRESSES: usize = 1 << 14;
const NAMES: usize = 1 << 12;
const USERS: usize = 1 << 14;
const NETWORKS_OF_A_USER: usize = 8;

fn table<K: Eq + Hash, V>(capacity: usize) -> Table<K, V> {
    let weight = u64::try_from(capacity).unwrap_or(u64::MAX);
    let lifecycle = unsync::DefaultLifecycle::default();
    Table::with(
        capacity,
        weight,
        UnitWeighter,
        RandomState::new(),
        lifecycle,
    )
}

impl Tables {
    pub(super) fn new() -> Self {
        Self {
            logins: table(LOGINS),
            addresses: table(ADDRESSES),
            names: table(NAMES),
            known: table(USERS),
        }
    }

    pub(super) fn standing(&self, login: &Login) -> Standing {
        match self.known.get(&login.name) {
            Some(networks) if networks.contains(&login.network) => Standing::Known,
            Some(_) | None => Standing::Stranger,
        }
    }

    /// Remembers where a user has logged in.
    pub(super) fn remember(&mut self, login: Login) {
        let Login { name, network } = login;
        if let Some(mut networks) = self.known.get_mut(&name) {
            networks.retain(|other| *other != network);
            networks.truncate(NETWORKS_OF_A_USER - 1);
            networks.push_front(network);
        } else {
            self.known.insert(name, VecDeque::from([network]));
        }
    }

    pub(super) fn failures(&self, login: &Login) -> Failures {
        self.logins.get(login).copied().unwrap_or_default()
    }

    pub(super) fn count(&mut self, login: &Login, failures: Failures) {
        self.logins.insert(login.clone(), failures);
    }

    pub(super) fn forget(&mut self, login: &Login) {
        self.logins.remove(login);
    }

    pub(super) fn take_back(&mut self, login: &Login, before: Failures, at: Instant) {
        if let Some(mut failures) = self.logins.get_mut(login) {
            *failures = failures.without_one(before, at);
        }
    }

    /// How long the next try from an address has to wait.
    pub(super) fn wait_of(&self, network: Network, pace: Pace, now: Instant) -> Duration {
        let bucket = self.addresses.get(&network);
        bucket.map_or(Duration::ZERO, |bucket| bucket.wait(pace, now))
    }

    /// What delays a name at an address: more, where its user has never logged in and many have
    /// failed for it.
    pub(super) fn backoff(&self, login: &Login, limits: &ThrottleLimits, now: Instant) -> Backoff {
        let bucket = self.names.get(&login.name);
        let is_besieged = bucket.is_some_and(|bucket| besieges(*bucket, limits.by_name, now));
        match self.standing(login) {
            Standing::Stranger if is_besieged => limits.besieged,
            Standing::Known | Standing::Stranger => limits.by_login,
        }
    }

    pub(super) fn count_stranger(&mut self, login: &Login, limits: &ThrottleLimits, now: Instant) {
        add(&mut self.addresses, &login.network, limits.by_address, now);
        add(&mut self.names, &login.name, limits.by_name, now);
    }

    pub(super) fn take_back_stranger(&mut self, login: &Login, limits: &ThrottleLimits) {
        if let Some(mut bucket) = self.addresses.get_mut(&login.network) {
            bucket.take(limits.by_address);
        }
        if let Some(mut bucket) = self.names.get_mut(&login.name) {
            bucket.take(limits.by_name);
        }
    }
}

/// Half of what the bucket holds: it then takes a while without failures until it is none.
pub(super) fn besieges(bucket: Bucket, pace: Pace, now: Instant) -> bool {
    bucket.level(pace, now) >= pace.count.div_ceil(2)
}

fn add<K: Clone + Eq + Hash>(table: &mut Table<K, Bucket>, key: &K, pace: Pace, now: Instant) {
    if let Some(mut bucket) = table.get_mut(key) {
        bucket.add(pace, now);
        return;
    }
    let mut bucket = Bucket::empty(now);
    bucket.add(pace, now);
    table.insert(key.clone(), bucket);
}
