//! Signing keys are there before they are needed, and follow each other in time.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand;
use aws_lc_rs::signature::Ed25519KeyPair;
use tokio::time::{sleep, timeout};

use super::Fault;
use super::desk::Desk;
use crate::auth::{Directory, Kid, Purpose, SigningAlgorithm, SigningKey};
use crate::clock::Timestamp;
use crate::secret::Secret;
use crate::snapshot::AccountsService;
use crate::store::Change;

/// How often it is seen whether a key's time is over.
const PERIOD: Duration = Duration::from_mins(1);

/// The same while the store was not read, and at first when it can't be written.
const IMPATIENCE: Duration = Duration::from_millis(100);

/// What is over for so long is forgotten: clocks differ.
const GRACE: Duration = Duration::from_hours(1);

/// How long whoever logs in with the start waits for the store to be read.
const FIRST_READ: Duration = Duration::from_secs(1);

/// The same for the first keys to be made.
const FIRST_KEYS: Duration = Duration::from_secs(5);

/// Makes the first ones, if the store is there, so that a login that comes with the start is signed.
pub(super) async fn begin(desk: &Desk) {
    let read = async {
        while desk.directory().is_err() {
            sleep(IMPATIENCE / 10).await;
        }
    };
    if timeout(FIRST_READ, read).await.is_ok() {
        // Who keeps them tries again, and complains.
        let _ = timeout(FIRST_KEYS, look_after(desk)).await;
    }
}

/// Keeps a signing key for each purpose, for ever.
pub(super) async fn keep(desk: Arc<Desk>) {
    let mut patience = None;
    loop {
        let pause = match look_after(&desk).await {
            Ok(()) => {
                patience = None;
                PERIOD
            }
            // The store was not read yet: that is not to be complained of here.
            Err(_) if desk.directory().is_err() => IMPATIENCE,
            Err(error) => {
                if patience.is_none() {
                    tracing::error!(%error, "signing keys cannot be kept");
                }
                *patience.insert(longer(patience))
            }
        };
        sleep(pause).await;
    }
}

/// How long to wait after another failure.
fn longer(last: Option<Duration>) -> Duration {
    last.map_or(IMPATIENCE, |last| (last * 2).min(PERIOD))
}

async fn look_after(desk: &Desk) -> Result<(), Fault> {
    let (directory, settings) = (desk.directory()?, desk.settings());
    let now = Timestamp::now();
    for purpose in Purpose::ALL {
        if is_due(&directory, purpose, &settings, now) {
            let next = desk.next_signing_key(purpose)?;
            desk.ledger.keep(next).await?;
        }
    }
    if has_ended(&directory, now) {
        desk.ledger
            .keep(Change::Prune { over: before(now) })
            .await?;
    }
    Ok(())
}

/// Whether there is no key that signs, or it has done so for its time.
fn is_due(all: &Directory, purpose: Purpose, by: &AccountsService, now: Timestamp) -> bool {
    let is_signing = |key: &Arc<SigningKey>| {
        key.purpose == purpose
            && key.retires.is_none()
            && key.algorithm == by.signing
            && key.created.after(by.signing_rotation) > now
    };
    !all.signing_keys().iter().any(is_signing)
}

/// Whether anything is to be forgotten.
fn has_ended(all: &Directory, now: Timestamp) -> bool {
    let mut retired = all.signing_keys().iter().filter_map(|key| key.retires);
    let mut revoked = all.revocations().map(|revocation| revocation.until);
    let is_over = |end: Timestamp| end <= before(now);
    retired.any(is_over) || revoked.any(is_over)
}

fn before(now: Timestamp) -> Timestamp {
    now.before(GRACE)
}

impl Desk {
    /// A new key, as a change: it signs from then on; the ones before it verify what they have
    /// signed to its end.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn next_signing_key(&self, purpose: Purpose) -> Result<Change, Fault> {
        let settings = self.settings();
        let now = Timestamp::now();
        let secret = secret(settings.signing).map_err(|_| {
            tracing::error!("there is no randomness for a signing key");
            Fault::StoreGone
        })?;
        let key = SigningKey {
            kid: Kid::random(),
            purpose,
            algorithm: settings.signing,
            secret,
            created: now,
            retires: None,
        };
        let lifetime = match purpose {
            Purpose::Access => settings.access_lifetime,
            Purpose::Session | Purpose::Display => settings.session_lifetime,
            Purpose::Visitor => settings.visitor_lifetime,
        };
        let others_retire = now.after(lifetime).after(GRACE);
        Ok(Change::AddSigningKey { key, others_retire })
    }
}

fn secret(algorithm: SigningAlgorithm) -> Result<Secret, Unspecified> {
    Ok(match algorithm {
        SigningAlgorithm::EdDsa => {
            let document = Ed25519KeyPair::generate_pkcs8(&rand::SystemRandom::new())?;
            Secret::new(document.as_ref())
        }
        SigningAlgorithm::Hs256 => {
            let mut bytes = [0; 32];
            rand::fill(&mut bytes)?;
            Secret::new(bytes)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_followed_by_longer_pauses_up_to_the_usual_one() {
        let mut pauses = vec![longer(None)];
        while pauses.last() != Some(&PERIOD) {
            let last = *pauses.last().unwrap();
            pauses.push(longer(Some(last)));
            assert!(pauses.last() > Some(&last));
        }
        assert_eq!((pauses[0], pauses.len()), (IMPATIENCE, 11));
        assert_eq!(longer(Some(PERIOD)), PERIOD);
    }
}
