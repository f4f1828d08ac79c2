//! [`Pair`]: a certificate chain and the key that belongs to it, checked before anyone serves it.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use rustls::InconsistentKeys;
use rustls::pki_types::pem::{self, PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::clock::Timestamp;

/// A certificate chain with its private key: parsed, and known to belong together.
#[derive(Clone, Debug)]
pub struct Pair {
    certified: Arc<CertifiedKey>,
    names: Vec<Name>,
    not_before: Timestamp,
    not_after: Timestamp,
}

impl Pair {
    /// Reads a PEM chain (the server's own certificate first) and a PEM key (PKCS#8, PKCS#1 or
    /// SEC1). Both may stand in one file that is then given twice.
    ///
    /// # Errors
    /// When either does not parse, or they do not belong together. Whether the certificate is
    /// valid *today* is not judged here: see [`Pair::not_after`].
    pub fn parse(certificate: &[u8], key: &[u8]) -> Result<Self, CertificateError> {
        let chain = chain(certificate)?;
        let key = private_key(key)?;
        let key = super::provider()
            .key_provider
            .load_private_key(key)
            .map_err(|e| CertificateError::UnusableKey(e.to_string()))?;
        let certified = CertifiedKey::new(chain, key);
        check_match(&certified)?;
        let leaf = certified
            .cert
            .first()
            .ok_or(CertificateError::NoCertificate)?;
        let facts = Facts::read(leaf)?;
        Ok(Self {
            certified: Arc::new(certified),
            names: facts.names,
            not_before: facts.not_before,
            not_after: facts.not_after,
        })
    }

    /// The hosts that the certificate is for: its subject alternative names. The common name is
    /// not one (RFC 9525 §2); a certificate without alternative names has none.
    #[must_use]
    pub fn names(&self) -> &[Name] {
        &self.names
    }

    /// The start of the certificate's validity.
    #[must_use]
    pub const fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// The end of the certificate's validity.
    #[must_use]
    pub const fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// What rustls presents.
    #[must_use]
    pub fn certified_key(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.certified)
    }
}

/// One subject alternative name of a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Name {
    /// A host name, in lower case.
    Dns(String),
    /// `*.parent`: exactly one label in front of this parent, in lower case (RFC 9525 §6.3).
    Wildcard(String),
    /// An address.
    Ip(IpAddr),
}

impl Name {
    /// Whether the certificate's name covers `host`: a host name in any case, or an address (IPv6
    /// with or without brackets), without a port.
    #[must_use]
    pub fn matches(&self, host: &str) -> bool {
        match self {
            Self::Dns(name) => name.eq_ignore_ascii_case(host),
            Self::Wildcard(parent) => host.split_once('.').is_some_and(|(label, rest)| {
                !label.is_empty() && rest.eq_ignore_ascii_case(parent)
            }),
            Self::Ip(address) => {
                let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
                bare.unwrap_or(host)
                    .parse::<IpAddr>()
                    .is_ok_and(|host| host == *address)
            }
        }
    }

    fn dns(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        match name.strip_prefix("*.") {
            Some(parent) => Self::Wildcard(parent.to_owned()),
            None => Self::Dns(name),
        }
    }

    fn ip(octets: &[u8]) -> Option<Self> {
        let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
        let v6 = <[u8; 16]>::try_from(octets).map(IpAddr::from);
        v4.or(v6).ok().map(Self::Ip)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => f.write_str(name),
            Self::Wildcard(parent) => write!(f, "*.{parent}"),
            Self::Ip(address) => address.fmt(f),
        }
    }
}

/// Why a certificate and key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// No `CERTIFICATE` block in the file.
    #[error("the certificate file holds no PEM certificate")]
    NoCertificate,
    /// The certificate file holds a key and no certificate.
    #[error("the certificate file holds a private key and no certificate; are the two swapped?")]
    KeyInsteadOfCertificate,
    /// No private key in the file.
    #[error("the key file holds no PEM private key")]
    NoKey,
    /// The key file holds a certificate and no key.
    #[error("the key file holds a certificate and no private key; are the two swapped?")]
    CertificateInsteadOfKey,
    /// The key needs a passphrase.
    #[error("the private key is encrypted; store it without a passphrase (openssl pkey -in …)")]
    EncryptedKey,
    /// A PEM block is damaged.
    #[error("damaged PEM: {0}")]
    Pem(String),
    /// The certificate is not valid X.509.
    #[error("the certificate cannot be read: {0}")]
    Certificate(String),
    /// The key has a type or size that cannot sign here.
    #[error("the private key cannot be used: {0}")]
    UnusableKey(String),
    /// The key is another certificate's.
    #[error("the private key does not belong to the certificate")]
    Mismatch,
    /// The chain is in the wrong order.
    #[error(
        "the private key belongs to certificate {0} of the file; the server's own must come first"
    )]
    Order(usize),
}

