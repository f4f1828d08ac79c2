//! [`Ends`]: when the keys end that have something in common.

use std::collections::BTreeMap;

use crate::clock::Timestamp;

/// How many keys end when; those without an end come first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ends(BTreeMap<Option<Timestamp>, usize>);

impl Ends {
    /// One key more that ends so.
    pub(super) fn add(&mut self, end: Option<Timestamp>) {
        *self.0.entry(end).or_default() += 1;
    }

    /// One key less that ends so.
    pub(super) fn take(&mut self, end: Option<Timestamp>) {
        if let Some(count) = self.0.get_mut(&end) {
            *count -= 1;
            if *count == 0 {
                self.0.remove(&end);
            }
        }
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether some key has not ended.
    pub(super) fn last_beyond(&self, now: Timestamp) -> bool {
        let endless = self.0.contains_key(&None);
        let latest = self.0.last_key_value().and_then(|(end, _)| *end);
        endless || latest.is_some_and(|end| now < end)
    }
}
