//! [`ProcessKeys`]: made at start, outliving every snapshot.

use crate::secret::Secret;
use crate::tls::server::{Tickets, TlsError};

/// Keys of this process alone.
#[derive(Debug)]
pub struct ProcessKeys {
    /// Of the session tickets.
    pub tickets: Tickets,
    /// Of the cookies that visitors are known by, where the configuration has no secret for them.
    pub visitors: Secret,
}

impl ProcessKeys {
    /// Makes them.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn new() -> Result<Self, TlsError> {
        let mut random = [0; 32];
        aws_lc_rs::rand::fill(&mut random).map_err(|_| rustls::Error::FailedToGetRandomBytes)?;
        Ok(Self {
            tickets: Tickets::new()?,
            visitors: Secret::new(random),
        })
    }
}
