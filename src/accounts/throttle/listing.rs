//! [`Throttled`]: who has to wait, for those who may know and may end it.

use std::time::{Duration, Instant};

use super::{
    Login, Network, ThrottleLimits,
    tables::{Tables, besieges},
};

/// Somebody who has to wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Throttled {
    /// Who.
    pub what: Throttling,
    /// Failures that count still.
    pub failures: u32,
    /// How long the next try has to wait; zero for a name, of which each address has a wait of its
    /// own.
    pub wait: Duration,
}

/// What is delayed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Throttling {
    /// A name at an address.
    Login {
        /// The name, case-folded.
        name: Box<str>,
        /// The address.
        network: Network,
    },
    /// An address, whatever the names.
    Address(Network),
    /// A name, case-folded, that many addresses have failed for.
    Name(Box<str>),
}

impl Tables {
    pub(super) fn throttled(&self, limits: &ThrottleLimits, now: Instant) -> Vec<Throttled> {
        let names = self.names.iter();
        let names = names.filter(|(_, bucket)| besieges(**bucket, limits.by_name, now));
        let names = names.map(|(name, bucket)| Throttled {
            what: Throttling::Name(name.clone()),
            failures: bucket.level(limits.by_name, now),
            wait: Duration::ZERO,
        });
        let others = self.logins(limits, now).chain(self.addresses(limits, now));
        let waiting = others.filter(|one| !one.wait.is_zero());
        waiting.chain(names).collect()
    }

    fn logins(&self, limits: &ThrottleLimits, now: Instant) -> impl Iterator<Item = Throttled> {
        self.logins.iter().map(move |(login, failures)| Throttled {
            what: Throttling::Login {
                name: login.name.clone(),
                network: login.network,
            },
            failures: failures.count,
            wait: failures.wait(self.backoff(login, limits, now), now),
        })
    }

    fn addresses(&self, limits: &ThrottleLimits, now: Instant) -> impl Iterator<Item = Throttled> {
        let pace = limits.by_address;
        self.addresses
            .iter()
            .map(move |(network, bucket)| Throttled {
                what: Throttling::Address(*network),
                failures: bucket.level(pace, now),
                wait: bucket.wait(pace, now),
            })
    }

    pub(super) fn clear(&mut self, what: &Throttling) -> bool {
        match what {
            Throttling::Login { name, network } => {
                let login = Login {
                    name: name.to_ascii_lowercase().into(),
                    network: *network,
                };
                self.logins.remove(&login).is_some()
            }
            Throttling::Address(network) => self.addresses.remove(network).is_some(),
            Throttling::Name(name) => {
                let name: &str = &name.to_ascii_lowercase();
                self.names.remove(name).is_some()
            }
        }
    }
}
