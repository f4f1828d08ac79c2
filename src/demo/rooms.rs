//! Which sockets belong to which identity, for frames that nobody asked for.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

type Members = HashMap<u64, UnboundedSender<String>>;

/// The open sockets of every identity.
#[derive(Default)]
pub(super) struct Rooms {
    by_user: Mutex<HashMap<String, Members>>,
    next: AtomicU64,
}

impl Rooms {
    /// Enters a socket of `user`; it leaves when the returned seat is dropped.
    pub(super) fn join(&self, user: &str) -> Seat<'_> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, notices) = unbounded_channel();
        self.lock()
            .entry(user.to_owned())
            .or_default()
            .insert(id, sender);
        Seat {
            rooms: self,
            user: user.to_owned(),
            id,
            notices,
        }
    }

    /// Sends a frame to every socket of `user`.
    pub(super) fn notify(&self, user: &str, frame: &str) {
        for sender in self.lock().get(user).into_iter().flat_map(HashMap::values) {
            // A socket that is just closing misses it, as it would a moment later.
            let _ = sender.send(frame.to_owned());
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Members>> {
        self.by_user.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One socket's place: where its unsolicited frames arrive.
pub(super) struct Seat<'r> {
    rooms: &'r Rooms,
    user: String,
    id: u64,
    /// Frames to be sent as they are.
    pub(super) notices: UnboundedReceiver<String>,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut by_user = self.rooms.lock();
        if let Some(members) = by_user.get_mut(&self.user) {
            members.remove(&self.id);
            if members.is_empty() {
                by_user.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_reaches_every_socket_of_its_user_and_no_other() {
        let rooms = Rooms::default();
        let (mut first, mut second) = (rooms.join("alice"), rooms.join("alice"));
        let mut other = rooms.join("bob");
        rooms.notify("alice", "hello");
        assert_eq!(first.notices.try_recv().unwrap(), "hello");
        assert_eq!(second.notices.try_recv().unwrap(), "hello");
        assert!(other.notices.try_recv().is_err());
    }

    #[test]
    fn a_room_is_gone_when_its_last_socket_is() {
        let rooms = Rooms::default();
        let (first, second) = (rooms.join("alice"), rooms.join("alice"));
        drop(first);
        assert_eq!(rooms.lock().len(), 1);
        drop(second);
        assert!(rooms.lock().is_empty());
    }
}
