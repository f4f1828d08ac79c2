//! [`Places`]: the WebSockets that each user has open, over all workers, and who goes for whom.
//!
//! A place is taken before the backend is connected to, and given back when both sides of the
//! socket are gone; so there are never more sockets than places. One that is given back goes, under
//! the same lock, to the first who waits for it: nobody who comes later can be quicker.

mod replaced;
mod seat;
mod sockets;

use std::collections::HashMap;
use std::future::poll_fn;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use self::replaced::Replaced;
pub use self::seat::Notice;
use self::seat::Seat;
use self::sockets::{Crowded, Sockets};
use crate::snapshot::SocketLimit;

/// How long whoever was replaced may not replace others from where it is; longer each time in a row.
pub const REST: Duration = Duration::from_secs(5);

/// How long a socket that was replaced may take to end.
pub const PARTING: Duration = Duration::from_secs(2);

/// When it is worth trying again where sockets only end by themselves.
const SOME_TIME: Duration = Duration::from_mins(1);

const SHARDS: usize = 16;

/// The places of all users; one for the process, cloned into every worker.
///
/// Sockets take places whether or not a limit is set, so that a limit switched on later knows them.
#[derive(Clone, Default)]
pub struct Places(Arc<Table>);

#[derive(Default)]
struct Table {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
}

/// Some of the users.
#[derive(Default)]
struct Shard {
    users: HashMap<Arc<str>, Sockets>,
    replaced: Replaced,
}

/// Who asks for a place.
#[derive(Clone, Copy, Debug)]
pub struct Newcomer<'a> {
    /// The user.
    pub user: &'a str,
    /// The client's network; tabs of one browser have the same.
    pub network: u128,
}

/// There is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoPlace {
    /// How long to wait before asking again.
    pub retry_after: Duration,
}

impl Places {
    /// Nobody has a socket open.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a place, or tells the oldest socket to make room and waits for it.
    ///
    /// # Errors
    ///
    /// When the user has as many sockets as the limit allows and none may be replaced: by the
    /// limit, because all are being replaced already, or because the newcomer was itself replaced
    /// less than [`REST`] ago.
    pub fn ask(
        &self,
        newcomer: Newcomer<'_>,
        limit: SocketLimit,
        now: Instant,
    ) -> Result<Waiting, NoPlace> {
        let Newcomer { user, network } = newcomer;
        let origin = self.0.hasher.hash_one((user, network));
        let seat = Arc::new(Seat::new(origin));
        let mut shard = self.shard(user);
        let Shard { users, replaced } = &mut *shard;
        replaced.forget_older_than(Replaced::MEMORY, now);
        let (user, mut sockets) = users
            .remove_entry(user)
            .unwrap_or_else(|| (Arc::from(user), Sockets::default()));
        let admitted = match limit {
            SocketLimit::Off => {
                sockets.open(&seat);
                Ok(Vec::new())
            }
            SocketLimit::Refuse(most) => sockets
                .open_within(&seat, most)
                .map_err(|Crowded| SOME_TIME)
                .map(|()| Vec::new()),
            SocketLimit::Replace(most) => {
                let rest = replaced.rest_of(origin, now);
                sockets.replace_within(&seat, most, rest)
            }
        };
        if !sockets.is_empty() {
            users.insert(Arc::clone(&user), sockets);
        }
        for leaving in admitted.iter().flatten() {
            replaced.note(leaving.origin(), REST, now);
        }
        drop(shard);
        let leaving = admitted.map_err(|retry_after| NoPlace { retry_after })?;
        for seat in &leaving {
            seat.replace(now);
        }
        Ok(Waiting(Place {
            places: self.clone(),
            user,
            seat,
        }))
    }

    /// How many sockets `user` has open.
    #[must_use]
    pub fn of(&self, user: &str) -> usize {
        self.shard(user).users.get(user).map_or(0, Sockets::len)
    }

    fn shard(&self, user: &str) -> MutexGuard<'_, Shard> {
        let [first, ..] = &self.0.shards;
        let index = self.0.hasher.hash_one(user) % SHARDS as u64;
        let shard = usize::try_from(index)
            .ok()
            .and_then(|index| self.0.shards.get(index));
        // Every state of a shard is a valid one, so a panic elsewhere does not spoil it.
        shard
            .unwrap_or(first)
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who has a place or will have one; dropping it steps back.
#[must_use = "who does not wait has no place"]
pub struct Waiting(Place);

impl Waiting {
    /// The place, once it is free.
    pub async fn granted(self) -> Place {
        poll_fn(|cx| self.0.seat.poll_granted(cx)).await;
        self.0
    }
}

/// One socket's place; dropping it gives it to the next.
#[must_use = "dropping the place gives it to the next"]
pub struct Place {
    places: Places,
    user: Arc<str>,
    seat: Arc<Seat>,
}

impl Place {
    /// Tells when this socket has to make room.
    #[must_use]
    pub fn notice(&self) -> Notice {
        Notice::of(&self.seat)
    }

    /// Says that the socket is about to end by itself.
    pub fn part(&self) {
        let mut shard = self.places.shard(&self.user);
        if let Some(sockets) = shard.users.get_mut(&self.user) {
            sockets.part(&self.seat);
        }
    }

    /// Since when this socket has had to make room.
    #[must_use]
    pub fn replaced_at(&self) -> Option<Instant> {
        self.seat.replaced_at()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut shard = self.places.shard(&self.user);
        let Some(sockets) = shard.users.get_mut(&self.user) else {
            return;
        };
        let granted = sockets.leave(&self.seat);
        if sockets.is_empty() {
            shard.users.remove(&self.user);
        }
        drop(shard);
        for seat in &granted {
            seat.grant();
        }
    }
}

#[cfg(test)]
mod tests;
