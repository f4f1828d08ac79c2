//! Users who log in with a password: what a name and a password are, how its hash is made and checked under
//! load, and how guessing is slowed down.
//!
//! ```text
//!  name, password, address ─▶ Throttle::check ─▶ HashingPool::verify ─▶ Throttle::{succeeded, failed}
//!                             RetryAfter: 429     Busy: 503
//! ```

pub mod api_key;
pub mod hashing;
pub mod password;
pub mod service;
pub mod throttle;
pub mod username;

pub use api_key::{ApiKey, NoRandomness};
pub use hashing::{HashingCounts, HashingError, HashingPool, Places};
pub use password::{HashFailed, Hashing, InvalidHashing, Memory, Password, PasswordError, Verdict};
pub use throttle::{
    Attempt, Login, Network, RetryAfter, Throttle, ThrottleLimits, Throttled, Throttling,
};
pub use username::{Username, UsernameError};
