//! [`Ledger`]: changes of the store, and when they are in force.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::Fault;
use crate::auth::{Directory, Identity, KeyOwner, Permission, Permissions};
use crate::clock::Timestamp;
use crate::proxy::Caller;
use crate::store::{Author, Change, Revision, Store, StoreError};

/// The store, as soon as it could be opened.
pub type StoreHandle = watch::Receiver<Option<Arc<dyn Store>>>;

/// How long an answer waits until its change is in force. It is made by then whatever happens.
const PATIENCE: Duration = Duration::from_secs(5);

/// Makes changes.
#[derive(Clone)]
pub struct Ledger {
    store: StoreHandle,
    in_force: watch::Receiver<Revision>,
    /// Whether the last change failed, and was complained of.
    is_failing: Arc<AtomicBool>,
}

/// Who asks for a change, and what that one may do.
#[derive(Clone, Debug)]
pub struct Actor {
    /// As the audit log names it.
    pub name: String,
    /// Nobody gives more than that.
    pub permissions: Permissions,
    /// Where it is: an address, or `unix`.
    pub from: String,
}

impl Actor {
    /// Who sent a request; nobody, if it came without a credential.
    #[must_use]
    pub fn of(caller: &Caller) -> Option<Self> {
        let identity = caller.identity.as_ref()?;
        Some(Self::new(identity, caller.client.to_string()))
    }

    /// Who has shown who it is, from somewhere.
    #[must_use]
    pub fn new(identity: &Identity, from: String) -> Self {
        Self {
            name: name(identity),
            permissions: identity.permissions().clone(),
            from,
        }
    }

    /// Nobody gives what it doesn't have.
    ///
    /// # Errors
    /// When some of it is more than the actor has.
    pub fn check_gives(&self, permissions: &Permissions) -> Result<(), Fault> {
        if self.permissions.include(permissions) {
            Ok(())
        } else {
            Err(Fault::TooMuch)
        }
    }

    /// Nobody gives a key that speaks for somebody who may do more, whatever the key itself may:
    /// the backend is told a name, and knows what that one may. Who else is called so is not for
    /// us to know, so that only somebody who may do everything gives any other name.
    ///
    /// # Errors
    /// When the owner may do what the actor may not, or is nobody of the directory's.
    pub fn check_gives_key_of(&self, owner: &KeyOwner, directory: &Directory) -> Result<(), Fault> {
        match owner {
            KeyOwner::Account(id) => {
                let account = directory.account(*id).ok_or(Fault::NoSuchUser)?;
                self.check_gives(&account.permissions)
            }
            KeyOwner::Bound(_) | KeyOwner::Acting(_) => {
                let everything = Permission::new("*", "*");
                let may_all = everything.is_ok_and(|all| self.permissions.allow(&all));
                may_all.then_some(()).ok_or(Fault::TooMuch)
            }
        }
    }
}

fn name(identity: &Identity) -> String {
    format!("{} ({})", identity.user(), identity.credential())
}

impl Ledger {
    /// Of this store, whose changes are in force when the other end says so.
    #[must_use]
    pub fn new(store: StoreHandle, in_force: watch::Receiver<Revision>) -> Self {
        Self {
            store,
            in_force,
            is_failing: Arc::default(),
        }
    }

    /// Makes a change, and waits until every worker goes by it.
    ///
    /// # Errors
    /// When it makes no sense, or the store can't make it.
    pub async fn make(&self, change: Change, by: &Actor) -> Result<(), Fault> {
        let author = Author {
            name: by.name.clone(),
            from: by.from.clone(),
            at: Timestamp::now(),
        };
        self.apply(change, author).await
    }

    /// Makes a change of the program's own.
    ///
    /// # Errors
    /// As [`Ledger::make`].
    pub(super) async fn keep(&self, change: Change) -> Result<(), Fault> {
        let author = Author {
            name: "doorward".to_owned(),
            from: "self".to_owned(),
            at: Timestamp::now(),
        };
        self.apply(change, author).await
    }

    /// The store.
    ///
    /// # Errors
    /// When it could not be opened yet.
    pub fn store(&self) -> Result<Arc<dyn Store>, Fault> {
        self.store.borrow().clone().ok_or(Fault::StoreGone)
    }

    /// Whether the store answers at all.
    ///
    /// # Errors
    /// When it doesn't.
    pub(super) async fn check(&self) -> Result<(), Fault> {
        let known = *self.in_force.borrow();
        self.store()?.changes(known).await?;
        Ok(())
    }

    async fn apply(&self, change: Change, by: Author) -> Result<(), Fault> {
        let applied = self.store()?.apply(change, by).await;
        self.tell(&applied);
        let revision = applied?;
        let mut in_force = self.in_force.clone();
        let published = in_force.wait_for(|published| *published >= revision);
        if timeout(PATIENCE, published).await.is_err() {
            tracing::warn!(%revision, "a change is made and not in force yet");
        }
        Ok(())
    }
}

impl Ledger {
    /// Says once that changes fail, and once that they don't any more.
    fn tell(&self, applied: &Result<Revision, StoreError>) {
        match applied {
            Err(StoreError::Refused(_)) => {}
            Err(error) => {
                if !self.is_failing.swap(true, Ordering::Relaxed) {
                    tracing::error!(%error, "the store did not do what it was asked");
                }
            }
            Ok(_) => {
                if self.is_failing.swap(false, Ordering::Relaxed) {
                    tracing::info!("the store does what it is asked again");
                }
            }
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Refused(refusal) => Self::Refused(refusal),
            StoreError::Full => Self::StoreFull,
            StoreError::ReadOnly | StoreError::TooNew { .. } | StoreError::Unavailable(_) => {
                Self::StoreGone
            }
        }
    }
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ledger(…)")
    }
}
