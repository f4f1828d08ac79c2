//! A certificate authority and two server certificates for `localhost`, good for one run.

use std::fs;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use super::Outcome;

/// Writes `ca.pem`, `server.crt`, `server.key`, and `server.pem` with both, as `HAProxy` wants it;
/// and `another.crt` and `another.key`, to be put in their place.
pub(super) fn create(directory: &Path) -> Outcome {
    let ca_key = KeyPair::generate()?;
    let mut ca = CertificateParams::new(Vec::<String>::new())?;
    // Without a name of its own it would look like the issuer of itself to OpenSSL.
    ca.distinguished_name
        .push(DnType::CommonName, "doorward bench authority");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    fs::write(directory.join("ca.pem"), ca.self_signed(&ca_key)?.pem())?;

    let authority = Issuer::new(ca, ca_key);
    let (certificate, key) = server(&authority)?;
    fs::write(directory.join("server.pem"), certificate.clone() + &key)?;
    fs::write(directory.join("server.crt"), certificate)?;
    fs::write(directory.join("server.key"), key)?;
    let (certificate, key) = server(&authority)?;
    fs::write(directory.join("another.crt"), certificate)?;
    fs::write(directory.join("another.key"), key)?;
    Ok(())
}

fn server(authority: &Issuer<'_, KeyPair>) -> Outcome<(String, String)> {
    let key = KeyPair::generate()?;
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = CertificateParams::new(names)?.signed_by(&key, authority)?;
    Ok((certificate.pem(), key.serialize_pem()))
}
