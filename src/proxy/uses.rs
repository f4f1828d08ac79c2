//! [`Uses`]: which keys of the store this worker has seen, told to the control plane once a second.

use std::cell::RefCell;
use std::collections::HashMap;

use tokio::sync::mpsc;

use crate::auth::KeyDigest;
use crate::clock::Timestamp;
use crate::store::Sighting;

/// A worker's notes. A request adds to them at most once a minute for each key.
pub(super) struct Uses {
    notes: RefCell<Notes>,
    control: mpsc::Sender<Vec<Sighting>>,
}

#[derive(Default)]
struct Notes {
    /// When each key was noted last.
    seen: HashMap<KeyDigest, Timestamp>,
    /// What was not told yet.
    fresh: Vec<Sighting>,
}

impl Uses {
    pub(super) fn new(control: mpsc::Sender<Vec<Sighting>>) -> Self {
        let notes = RefCell::default();
        Self { notes, control }
    }

    /// The key has let a request pass.
    pub(super) fn note(&self, key: KeyDigest, now: Timestamp) {
        let sighting = Sighting::new(key, now);
        let Notes { seen, fresh } = &mut *self.notes.borrow_mut();
        if seen.get(&key) == Some(&sighting.at()) {
            return;
        }
        seen.insert(key, sighting.at());
        fresh.push(sighting);
    }

    /// Tells what is new, and forgets the minutes before.
    pub(super) fn sweep(&self, now: Timestamp) {
        let Notes { seen, fresh } = &mut *self.notes.borrow_mut();
        seen.retain(|key, at| *at == Sighting::new(*key, now).at());
        if !fresh.is_empty() {
            // Where nobody takes it, the key's next minute will tell: nothing is decided by it.
            let _ = self.control.try_send(std::mem::take(fresh));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_told_of_once_a_minute() {
        let (control, mut told) = mpsc::channel(8);
        let uses = Uses::new(control);
        let keys = [b"a", b"b"].map(|key| KeyDigest::of(key));
        let at = Timestamp::from_secs;
        for second in [61, 62, 119] {
            for key in keys {
                uses.note(key, at(second));
            }
            uses.sweep(at(second));
        }
        let first = told.try_recv().unwrap();
        assert_eq!(first, keys.map(|key| Sighting::new(key, at(60))));
        assert!(told.try_recv().is_err(), "told twice");
        uses.note(keys[0], at(120));
        uses.sweep(at(120));
        let second = told.try_recv().unwrap();
        assert_eq!(second, [Sighting::new(keys[0], at(120))]);
        assert_eq!(uses.notes.borrow().seen.len(), 1, "old minutes are kept");
    }
}
