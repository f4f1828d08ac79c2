//! Users who log in with a password: what a password is, and how its hash is made and checked under
//! load.

pub mod hashing;
pub mod password;

pub use hashing::{HashingCounts, HashingError, HashingPool};
pub use password::{HashFailed, Hashing, InvalidHashing, Memory, Password, PasswordError, Verdict};
