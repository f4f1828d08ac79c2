//! [`Username`]: a name that a user may be given.

use crate::auth::{Accounts, InvalidUserId, UserId};
use crate::clock::Timestamp;

/// The name of a user of ours: a user id of 2 to 64 bytes that is no other source's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Username(UserId);

/// Why nobody may be called so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsernameError {
    /// Too short or too long.
    #[error(
        "a username has {} to {} characters",
        Username::SHORTEST,
        Username::LONGEST
    )]
    Length,
    /// It would be no user id.
    #[error(transparent)]
    NoUserId(#[from] InvalidUserId),
    /// Whoever bears it would be taken for somebody else.
    #[error(
        "the name is kept for others: callers without a credential, an issuer, or whom a key speaks for"
    )]
    Reserved,
}

impl Username {
    /// The shortest one, in bytes.
    pub const SHORTEST: usize = 2;

    /// The longest one, in bytes.
    pub const LONGEST: usize = 64;

    /// A name to be given to somebody among these accounts now. Whether one of them has it already is
    /// the store's to say.
    ///
    /// # Errors
    /// When its length or a character is another, or when it is reserved.
    pub fn parse(text: &str, among: &Accounts, now: Timestamp) -> Result<Self, UsernameError> {
        if !(Self::SHORTEST..=Self::LONGEST).contains(&text.len()) {
            return Err(UsernameError::Length);
        }
        let name = UserId::parse(text)?;
        if among.reserves(&name, now) || among.binds(&name) {
            return Err(UsernameError::Reserved);
        }
        Ok(Self(name))
    }
}

impl From<Username> for UserId {
    fn from(Username(id): Username) -> Self {
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{AccountSettings, BoundNames, Known, Reserved, UserGlob};

    #[test]
    fn a_name_is_a_user_id_of_2_to_64_bytes_that_is_nobody_elses() {
        let reserved = Reserved::new(vec![UserGlob::parse("visitor-*").unwrap()]);
        let settings = AccountSettings {
            reserved,
            bound: BoundNames::from_iter(["Operator"]),
            ..AccountSettings::default()
        };
        let accounts = Accounts::new(Known::NotYet, settings);
        let parse = |text: &str| {
            Username::parse(text, &accounts, Timestamp::from_secs(0)).map(|Username(id)| id)
        };
        for good in ["al", "alice", "a@b.example", &"a".repeat(64)] {
            assert_eq!(parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "a", &"a".repeat(65)] {
            assert_eq!(parse(bad), Err(UsernameError::Length), "{bad}");
        }
        for bad in ["a b", "a/b", "ali\u{e7}e", "a\n"] {
            let invalid = Err(UsernameError::NoUserId(InvalidUserId));
            assert_eq!(parse(bad), invalid, "{bad}");
        }
        for kept in ["Visitor-1", "operator", "OPERATOR"] {
            assert_eq!(parse(kept), Err(UsernameError::Reserved), "{kept}");
        }
    }
}