/// Every certificate of a PEM file, in its order.
pub(super) fn chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|e| CertificateError::Pem(e.to_string()))?;
    if !chain.is_empty() {
        return Ok(chain);
    }
    Err(match private_key(pem) {
        Ok(_) | Err(CertificateError::EncryptedKey) => CertificateError::KeyInsteadOfCertificate,
        Err(_) => CertificateError::NoCertificate,
    })
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, CertificateError> {
    match PrivateKeyDer::from_pem_slice(pem) {
        Ok(key) => Ok(key),
        Err(pem::Error::NoItemsFound) if holds(pem, b"-----BEGIN ENCRYPTED PRIVATE KEY-----") => {
            Err(CertificateError::EncryptedKey)
        }
        Err(pem::Error::NoItemsFound) if holds_certificate(pem) => {
            Err(CertificateError::CertificateInsteadOfKey)
        }
        Err(pem::Error::NoItemsFound) => Err(CertificateError::NoKey),
        // The library's message may quote the line it stumbled over; a key file's lines are secret.
        Err(_) if holds(pem, b"Proc-Type: 4,ENCRYPTED") => Err(CertificateError::EncryptedKey),
        Err(_) => Err(CertificateError::Pem("in the key file".to_owned())),
    }
}

fn holds(pem: &[u8], line: &[u8]) -> bool {
    pem.split(|byte| *byte == b'\n')
        .any(|found| found.trim_ascii() == line)
}

fn holds_certificate(pem: &[u8]) -> bool {
    <(SectionKind, Vec<u8>)>::pem_slice_iter(pem)
        .any(|section| matches!(section, Ok((SectionKind::Certificate, _))))
}

/// Compares public keys, and finds the frequent mistake of a chain in the wrong order.
fn check_match(certified: &CertifiedKey) -> Result<(), CertificateError> {
    match certified.keys_match() {
        // `Unknown`: the key cannot say its public half. None that we load is like that.
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(()),
        Err(rustls::Error::InconsistentKeys(_)) => {
            let own = certified.cert.iter().position(|certificate| {
                let alone = vec![certificate.clone()];
                CertifiedKey::new(alone, Arc::clone(&certified.key))
                    .keys_match()
                    .is_ok()
            });
            Err(own.map_or(CertificateError::Mismatch, |i| {
                CertificateError::Order(i + 1)
            }))
        }
        Err(e) => Err(CertificateError::Certificate(e.to_string())),
    }
}

/// What we want to know of a leaf certificate.
struct Facts {
    names: Vec<Name>,
    not_before: Timestamp,
    not_after: Timestamp,
}

impl Facts {
    fn read(leaf: &CertificateDer<'_>) -> Result<Self, CertificateError> {
        let unreadable = |e: &dyn fmt::Display| CertificateError::Certificate(e.to_string());
        let (_, leaf) = X509Certificate::from_der(leaf).map_err(|e| unreadable(&e))?;
        let alternative = leaf
            .subject_alternative_name()
            .map_err(|e| unreadable(&e))?;
        let names = alternative
            .iter()
            .flat_map(|extension| &extension.value.general_names)
            .filter_map(|name| match name {
                GeneralName::DNSName(name) => Some(Name::dns(name)),
                GeneralName::IPAddress(octets) => Name::ip(octets),
                _ => None,
            })
            .collect();
        Ok(Self {
            names,
            not_before: Timestamp::from_secs(leaf.validity().not_before.timestamp()),
            not_after: Timestamp::from_secs(leaf.validity().not_after.timestamp()),
        })
    }
}

#[cfg(test)]
mod tests;
