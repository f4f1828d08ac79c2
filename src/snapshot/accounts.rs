//! [`AccountsService`]: how users of ours log in and are kept.

use std::sync::Arc;
use std::time::Duration;

use crate::auth::{Permission, Permissions, SigningAlgorithm};

/// Settings of logins, tokens and users.
#[derive(Clone, Debug)]
pub struct AccountsService {
    /// What its paths begin with; empty, or `/` and a name.
    pub prefix: Arc<str>,
    /// How long a token is good for that a user gets for name and password.
    pub access_lifetime: Duration,
    /// How long a browser stays logged in.
    pub session_lifetime: Duration,
    /// How long a token is good for that an acting key gets for a visitor.
    pub visitor_lifetime: Duration,
    /// The longest of these.
    pub longest_lifetime: Duration,
    /// How tokens are signed.
    pub signing: SigningAlgorithm,
    /// How long a signing key signs.
    pub signing_rotation: Duration,
    /// What a password's hash costs.
    pub hashing: HashingCost,
    /// What a user may do of whom nothing is said.
    pub base: Permissions,
    /// What permissions are made of.
    pub vocabulary: Vocabulary,
    /// The cookie of the display token, where pages read one.
    pub display_cookie: Option<Box<str>>,
    /// Where a browser goes that has logged in.
    pub home: Box<str>,
}

impl AccountsService {
    /// The longest path and query that a login leads back to, in bytes: more would not fit where it
    /// is sent.
    pub const LONGEST_REFERER: usize = 2048;

    /// Where the login page is.
    #[must_use]
    pub fn login_path(&self) -> String {
        format!("{}/auth/login", self.prefix)
    }

    /// The login page that leads to a path and query of ours.
    #[must_use]
    pub fn login_page(&self, referer: &str) -> String {
        let fits = referer.len() <= Self::LONGEST_REFERER;
        let referer = if fits { referer } else { &self.home };
        let escaped = form_urlencoded::byte_serialize(referer.as_bytes());
        let mut page = self.login_path() + "?referer=";
        page.extend(escaped);
        page
    }
}

/// What a password's hash costs (argon2id, RFC 9106 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashingCost {
    /// Memory in KiB.
    pub memory: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes in it.
    pub lanes: u32,
}

/// The words that permissions are made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vocabulary {
    resources: Vec<Box<str>>,
    actions: Vec<Box<str>>,
}

impl Vocabulary {
    /// The resource of what only administrators do. It has no actions of its own: all or none.
    pub const ADMIN: &str = "ADMIN";

    /// Of these words; each action may be done with each resource.
    pub fn new<'w>(
        resources: impl IntoIterator<Item = &'w str>,
        actions: impl IntoIterator<Item = &'w str>,
    ) -> Self {
        let is_word = |word: &&str| *word != "*" && *word != Self::ADMIN;
        Self {
            resources: resources
                .into_iter()
                .filter(is_word)
                .map(Into::into)
                .collect(),
            actions: actions
                .into_iter()
                .filter(is_word)
                .map(Into::into)
                .collect(),
        }
    }

    /// Every permission, `ADMIN:*` last.
    pub fn permissions(&self) -> impl Iterator<Item = Permission> {
        let pairs = self.resources.iter().flat_map(|resource| {
            let actions = self.actions.iter();
            actions.map(move |action| (&**resource, &**action))
        });
        pairs
            .chain([(Self::ADMIN, "*")])
            .filter_map(|(resource, action)| Permission::new(resource, action).ok())
    }

    /// Whether it is one of them, or stands for some of them.
    #[must_use]
    pub fn knows(&self, permission: &Permission) -> bool {
        self.permissions().any(|known| permission.covers(&known))
    }
}
