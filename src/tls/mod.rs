//! TLS material: certificate pairs, the server side's configuration, the client side's towards an
//! https backend.
//!
//! Everything here turns bytes into values or an error; only [`client::client_config`] without a
//! CA file asks the platform for its roots.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

pub mod certificate;
pub mod client;
pub mod server;

/// The one implementation of cryptography, passed explicitly wherever rustls wants one, so that
/// nothing depends on a process-wide default having been installed.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}
