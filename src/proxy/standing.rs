//! [`Standing`]: whether what was admitted would be admitted still. Asked whenever a request moves
//! on, so that nothing of it does once its credential is gone.

use std::cell::Cell;
use std::rc::Rc;

use super::worker::Worker;
use crate::auth::{Ending, Proof};
use crate::clock::Timestamp;
use crate::snapshot::Generation;

/// What an upload under way remembers of its admission.
pub(super) struct Standing {
    worker: Rc<Worker>,
    proof: Proof,
    judged: Cell<Generation>,
}

impl Standing {
    pub(super) fn new(worker: &Rc<Worker>, proof: Proof, judged: Generation) -> Self {
        Self {
            worker: Rc::clone(worker),
            proof,
            judged: Cell::new(judged),
        }
    }

    /// Costs one atomic load, unless something has changed.
    pub(super) fn check(&self) -> Result<(), Ending> {
        let judged = review(&self.worker, self.judged.get(), || self.proof.clone())?;
        self.judged.set(judged);
        Ok(())
    }
}

impl std::fmt::Debug for Standing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Standing").finish_non_exhaustive()
    }
}

/// Judges again what was judged under an earlier generation; the one it is judged under now.
pub(super) fn review(
    worker: &Worker,
    judged: Generation,
    proof: impl FnOnce() -> Proof,
) -> Result<Generation, Ending> {
    let snapshot = worker.snapshot();
    if snapshot.generation != judged {
        snapshot.gate.review(&proof(), Timestamp::now())?;
    }
    Ok(snapshot.generation)
}
