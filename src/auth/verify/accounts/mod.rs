//! [`Accounts`]: what the store vouches for: its keys, and the tokens that we signed ourselves.

mod session;
mod token;
mod whose;

use std::{borrow::Cow, collections::HashSet, sync::Arc};

pub(in crate::auth) use token::Use;

use super::{
    Found, KeyDigest, KeySettings, Rejection, Reserved, SpeaksFor, Verifiers, key_set::VerifyingKey,
};
use crate::auth::{Account, Directory, KeyOwner, SigningKey, Status, UserGlob, UserId};
use crate::clock::Timestamp;

/// Users and keys of the store, as far as they are known.
#[derive(Clone, Debug)]
pub struct Accounts {
    directory: Known,
    keys: Vec<OwnKey>,
    settings: AccountSettings,
}

/// How the store is believed.
#[derive(Debug, Clone, Default)]
pub struct AccountSettings {
    /// Ids that its users may not bear.
    pub reserved: Reserved,
    /// Whom declared keys are bound to.
    pub bound: BoundNames,
    /// Whether users of others may be called like those of its acting keys.
    pub namespace: Namespace,
    /// What a session's cookie takes besides on a request that may change something.
    pub session_proof: SessionProof,
}

/// Names that declared keys are bound to. A key may be bound to a user who is there; nobody is
/// given such a name.
#[derive(Debug, Clone, Default)]
pub struct BoundNames(Arc<HashSet<Box<str>>>);

/// Whether a user id belongs to one source alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Namespace {
    /// It does.
    #[default]
    Apart,
    /// It is meant not to.
    Shared,
}

/// What a session's cookie takes besides, on a request that may change something.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum SessionProof {
    /// A page of ours as its origin.
    #[default]
    Origin,
    /// Its display token as well, which no page of another host can read: in the cookie of this name.
    DisplayToken(Arc<str>),
}

/// What is known of the store.
#[derive(Debug, Clone)]
pub enum Known {
    /// Nothing: it could not be read yet.
    NotYet,
    /// What it said last.
    As(Arc<Directory>),
}

/// A key of ours, ready to verify with.
#[derive(Clone, Debug)]
struct OwnKey {
    signing: Arc<SigningKey>,
    verifying: VerifyingKey,
}

/// Nothing is known of the store yet.
struct Unread;

impl Accounts {
    /// The name of a session's cookie (RFC 6265bis §4.1.3: this very host alone, over TLS).
    pub const COOKIE: &str = "__Host-doorward";

    /// Vouches for what the directory holds, but for no user whose name is reserved to others.
    #[must_use]
    pub fn new(directory: Known, settings: AccountSettings) -> Self {
        let signing = match &directory {
            Known::NotYet => &[],
            Known::As(directory) => directory.signing_keys(),
        };
        let keys = signing.iter().filter_map(|signing| {
            let verifying = VerifyingKey::of_ours(signing)?;
            let signing = Arc::clone(signing);
            Some(OwnKey { signing, verifying })
        });
        Self {
            keys: keys.collect(),
            directory,
            settings,
        }
    }

    /// The same by what the store says now.
    #[must_use]
    pub fn with(&self, directory: Arc<Directory>) -> Self {
        Self::new(Known::As(directory), self.settings.clone())
    }

    /// What the store said last, if it was read.
    #[must_use]
    pub const fn directory(&self) -> Option<&Arc<Directory>> {
        match &self.directory {
            Known::NotYet => None,
            Known::As(directory) => Some(directory),
        }
    }

    /// Whether no user may be called so now: the name is another source's.
    #[must_use]
    pub fn reserves(&self, username: &UserId, now: Timestamp) -> bool {
        self.settings.reserved.holds(username) || self.acts_for(username, now)
    }

    /// Whether a key of the store may act as this user now, so that nobody else is called so.
    pub(super) fn acts_for(&self, user: &UserId, now: Timestamp) -> bool {
        let acts = |directory: &Arc<Directory>| directory.is_acted_for(user, now);
        self.settings.namespace == Namespace::Apart && self.directory().is_some_and(acts)
    }

