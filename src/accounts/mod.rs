//! Users who log in with a password.

pub mod password;

pub use password::{HashFailed, Hashing, InvalidHashing, Memory, Password, PasswordError, Verdict};
