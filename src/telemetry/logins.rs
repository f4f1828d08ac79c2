//! [`LoginCounts`]: what became of logins, and how many passwords are waiting.

use std::fmt;

use super::exposition::Exposition;

/// Numbers of logins, of whatever is asked where users log in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoginCounts {
    /// With the user's password.
    pub succeeded: u64,
    /// With a wrong one, of nobody, or of a user who may not.
    pub failed: u64,
    /// Too soon after others that failed.
    pub throttled: u64,
    /// Refused, for too many passwords were waiting.
    pub busy: u64,
    /// Refused, for the store was not there.
    pub unavailable: u64,
    /// Passwords that wait for a thread now.
    pub waiting: u64,
    /// Passwords that were hashed, also to no avail.
    pub hashed: u64,
}

/// Where the numbers come from.
pub(super) struct LoginSource(pub(super) Box<dyn Fn() -> LoginCounts + Send + Sync>);

impl fmt::Debug for LoginSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoginSource(…)")
    }
}

/// Writes them.
pub(super) fn render(page: &mut Exposition, counts: LoginCounts) {
    let name = "doorward_logins_total";
    page.family(
        name,
        "counter",
        "Logins with name and password, by outcome.",
    );
    for (outcome, count) in [
        ("succeeded", counts.succeeded),
        ("failed", counts.failed),
        ("throttled", counts.throttled),
        ("busy", counts.busy),
        ("unavailable", counts.unavailable),
    ] {
        page.sample(name, &[("outcome", outcome)], count);
    }
    let name = "doorward_passwords_waiting";
    let help = "Passwords that wait for a thread that hashes.";
    page.single(name, "gauge", help, counts.waiting);
    let name = "doorward_passwords_hashed_total";
    page.single(name, "counter", "Passwords hashed.", counts.hashed);
}
