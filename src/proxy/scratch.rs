//! [`Scratch`]: the buffer that a worker reads into.

use std::cell::{RefCell, RefMut};
use std::rc::Rc;

const SIZE: usize = 64 * 1024;

/// The buffer that everything on a thread reads into; a handle, made once a worker.
///
/// It is in use only during one poll, so nothing that one connection read is left in it for another
/// to send; and a connection that waits has no buffer at all.
#[derive(Clone)]
pub struct Scratch(Rc<RefCell<Box<[u8]>>>);

impl Scratch {
    /// Takes 64 KiB.
    #[must_use]
    pub fn new() -> Self {
        Self(Rc::new(RefCell::new(vec![0; SIZE].into())))
    }

    /// The buffer, for one poll.
    ///
    /// # Panics
    /// When it is lent already: a poll within a poll.
    pub(super) fn lend(&self) -> RefMut<'_, Box<[u8]>> {
        self.0.borrow_mut()
    }
}

impl std::fmt::Debug for Scratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scratch")
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}
