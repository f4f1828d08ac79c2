//! [`Throttle`]: failed logins slow down those that follow, and lock nobody out.
//!
//! What counts is who fails where. A user's failures at one address delay that user at that address;
//! an address that fails for many names is paced as a whole; a name that many addresses fail for
//! gives each further one fewer tries. Nothing that is done elsewhere delays a first try. Where a user
//! has logged in before, nothing does but failures for this very name there. Whoever shares an
//! address shares its delays.
//!
//! A try counts when it begins, so that a hundred at once are not one.

mod backoff;
mod bucket;
mod listing;
mod network;
mod tables;

use std::{
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::auth::UserId;

pub use backoff::Backoff;
use backoff::Failures;
pub use bucket::Pace;
pub use listing::{Throttled, Throttling};
pub use network::Network;
use tables::Tables;

/// Who tries to log in, and where.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Login {
    /// Case-folded: a user is the same in any case.
    name: Box<str>,
    network: Network,
}

/// How much failing costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThrottleLimits {
    /// For one name at one address.
    pub by_login: Backoff,
    /// The same at an address where the name's user has never logged in, while the name is
    /// besieged.
    pub besieged: Backoff,
    /// For one address, whatever the names.
    pub by_address: Pace,
    /// For one name at addresses where its user has never logged in: half of it makes the name
    /// besieged.
    pub by_name: Pace,
}

/// Who failed to log in lately. It forgets what lies beyond its bounds, and then delays less, not
/// more: 16,384 logins, as many addresses, 4,096 names, and for 16,384 users the last 8 addresses
/// where they logged in; about 12 MiB when all are full.
///
/// Nothing of it outlives the process.
pub struct Throttle {
    limits: ThrottleLimits,
    tables: Mutex<Tables>,
}

/// A try that may go on, and has been counted as a failure until it is known to be none. Dropped,
/// it stays one: to ask and go away is no way round.
#[derive(Debug)]
#[must_use]
pub struct Attempt {
    login: Login,
    standing: Standing,
    at: Instant,
    /// What was known of the login before.
    before: Failures,
}

/// What a user is at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Has logged in there before.
    Known,
    Stranger,
}

/// This try comes too early; how long it should wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many logins have failed; the next may come in {0:?}")]
pub struct RetryAfter(pub Duration);

impl Default for ThrottleLimits {
    fn default() -> Self {
        let (second, minute) = (Duration::from_secs(1), Duration::from_mins(1));
        Self {
            by_login: Backoff {
                free: 5,
                first: second,
                longest: minute,
                forgotten: 15 * minute,
            },
            besieged: Backoff {
                free: 1,
                first: 5 * second,
                longest: minute,
                forgotten: 15 * minute,
            },
            by_address: Pace {
                count: 20,
                period: 10 * minute,
            },
            by_name: Pace {
                count: 100,
                period: 60 * minute,
            },
        }
    }
}

impl Login {
    /// Of this name, from this address.
    #[must_use]
    pub fn new(name: &UserId, address: IpAddr) -> Self {
        Self {
            name: name.as_str().to_ascii_lowercase().into(),
            network: Network::of(address),
        }
    }
}

impl Attempt {
    /// Whether the user has logged in there before.
    #[must_use]
    pub fn is_of_one_known(&self) -> bool {
        self.standing == Standing::Known
    }
}

impl Throttle {
    /// Nobody has failed yet.
    #[must_use]
    pub fn new(limits: ThrottleLimits) -> Self {
        Self {
            limits,
            tables: Mutex::new(Tables::new()),
        }
    }

    /// Whether somebody may try now. To be asked before the password is looked at.
    ///
    /// # Errors
    /// When the try comes too early. Then nothing is counted.
    pub fn check(&self, login: Login, now: Instant) -> Result<Attempt, RetryAfter> {
        let (limits, mut tables) = (&self.limits, self.tables());
        let standing = tables.standing(&login);
        let before = tables.failures(&login);
        let mut wait = before.wait(tables.backoff(&login, limits, now), now);
        if standing == Standing::Stranger {
            // A neighbour who fails does not keep those out who have been here before.
            wait = wait.max(tables.wait_of(login.network, limits.by_address, now));
        }
        if !wait.is_zero() {
            return Err(RetryAfter(wait));
        }
        tables.count(&login, before.and_one(limits.by_login, now));
        if standing == Standing::Stranger {
            tables.count_stranger(&login, limits, now);
        }
        Ok(Attempt {
            login,
            standing,
            at: now,
            before,
        })
    }

    /// It was not the right password, or its user may not log in. Nothing more is to be done: it
    /// counts already.
    pub fn failed(&self, attempt: Attempt) {
        drop(attempt);
    }

    /// It was. The user's failures there are forgotten, those of the address's other names and of
    /// the name's other addresses are not.
    pub fn succeeded(&self, attempt: Attempt) {
        let mut tables = self.tables();
        tables.forget(&attempt.login);
        if attempt.standing == Standing::Stranger {
            tables.take_back_stranger(&attempt.login, &self.limits);
        }
        tables.remember(attempt.login);
    }

    /// The password has not been looked at, for want of a place. It counts no more.
    pub fn withdrawn(&self, attempt: Attempt) {
        let Attempt {
            login,
            standing,
            at,
            before,
        } = attempt;
        let mut tables = self.tables();
        tables.take_back(&login, before, at);
        if standing == Standing::Stranger {
            tables.take_back_stranger(&login, &self.limits);
        }
    }

    /// Who has to wait now, and which names are besieged, in no order.
    #[must_use]
    pub fn throttled(&self, now: Instant) -> Vec<Throttled> {
        self.tables().throttled(&self.limits, now)
    }

    /// Forgets what somebody has to wait for; whether there was anything.
    pub fn clear(&self, what: &Throttling) -> bool {
        self.tables().clear(what)
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Throttle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Throttle")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
