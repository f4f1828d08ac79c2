//! [`plan`]: what is to be done to a store to have what was found.

use std::collections::HashSet;

use super::{Fault, Found, Place};
use crate::auth::{Account, AccountId, Directory, KeyOwner};
use crate::clock::Timestamp;
use crate::store::{Change, Refusal, effect};

/// What becomes of a thing that is in the store already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It is a fault.
    Refuse,
    /// The store's stays.
    Skip,
}

/// What is to be done, in this order.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Each makes sense after those before it.
    pub changes: Vec<Found>,
    /// What is left out: it is in the store already, or is a key of somebody who is left out.
    pub skipped: Vec<Found>,
    /// The store as it will be, if nobody changes it meanwhile.
    pub expected: Directory,
}

/// Plans to have everything that was found in a store that holds this directory.
///
/// # Errors
/// With a fault for each thing that would be refused.
pub fn plan(
    directory: &Directory,
    mut found: Vec<Found>,
    existing: Existing,
) -> Result<Plan, Vec<Fault>> {
    found.sort_by_key(|found| rank(&found.change));
    let mut planning = Planning {
        directory,
        existing,
        left_out: HashSet::new(),
        plan: Plan {
            expected: directory.clone(),
            ..Plan::default()
        },
    };
    let faults: Vec<Fault> = found
        .into_iter()
        .filter_map(|found| planning.take(found).err())
        .collect();
    if faults.is_empty() {
        Ok(planning.plan)
    } else {
        Err(faults)
    }
}

struct Planning<'d> {
    directory: &'d Directory,
    existing: Existing,
    /// Users who are.
    left_out: HashSet<AccountId>,
    plan: Plan,
}

impl Planning<'_> {
    fn take(&mut self, found: Found) -> Result<(), Fault> {
        if self.is_left_out(&found.change) {
            self.plan.skipped.push(found);
            return Ok(());
        }
        let exists = exists(self.directory, &found.change);
        match (exists, self.existing) {
            (None, _) => {}
            (Some(words), Existing::Refuse) => return Err(Fault::new(found.place, words)),
            (Some(_), Existing::Skip) => {
                if let Change::CreateAccount(Account { id, .. }) = &found.change
                    && self.directory.account(*id).is_none()
                {
                    self.left_out.insert(*id);
                }
                self.plan.skipped.push(found);
                return Ok(());
            }
        }
        if stands_twice(&self.plan.expected, self.directory, &found.change) {
            return Err(Fault::new(found.place, "it stands there twice"));
        }
        let records = match effect(&found.change, &self.plan.expected) {
            Ok(Ok(records)) => records,
            Ok(Err(refusal)) => return Err(refused(found.place, refusal)),
            Err(never) => match never {},
        };
        for record in records {
            self.plan.expected.absorb(record);
        }
        self.plan.changes.push(found);
        Ok(())
    }

    /// Whether it is a key of somebody who is left out.
    fn is_left_out(&self, change: &Change) -> bool {
        matches!(change, Change::CreateKey(key)
            if matches!(key.owner, KeyOwner::Account(owner) if self.left_out.contains(&owner)))
    }
}

/// Users before their keys. A signing key never retires before others are there: the last one of a
/// purpose is the one that doesn't retire.
fn rank(change: &Change) -> (u8, i64) {
    match change {
        Change::CreateAccount(_) => (0, 0),
        Change::CreateKey(_) => (1, 0),
        Change::AddSigningKey { key, .. } => {
            let retires = key.retires.map_or(i64::MAX, Timestamp::as_millis);
            (2, retires)
        }
        _ => (3, 0),
    }
}

/// Why the store has such a thing already, if it does.
fn exists(directory: &Directory, change: &Change) -> Option<String> {
    match change {
        Change::RevokeToken(revocation) if directory.is_revoked(revocation.token) => {
            Some("the token is revoked already".to_owned())
        }
        Change::AddSigningKey { key, .. } => {
            let mut known = directory.signing_keys().iter();
            let word = key.purpose.as_str();
            known
                .any(|known| known.purpose == key.purpose || known.kid == key.kid)
                .then(|| format!("the store has signing keys for `{word}` already"))
        }
        change => match effect(change, directory) {
            Ok(Err(refusal)) if refusal != Refusal::NoSuchUser => Some(refusal.to_string()),
            Ok(_) => None,
            Err(never) => match never {},
        },
    }
}

/// Whether what no store refuses was found before.
fn stands_twice(expected: &Directory, directory: &Directory, change: &Change) -> bool {
    match change {
        Change::RevokeToken(revocation) => expected.is_revoked(revocation.token),
        Change::RevokeAllTokens { .. } => expected.tokens_end() != directory.tokens_end(),
        _ => false,
    }
}

fn refused(place: Place, refusal: Refusal) -> Fault {
    match refusal {
        Refusal::NoSuchUser => Fault::new(place, "its owner is neither here nor in the store"),
        // The store does not have it: so it was found before.
        taken => Fault::new(place, format!("it stands there twice: {taken}")),
    }
}
