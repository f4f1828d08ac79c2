//! [`Desk`]: what all answers about users are made from.

use std::sync::Arc;
use std::time::Instant;

use super::{Actor, Fault, Ledger, outcomes::Outcomes};
use crate::accounts::{
    Hashing, HashingError, HashingPool, Login, Password, Places, Throttle, ThrottleLimits, Verdict,
};
use crate::auth::{Account, Accounts, Directory, Gate, PasswordHash, Status, UserId};
use crate::clock::Timestamp;
use crate::proxy::Caller;
use crate::snapshot::live::Reader;
use crate::snapshot::{AccountsService, Snapshot};
use crate::store::Change;
use crate::telemetry::logins::LoginCounts;

/// What all answers about users are made from.
pub struct Desk {
    reader: Reader<Snapshot>,
    pub(super) ledger: Ledger,
    pool: HashingPool,
    /// Who failed to log in lately.
    pub throttle: Throttle,
    outcomes: Outcomes,
    /// What holds should a reload take the section away: the store stays until the process ends.
    began_with: Arc<AccountsService>,
}

/// What a desk is put together from.
pub struct Parts {
    /// The snapshot in force.
    pub reader: Reader<Snapshot>,
    /// Changes of the store.
    pub ledger: Ledger,
    /// Where passwords are hashed.
    pub pool: HashingPool,
    /// Settings, to begin with.
    pub settings: Arc<AccountsService>,
}

/// A user who has logged in, and since when that is so.
pub(super) struct LoggedIn {
    pub(super) account: Account,
    /// Before the password was looked at: a token that says so ends with a change of the password
    /// that was made meanwhile.
    pub(super) since: Timestamp,
}

impl Desk {
    /// Nobody has failed yet.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self {
            reader: parts.reader,
            ledger: parts.ledger,
            pool: parts.pool,
            throttle: Throttle::new(ThrottleLimits::default()),
            outcomes: Outcomes::default(),
            began_with: parts.settings,
        }
    }

    /// What is in force.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.reader.load()
    }

    /// Changes of the store.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// How users log in.
    #[must_use]
    pub fn settings(&self) -> Arc<AccountsService> {
        let settings = self.snapshot().accounts.clone();
        settings.unwrap_or_else(|| Arc::clone(&self.began_with))
    }

    /// Everything that the store holds, as it is in force.
    ///
    /// # Errors
    /// When the store could not be read yet.
    pub fn directory(&self) -> Result<Arc<Directory>, Fault> {
        let snapshot = self.snapshot();
        let directory = accounts(&snapshot.gate).and_then(Accounts::directory);
        directory.cloned().ok_or(Fault::StoreGone)
    }

    /// Whether no user may be called so now: the name is another source's.
    #[must_use]
    pub fn reserves(&self, name: &UserId) -> bool {
        let snapshot = self.snapshot();
        accounts(&snapshot.gate).is_some_and(|accounts| accounts.reserves(name, Timestamp::now()))
    }

    /// The user of this name and password. Whatever of both is wrong, it says the same in the same
    /// time.
    pub(super) async fn log_in(
        &self,
        name: &str,
        password: Password,
        caller: &Caller,
    ) -> Result<LoggedIn, Fault> {
        let login = self.try_login(name, password, caller).await;
        self.outcomes.note(&login);
        login
    }

    /// What became of logins, and how many passwords are waiting.
    #[must_use]
    pub fn login_counts(&self) -> LoginCounts {
        let (outcomes, hashing) = (&self.outcomes, self.pool.counts());
        LoginCounts {
            succeeded: outcomes.succeeded.count(),
            failed: outcomes.failed.count(),
            throttled: outcomes.throttled.count(),
            busy: outcomes.busy.count(),
            unavailable: outcomes.unavailable.count(),
            waiting: hashing.queued,
            hashed: hashing.done,
        }
    }

    async fn try_login(
        &self,
        name: &str,
        password: Password,
        caller: &Caller,
    ) -> Result<LoggedIn, Fault> {
        self.ledger.check().await?;
        let since = Timestamp::now();
        // A name that nobody may have is tried like any other.
        let id = UserId::parse(name).or_else(|_| UserId::parse("-"));
        let id = id.map_err(|_| Fault::Credentials)?;
        let login = Login::new(&id, caller.client);
        let attempt = self.throttle.check(login, Instant::now())?;
        let account = self.directory()?.account_named(name).cloned();
        let stored = account.as_ref().map(|account| account.password.clone());
        let password = Arc::new(password);
        let places = if attempt.is_of_one_known() {
            Places::Kept
        } else {
            Places::Common
        };
        let shared = Arc::clone(&password);
        let verified = self.pool.verify(self.hashing(), shared, stored, places);
        let verified = verified.await;
        let verdict = match verified {
            Ok(verdict) => verdict,
            Err(error) => {
                self.throttle.withdrawn(attempt);
                return Err(error.into());
            }
        };
        let account = account.filter(|account| {
            account.status == Status::Enabled && !self.reserves(&account.username)
        });
        match (verdict, account) {
            (Verdict::Right | Verdict::RightButOld, Some(account)) => {
                self.throttle.succeeded(attempt);
                if verdict == Verdict::RightButOld {
                    self.rehash(&account, password).await;
                }
                Ok(LoggedIn { account, since })
            }
            (Verdict::Right | Verdict::RightButOld | Verdict::Wrong, _) => {
                self.throttle.failed(attempt);
                Err(Fault::Credentials)
            }
        }
    }

    /// The hash of a new password.
    pub(super) async fn hash(&self, password: Password) -> Result<PasswordHash, HashingError> {
        self.pool.hash(self.hashing(), Arc::new(password)).await
    }

    /// Makes the same password's hash again, as hashes are made now. A login does not fail for it.
    async fn rehash(&self, account: &Account, password: Arc<Password>) {
        let made = match self.pool.hash(self.hashing(), password).await {
            Ok(to) => {
                let change = Change::Rehash {
                    id: account.id,
                    from: account.password.clone(),
                    to,
                };
                self.ledger.keep(change).await
            }
            Err(error) => Err(error.into()),
        };
        if let Err(error) = made {
            tracing::warn!(%error, "a password keeps its old hash until the next login");
        }
    }

    fn hashing(&self) -> Hashing {
        let cost = self.settings().hashing;
        // The configuration was refused if it were none.
        Hashing::new(cost.memory, cost.passes, cost.lanes).unwrap_or_default()
    }

    /// Who asks, where the gate takes nobody without a credential.
    pub(super) fn actor(caller: &Caller) -> Result<Actor, Fault> {
        Actor::of(caller).ok_or(Fault::Forbidden)
    }
}

fn accounts(gate: &Gate) -> Option<&Accounts> {
    gate.verifiers.accounts.as_ref()
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Desk(…)")
    }
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Parts(…)")
    }
}
