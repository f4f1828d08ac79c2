//! A certificate authority and a server certificate for `localhost`, good for one run.

use std::fs;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use super::Outcome;

/// Writes `ca.pem`, `server.crt`, `server.key`, and `server.pem` with both, as `HAProxy` wants it.
pub(super) fn create(directory: &Path) -> Outcome {
    let ca_key = KeyPair::generate()?;
    let mut ca = CertificateParams::new(Vec::<String>::new())?;
    // Without a name of its own it would look like the issuer of itself to OpenSSL.
    ca.distinguished_name
        .push(DnType::CommonName, "dev/bench authority");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    fs::write(directory.join("ca.pem"), ca.self_signed(&ca_key)?.pem())?;

    let key = KeyPair::generate()?;
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = CertificateParams::new(names)?.signed_by(&key, &Issuer::new(ca, ca_key))?;
    fs::write(directory.join("server.crt"), certificate.pem())?;
    fs::write(directory.join("server.key"), key.serialize_pem())?;
    fs::write(
        directory.join("server.pem"),
        certificate.pem() + &key.serialize_pem(),
    )?;
    Ok(())
}
