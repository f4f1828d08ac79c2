//! [`Oversight`]: from outside the workers, what is open in all of them, and its end.
//!
//! A registry belongs to its worker, and no other thread may look into it. So whoever wants to know
//! asks: each worker has a [`Desk`], a small task of its own that awaits questions and answers them
//! from the worker's registries, some sessions at a time. As long as nobody asks it costs nothing,
//! and no request ever meets it.

mod desk;
mod filter;
mod open_session;
mod session_id;
#[cfg(test)]
mod tests;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

pub use self::desk::Desk;
use self::desk::Question;
pub use self::filter::Filter;
pub use self::open_session::{OpenSession, SessionKind};
pub use self::session_id::{InvalidSessionId, SessionId};

/// How long a worker has to answer. It answers within milliseconds unless it hangs.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many questions may wait for a worker before whoever asks waits too.
const QUEUE: usize = 16;

/// Lists what is open, and closes it. A handle: clones ask the same workers.
///
/// To be awaited on a runtime that has timers. A worker that has ended has nothing open and is left
/// out; one that doesn't answer within 2 s is left out with a warning in the log.
#[derive(Clone, Debug)]
pub struct Oversight(Arc<[mpsc::Sender<Question>]>);

impl Oversight {
    /// Over so many workers, and the desk of each.
    #[must_use]
    pub fn over(workers: NonZeroUsize) -> (Self, Vec<Desk>) {
        let (questions, desks): (Vec<_>, _) = (0..workers.get())
            .map(|worker| {
                let (questions, receiver) = mpsc::channel(QUEUE);
                (questions, Desk::new(worker, receiver))
            })
            .unzip();
        (Self(questions.into()), desks)
    }

    /// What is open and meant by `filter`, the oldest first.
    pub async fn list(&self, filter: Filter) -> Vec<OpenSession> {
        let answers = self.ask(&filter, Question::List).await;
        let mut open: Vec<_> = answers.into_iter().flatten().collect();
        open.sort_by_key(|session| (session.opened_at, session.id));
        open
    }

    /// Ends what is open and meant by `filter` with [`EndReason::Closed`](super::EndReason::Closed);
    /// how many sessions that were not ending yet.
    ///
    /// It keeps nobody from opening another: what the credential allows is for the rules to say.
    pub async fn close(&self, filter: Filter) -> usize {
        let answers = self.ask(&filter, Question::Close).await;
        answers.into_iter().sum()
    }

    /// The answers of all workers, asked at the same time.
    async fn ask<A>(
        &self,
        filter: &Filter,
        question: fn(Filter, oneshot::Sender<A>) -> Question,
    ) -> Vec<A> {
        let asked = self.0.iter().enumerate().map(|(worker, desk)| async move {
            let (answer, answered) = oneshot::channel();
            let question = question(filter.clone(), answer);
            let asked = async {
                desk.send(question).await.ok()?;
                answered.await.ok()
            };
            timeout(PATIENCE, asked).await.unwrap_or_else(|_| {
                tracing::warn!(worker, "does not say which sessions it has open");
                None
            })
        });
        join_all(asked).await.into_iter().flatten().collect()
    }
}
