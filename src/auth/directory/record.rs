//! [`Record`]: what the store says of one thing now.

use std::time::Duration;

use super::{Account, AccountId, KeyName, Kid, SigningKey, StoredKey, TokenId};
use crate::clock::Timestamp;

/// One thing as it is now, or that it is no more. Of two of the same thing the later counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A user.
    Account(Account),
    /// A user is no more; nor are the keys that were the user's own.
    AccountGone(AccountId),
    /// A key.
    Key(StoredKey),
    /// A key is no more.
    KeyGone(KeyName),
    /// A token that counts no more.
    Revoked(Revocation),
    /// A revoked token whose time would be over by now anyway.
    RevocationGone(TokenId),
    /// Tokens issued until then count no more, whoever's they are.
    TokensEnd(Timestamp),
    /// A signing key.
    SigningKey(SigningKey),
    /// A signing key is no more.
    SigningKeyGone(Kid),
}

/// A token that was revoked by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Its `jti`.
    pub token: TokenId,
    /// When its time would be over anyway.
    pub until: Timestamp,
}

impl Revocation {
    /// How long one is kept at least: lifetimes may have been longer when its token was made.
    const A_YEAR: Duration = Duration::from_hours(366 * 24);

    /// Of a token whose end is not known for sure: kept for as long as a token made now lasts, by
    /// the longest lifetime there is, and for a year at least.
    #[must_use]
    pub fn of(token: TokenId, longest: Duration, now: Timestamp) -> Self {
        let until = now.after(longest.max(Self::A_YEAR));
        Self { token, until }
    }

    /// Kept until this time at least. Nobody need have checked it: nothing gets shorter by it.
    #[must_use]
    pub fn at_least_until(self, end: Timestamp) -> Self {
        let until = self.until.max(end);
        Self { until, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revocation_outlives_whatever_may_have_been_signed() {
        let now = Timestamp::from_secs(1_000_000);
        let (short, long) = (Duration::from_mins(15), Duration::from_hours(400 * 24));
        let until = |longest| Revocation::of(TokenId::random(), longest, now).until;
        assert_eq!(until(short), now.after(Revocation::A_YEAR));
        assert_eq!(until(long), now.after(long));
        let one = Revocation::of(TokenId::random(), short, now);
        assert_eq!(one.at_least_until(now), one);
        assert_eq!(one.at_least_until(now.after(long)).until, now.after(long));
    }
}
