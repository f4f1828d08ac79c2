//! [`Sharded`]: a map whose copy with one change shares all but a small part.

use std::{
    borrow::Borrow,
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    sync::Arc,
};

/// So many parts that one of a hundred thousand entries is copied in microseconds.
const SHARDS: usize = 256;

/// A map in shards behind `Arc`s: to clone it is to clone those, and a change copies one shard.
#[derive(Clone)]
pub(super) struct Sharded<K, V> {
    shards: Arc<[Arc<Shard<K, V>>]>,
    hasher: RandomState,
    len: usize,
}

type Shard<K, V> = HashMap<K, Arc<V>, RandomState>;

impl<K, V> Default for Sharded<K, V> {
    fn default() -> Self {
        // The shards share their hasher: so equal maps need not have equal shards, only entries.
        let hasher = RandomState::new();
        let shard = || Arc::new(HashMap::with_hasher(hasher.clone()));
        Self {
            shards: std::iter::repeat_with(shard).take(SHARDS).collect(),
            hasher,
            len: 0,
        }
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Sharded<K, V> {
    pub(super) fn look_up<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let shard = self.shards.get(self.place(key))?;
        shard.get(key).map(|value| &**value)
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        let place = self.place(&key);
        let earlier = self
            .shard(place)
            .and_then(|shard| shard.insert(key, Arc::new(value)));
        self.len += usize::from(earlier.is_none());
    }

    pub(super) fn remove<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.look_up(key)?;
        let place = self.place(key);
        let value = self.shard(place)?.remove(key)?;
        self.len -= 1;
        Some(Arc::unwrap_or_clone(value))
    }

    /// Changes the value of this key, if there is one.
    pub(super) fn change<Q: Eq + Hash + ?Sized>(&mut self, key: &Q, change: impl FnOnce(&mut V))
    where
        K: Borrow<Q>,
    {
        let place = self.place(key);
        if self.look_up(key).is_some()
            && let Some(value) = self.shard(place).and_then(|shard| shard.get_mut(key))
        {
            change(Arc::make_mut(value));
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let shards = self.shards.iter();
        shards.flat_map(|shard| shard.iter().map(|(key, value)| (key, &**value)))
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    fn place<Q: Hash + ?Sized>(&self, key: &Q) -> usize {
        // A shard's map chooses by the lowest bits, and tells by the highest ones.
        (self.hasher.hash_one(key) >> 24) as usize % SHARDS
    }

    /// A shard of one's own.
    fn shard(&mut self, place: usize) -> Option<&mut Shard<K, V>> {
        let shards = Arc::make_mut(&mut self.shards);
        shards.get_mut(place).map(Arc::make_mut)
    }
}

impl<K: Clone + Eq + Hash, V: Clone + PartialEq> PartialEq for Sharded<K, V> {
    fn eq(&self, other: &Self) -> bool {
        let is_there = |(key, value)| other.look_up(key) == Some(value);
        self.len == other.len && self.iter().all(is_there)
    }
}

impl<K: Clone + Eq + Hash, V: Clone + Eq> Eq for Sharded<K, V> {}

impl<K, V> std::fmt::Debug for Sharded<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sharded({} entries)", self.len)
    }
}
