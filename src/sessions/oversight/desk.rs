//! [`Desk`]: where a worker is asked for what it has open.

use std::rc::Rc;

use tokio::sync::{mpsc, oneshot};

use super::{Filter, OpenSession, SessionId, SessionKind};
use crate::sessions::session::Entry;
use crate::sessions::{Caller, EndReason, Sessions};

/// A worker's end of an [`Oversight`](super::Oversight).
#[derive(Debug)]
pub struct Desk {
    worker: usize,
    questions: mpsc::Receiver<Question>,
}

/// What a worker is asked, and whom it tells.
#[derive(Debug)]
pub(super) enum Question {
    /// What is open.
    List(Filter, oneshot::Sender<Vec<OpenSession>>),
    /// To end it; how many there were.
    Close(Filter, oneshot::Sender<usize>),
}

/// A session that is meant.
pub(super) struct Found<'a> {
    pub(super) id: SessionId,
    pub(super) kind: SessionKind,
    pub(super) entry: &'a Entry<Caller>,
}

/// The registries of a worker, by what is in them.
type Registries = [(SessionKind, Sessions<Caller>); 2];

impl Desk {
    pub(super) const fn new(worker: usize, questions: mpsc::Receiver<Question>) -> Self {
        Self { worker, questions }
    }

    /// Answers until nobody is left who could ask.
    ///
    /// The registries number their sessions together: each is [`beside`](Sessions::beside) the
    /// other.
    pub async fn attend(mut self, registries: Registries) {
        while let Some(question) = self.questions.recv().await {
            // That nobody waits for the answer any more does not matter.
            match question {
                Question::List(filter, answer) => {
                    let mut open = Vec::new();
                    let list = |found: &Found<'_>| open.push(found.into());
                    self.visit(&registries, &filter, list).await;
                    let _ = answer.send(open);
                }
                Question::Close(filter, answer) => {
                    let mut closed = 0;
                    let close = |found: &Found<'_>| {
                        closed += usize::from(!found.entry.is_ended());
                        found.entry.end(EndReason::Closed);
                    };
                    self.visit(&registries, &filter, close).await;
                    let _ = answer.send(closed);
                }
            }
        }
    }

    /// Looks at what is open, in batches, and lets other tasks run in between. What opens meanwhile
    /// is not waited for: it might have no end.
    async fn visit(
        &self,
        registries: &Registries,
        filter: &Filter,
        mut visit: impl FnMut(&Found<'_>),
    ) {
        for (kind, sessions) in registries {
            let registry = Rc::clone(&sessions.0);
            let mut numbers = filter.numbers(self.worker, registry.next.get());
            loop {
                let batch = registry.batch(numbers.clone());
                let Some((last, _)) = batch.last() else {
                    break;
                };
                numbers.start = last + 1;
                for (number, entry) in &batch {
                    if filter.means(&entry.proof) {
                        visit(&Found {
                            id: SessionId {
                                worker: self.worker,
                                number: *number,
                            },
                            kind: *kind,
                            entry,
                        });
                    }
                }
                drop(batch);
                tokio::task::yield_now().await;
            }
        }
    }
}
