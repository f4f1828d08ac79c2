//! API keys: looked up by the SHA-256 digest of the whole key.

use std::{
    borrow::Cow,
    collections::{HashMap, hash_map::Entry},
    fmt,
    hash::BuildHasherDefault,
    sync::Arc,
};

use super::{
    Assertion, Basis, CredentialId, Identity, Rejection,
    digest::{DigestHasher, KeyDigest},
};
use crate::{
    auth::{
        Denial, Transport,
        permission::Permissions,
        subject::{UserGlob, UserId},
    },
    clock::Timestamp,
};

/// The declared keys: an immutable table, one probe a look-up.
#[derive(Debug, Default)]
pub struct KeyTable {
    entries: HashMap<KeyDigest, KeyEntry, BuildHasherDefault<DigestHasher>>,
    settings: Vec<KeySettings>,
}

/// What a key, or a file of keys, grants.
#[derive(Debug, Clone)]
pub struct KeySettings {
    /// Name in logs; of the file, for keys in a file.
    pub name: Arc<str>,
    /// Whom the key speaks for.
    pub speaks_for: SpeaksFor,
    /// What it may do.
    pub permissions: Permissions,
    /// Where it may be used.
    pub transports: Transports,
    /// From when on it counts no more.
    pub expires: Option<Timestamp>,
}

/// Whom a key speaks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpeaksFor {
    /// Always this user.
    Bound(UserId),
    /// Whomever the client names, if one of the globs allows it.
    Acting(Arc<[UserGlob]>),
}

/// Transports a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transports {
    /// HTTP and WebSocket.
    Both,
    /// One of them.
    Only(Transport),
}

impl Transports {
    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::Only(Transport::Http) => "http",
            Self::Only(Transport::WebSocket) => "websocket",
        }
    }

    /// The transports of this word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let only = [Transport::Http, Transport::WebSocket].map(Self::Only);
        let mut all = [Self::Both].into_iter().chain(only);
        all.find(|transports| transports.as_str() == word)
    }
}

/// What a key is called: its declared id, or its file and the beginning of its digest.
#[derive(Clone)]
pub struct KeyId {
    name: Arc<str>,
    digest: Option<[u8; 4]>,
}

#[derive(Debug, Clone, Copy)]
struct KeyEntry {
    settings: u32,
    naming: Naming,
}

#[derive(Debug, Clone, Copy)]
enum Naming {
    Declared,
    FromFile,
    Stored,
}

/// A key that is known.
pub(super) struct Found<'t> {
    digest: KeyDigest,
    naming: Naming,
    settings: Cow<'t, KeySettings>,
}

impl Found<'_> {
    /// Whom it speaks for.
    pub(super) fn speaks_for(&self) -> &SpeaksFor {
        &self.settings.speaks_for
    }
}

impl KeyTable {
    /// Begins a table.
    #[must_use]
    pub fn builder() -> KeyTableBuilder {
        KeyTableBuilder::default()
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn find(&self, digest: KeyDigest) -> Option<Found<'_>> {
        let entry = self.entries.get(&digest)?;
        let settings = self.settings.get(entry.settings as usize)?;
        Some(Found {
            digest,
            naming: entry.naming,
            settings: Cow::Borrowed(settings),
        })
    }
}

/// Two keys with one digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the same key is declared twice, as {first} and as {second}")]
pub struct TableConflict {
    /// The name of the earlier declaration.
    pub first: Arc<str>,
    /// The name of the later one.
    pub second: Arc<str>,
}

/// Collects keys.
#[derive(Debug, Default)]
pub struct KeyTableBuilder {
    table: KeyTable,
}

impl KeyTableBuilder {
    /// Adds one declared key.
    ///
    /// # Errors
    /// When its digest is there already.
    pub fn key(&mut self, digest: KeyDigest, settings: KeySettings) -> Result<(), TableConflict> {
        let index = self.push(settings);
        self.insert(
            digest,
            KeyEntry {
                settings: index,
                naming: Naming::Declared,
            },
        )
    }

    /// Adds the keys of a file, which share their settings.
    ///
    /// # Errors
    /// Each digest that is there already; the others are added.
    pub fn file(
        &mut self,
        digests: &[KeyDigest],
        settings: KeySettings,
    ) -> Result<(), Vec<TableConflict>> {
        let index = self.push(settings);
        self.table.entries.reserve(digests.len());
        let conflicts: Vec<_> = digests
            .iter()
            .filter_map(|digest| {
                let entry = KeyEntry {
                    settings: index,
                    naming: Naming::FromFile,
                };
                self.insert(*digest, entry).err()
            })
            .collect();
        if conflicts.is_empty() {
            Ok(())
        } else {
            Err(conflicts)
        }
    }

