//! [`Password`]: what somebody typed, and [`Hashing`], which makes and checks its hash.

mod effort;
mod hashing;
mod memory;
mod stored;

use std::fmt;

use crate::secret::Secret;

pub use hashing::{HashFailed, Hashing, InvalidHashing, Verdict};
pub use memory::Memory;

/// A password as it was submitted, in UTF-8: never cut, never changed, wiped when dropped.
///
/// Lengths are in bytes. The longest one bounds what a stranger can have us hash.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Secret);

/// Why a text is no password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too easily guessed.
    #[error("a password has {} bytes at least", Password::SHORTEST)]
    TooShort,
    /// Nobody types as much.
    #[error("a password has {} bytes at most", Password::LONGEST)]
    TooLong,
}

impl Password {
    /// The shortest one that may be chosen (NIST SP 800-63B §5.1.1.1), in bytes.
    pub const SHORTEST: usize = 8;

    /// The longest one, in bytes.
    pub const LONGEST: usize = 1024;

    /// A password that somebody chooses: 8 to 1024 bytes.
    ///
    /// # Errors
    /// When it is shorter or longer.
    pub fn parse(text: String) -> Result<Self, PasswordError> {
        let password = Self::presented(text)?;
        if password.0.expose().len() < Self::SHORTEST {
            return Err(PasswordError::TooShort);
        }
        Ok(password)
    }

    /// A password that somebody logs in with: 1 to 1024 bytes.
    ///
    /// It may be shorter than one may choose now: other programs, whose users were imported, asked
    /// for less.
    ///
    /// # Errors
    /// When it is empty, or longer.
    pub fn presented(text: String) -> Result<Self, PasswordError> {
        // A secret before it is looked at: what is refused is wiped as well.
        let secret = Secret::new(text);
        match secret.expose().len() {
            0 => Err(PasswordError::TooShort),
            1..=Self::LONGEST => Ok(Self(secret)),
            _ => Err(PasswordError::TooLong),
        }
    }

    /// The bytes themselves; each caller is a place to review.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.expose()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

#[cfg(test)]
mod tests;