    /// A user of the store, if there is one, whom an acting key with one of these globs would shut
    /// out: no user is called like those whom a key may name.
    #[must_use]
    pub fn shut_out_by(&self, globs: &[UserGlob]) -> Option<&Account> {
        let is_apart = self.settings.namespace == Namespace::Apart;
        let directory = self.directory().filter(|_| is_apart)?;
        let mut named = globs.iter().filter_map(|glob| match glob {
            UserGlob::Literal(id) => directory.account_named(id.as_str()),
            UserGlob::Prefix(_) | UserGlob::Any => {
                let accounts = directory.accounts();
                accounts
                    .filter(|account| glob.reserves(&account.username))
                    .min_by_key(|account| (account.created, account.id))
            }
        });
        named.next()
    }

    /// Whether a key is bound to this name, so that nobody may be given it: a user called so would
    /// be whom the key speaks for. Who is called so already still is.
    #[must_use]
    pub fn binds(&self, username: &UserId) -> bool {
        let stored = |directory: &Arc<Directory>| directory.is_bound_to(username);
        let is_apart = self.settings.namespace == Namespace::Apart;
        self.settings.bound.hold(username) || is_apart && self.directory().is_some_and(stored)
    }

    /// What a session's cookie takes besides.
    pub(in crate::auth) const fn session_proof(&self) -> &SessionProof {
        &self.settings.session_proof
    }

    fn known(&self) -> Result<&Directory, Unread> {
        self.directory().map(|directory| &**directory).ok_or(Unread)
    }

    /// A key of the store.
    fn key(&self, digest: KeyDigest, now: Timestamp) -> Result<Option<Found<'static>>, Rejection> {
        let Ok(directory) = self.known() else {
            return Ok(None);
        };
        let Some(key) = directory.key(digest) else {
            return Ok(None);
        };
        let speaks_for = match &key.owner {
            KeyOwner::Account(owner) => {
                let owner = directory.account(*owner).ok_or(Rejection::Unknown)?;
                SpeaksFor::Bound(self.in_force(owner, now)?.username.clone())
            }
            KeyOwner::Bound(user) => SpeaksFor::Bound(user.clone()),
            KeyOwner::Acting(globs) => SpeaksFor::Acting(Arc::clone(globs)),
        };
        let settings = KeySettings {
            name: Arc::clone(key.name.shared()),
            speaks_for,
            permissions: directory
                .permissions_of(digest)
                .cloned()
                .unwrap_or_default(),
            transports: key.transports,
            expires: key.expires,
        };
        Ok(Some(Found::stored(digest, Cow::Owned(settings))))
    }

    /// An account that may do something.
    fn in_force<'a>(&self, account: &'a Account, now: Timestamp) -> Result<&'a Account, Rejection> {
        match account.status {
            Status::Disabled => Err(Rejection::Disabled),
            Status::Enabled if self.reserves(&account.username, now) => {
                Err(Rejection::ReservedUser)
            }
            Status::Enabled => Ok(account),
        }
    }
}

impl BoundNames {
    fn hold(&self, username: &UserId) -> bool {
        let folded = username.as_str().to_ascii_lowercase();
        self.0.contains(&*folded)
    }
}

impl<'n> FromIterator<&'n str> for BoundNames {
    fn from_iter<I: IntoIterator<Item = &'n str>>(names: I) -> Self {
        let folded = |name: &str| name.to_ascii_lowercase().into();
        Self(Arc::new(names.into_iter().map(folded).collect()))
    }
}

impl Verifiers {
    /// A key, declared or of the store.
    pub(super) fn key(
        &self,
        digest: KeyDigest,
        now: Timestamp,
    ) -> Result<Option<Found<'_>>, Rejection> {
        if let Some(found) = self.keys.find(digest) {
            return Ok(Some(found));
        }
        let accounts = self.accounts.as_ref();
        accounts.map_or(Ok(None), |accounts| accounts.key(digest, now))
    }
}
