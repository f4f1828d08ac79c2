//! [`Record`]: what the store says of one thing now.

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
