//! The client side, towards a backend that speaks https.

use std::sync::Arc;

use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore};

use super::certificate::{self, CertificateError};

/// The configuration towards a backend: certificates are always verified, against the
/// authorities of `ca` (a PEM file's bytes) and no others, or without it against the system's.
/// HTTP/1.1 only.
///
/// # Errors
/// When `ca` holds no usable certificate, or the system offers no roots.
pub fn client_config(ca: Option<&[u8]>) -> Result<Arc<ClientConfig>, TrustError> {
    let roots = match ca {
        Some(pem) => given_roots(pem)?,
        None => system_roots()?,
    };
    let mut config = ClientConfig::builder_with_provider(super::provider())
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Why no authorities to verify a backend with could be loaded.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TrustError {
    /// The file holds no readable certificate.
    #[error("{0}")]
    Pem(#[from] CertificateError),
    /// A certificate of the file cannot be an authority.
    #[error("certificate {position} cannot serve as an authority: {reason}")]
    Authority {
        /// Its place in the file, counted from 1.
        position: usize,
        /// What rustls says about it.
        reason: String,
    },
    /// The system has none.
    #[error("the system has no root certificates ({0}); set backend.ca_file")]
    NoSystemRoots(String),
    /// rustls refused.
    #[error("tls: {0}")]
    Rustls(#[from] rustls::Error),
}

fn given_roots(pem: &[u8]) -> Result<RootCertStore, TrustError> {
    let mut roots = RootCertStore::empty();
    for (index, authority) in certificate::chain(pem)?.into_iter().enumerate() {
        roots.add(authority).map_err(|e| TrustError::Authority {
            position: index + 1,
            reason: e.to_string(),
        })?;
    }
    Ok(roots)
}

/// The platform's bundle, or `SSL_CERT_FILE` and `SSL_CERT_DIR`. Single certificates that do not
/// parse are skipped: bundles carry curiosities that nobody here can repair.
fn system_roots() -> Result<RootCertStore, TrustError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let reasons: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
        let reasons = if reasons.is_empty() {
            "none found".into()
        } else {
            reasons.join("; ")
        };
        return Err(TrustError::NoSystemRoots(reasons));
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ca_file_is_trusted_and_speaks_http_1() {
        let made = rcgen::generate_simple_self_signed(["backend.example".to_owned()]).unwrap();
        let config = client_config(Some(made.cert.pem().as_bytes())).unwrap();
        assert_eq!(config.alpn_protocols, [b"http/1.1"]);
    }

    #[test]
    fn an_empty_or_wrong_ca_file_is_an_error_and_not_the_system_roots() {
        let none = TrustError::Pem(CertificateError::NoCertificate);
        assert_eq!(client_config(Some(b"")).unwrap_err(), none);
        let made = rcgen::generate_simple_self_signed(["backend.example".to_owned()]).unwrap();
        let key = made.signing_key.serialize_pem();
        let swapped = TrustError::Pem(CertificateError::KeyInsteadOfCertificate);
        assert_eq!(client_config(Some(key.as_bytes())).unwrap_err(), swapped);
    }

    #[test]
    fn the_place_of_a_bad_authority_is_named() {
        let made = rcgen::generate_simple_self_signed(["backend.example".to_owned()]).unwrap();
        let pem = format!(
            "{}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            made.cert.pem()
        );
        let error = client_config(Some(pem.as_bytes())).unwrap_err();
        assert!(
            matches!(error, TrustError::Authority { position: 2, .. }),
            "{error}"
        );
    }
}
