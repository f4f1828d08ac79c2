//! [`Caller`]: who opened a session, by what right, from where and when.

use std::net::IpAddr;

use crate::auth::Proof;
use crate::clock::Timestamp;

/// What a session of the data plane was opened by.
///
/// There is one for each open socket: nothing of it may own memory beyond what the proof does.
#[derive(Clone, Debug)]
pub struct Caller {
    /// What it was admitted by, to be judged again.
    pub proof: Proof,
    /// The client's address, beyond trusted proxies.
    pub client: IpAddr,
    /// When its request was read: the time that the access log has for it.
    pub since: Timestamp,
}