    /// The finished table.
    #[must_use]
    pub fn build(self) -> Arc<KeyTable> {
        Arc::new(self.table)
    }

    fn push(&mut self, settings: KeySettings) -> u32 {
        self.table.settings.push(settings);
        u32::try_from(self.table.settings.len() - 1).unwrap_or(u32::MAX)
    }

    fn insert(&mut self, digest: KeyDigest, entry: KeyEntry) -> Result<(), TableConflict> {
        let name = |entry: &KeyEntry| {
            let settings = self.table.settings.get(entry.settings as usize);
            settings.map_or_else(|| Arc::from(""), |settings| Arc::clone(&settings.name))
        };
        match self.table.entries.entry(digest) {
            Entry::Vacant(vacant) => {
                vacant.insert(entry);
                Ok(())
            }
            Entry::Occupied(occupied) => Err(TableConflict {
                first: name(occupied.get()),
                second: name(&entry),
            }),
        }
    }
}

impl<'t> Found<'t> {
    /// One of the store.
    pub(super) const fn stored(digest: KeyDigest, settings: Cow<'t, KeySettings>) -> Self {
        Self {
            digest,
            naming: Naming::Stored,
            settings,
        }
    }

    /// What it grants to one whom it has named, as long as it may.
    pub(super) fn permissions_as(
        &self,
        user: &UserId,
        now: Timestamp,
    ) -> Result<Permissions, Rejection> {
        self.unexpired(now)?;
        match &self.settings.speaks_for {
            SpeaksFor::Acting(globs) if globs.iter().any(|glob| glob.matches(user)) => {
                Ok(self.settings.permissions.clone())
            }
            SpeaksFor::Acting(_) | SpeaksFor::Bound(_) => Err(Rejection::User),
        }
    }

    /// The identity this key stands for, given what the client says of itself.
    pub(super) fn identify(
        &self,
        assertion: impl FnOnce() -> Assertion,
        default_user: Option<&UserId>,
        transport: Transport,
        now: Timestamp,
    ) -> Result<Identity, Denial> {
        if !self.serves(transport) {
            return Err(Rejection::WrongTransport.into());
        }
        self.unexpired(now)?;
        let user = match &self.settings.speaks_for {
            SpeaksFor::Bound(user) => user.clone(),
            SpeaksFor::Acting(globs) => {
                let may_act = |user: &UserId| {
                    !user.is_visitor() && globs.iter().any(|glob| glob.matches(user))
                };
                let assertion = assertion();
                let named = match (&assertion, default_user) {
                    (Assertion::User(user), _) if may_act(user) => user,
                    (Assertion::User(_), _) => return Err(Denial::MayNotActAs),
                    (Assertion::Absent, Some(default)) if may_act(default) => default,
                    (Assertion::Absent, _) => return Err(Denial::Malformed("no user named")),
                    (Assertion::Malformed, _) => {
                        return Err(Denial::Malformed("invalid user named"));
                    }
                };
                named.clone()
            }
        };
        Ok(self.identity(user))
    }

    /// The same identity by what the key grants now.
    pub(super) fn renew(&self, earlier: &Identity, now: Timestamp) -> Result<Identity, Rejection> {
        self.unexpired(now)?;
        let user = earlier.user();
        let still = match &self.settings.speaks_for {
            SpeaksFor::Bound(bound) => bound == user,
            SpeaksFor::Acting(globs) => globs.iter().any(|glob| glob.matches(user)),
        };
        if still {
            Ok(self.identity(user.clone()))
        } else {
            Err(Rejection::User)
        }
    }

    /// Whether the key is for this transport.
    pub(super) fn serves(&self, transport: Transport) -> bool {
        match self.settings.transports {
            Transports::Both => true,
            Transports::Only(only) => only == transport,
        }
    }

    fn unexpired(&self, now: Timestamp) -> Result<(), Rejection> {
        match self.settings.expires {
            Some(expires) if now >= expires => Err(Rejection::Expired),
            _ => Ok(()),
        }
    }

    fn identity(&self, user: UserId) -> Identity {
        let id = |digest| KeyId {
            name: Arc::clone(&self.settings.name),
            digest,
        };
        let credential = match self.naming {
            Naming::Declared => CredentialId::Key(id(None)),
            Naming::FromFile => CredentialId::Key(id(Some(self.digest.beginning()))),
            Naming::Stored => CredentialId::Stored(id(None)),
        };
        Identity::new(
            user,
            self.settings.permissions.clone(),
            self.settings.expires,
            credential,
            Basis::Key(self.digest),
        )
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.digest {
            None => f.write_str(&self.name),
            Some(beginning) => {
                write!(f, "{}#{:08x}", self.name, u32::from_be_bytes(beginning))
            }
        }
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

#[cfg(test)]
mod tests;
