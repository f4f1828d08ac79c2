//! A certificate authority of the test's own.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ClientConfig, DEFAULT_VERSIONS, RootCertStore, ServerConfig, SupportedProtocolVersion,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

/// Signs server certificates, and is what the clients trust.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key, in PEM.
#[derive(Clone)]
pub struct Pem {
    pub certificate: String,
    pub key: String,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { issuer }
    }

    /// Its own certificate, in PEM.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A fresh certificate for these names.
    pub fn certify(&self, names: &[&str]) -> Pem {
        self.sign(&params(names))
    }

    /// One that ended years ago.
    pub fn certify_expired(&self, names: &[&str]) -> Pem {
        let mut params = params(names);
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Pem {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Pem { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// For a server of the test's own.
    pub fn server_config(&self, names: &[&str]) -> Arc<ServerConfig> {
        let pem = self.certify(names);
        let chain = vec![CertificateDer::from_pem_slice(pem.certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(pem.key.as_bytes()).unwrap();
        let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap();
        Arc::new(builder.with_no_client_auth().with_single_cert(chain, key).unwrap())
    }

    /// For a client that trusts nobody else and speaks one protocol.
    pub fn client_config(&self, protocol: &str) -> Arc<ClientConfig> {
        Arc::new(self.config(DEFAULT_VERSIONS, protocol))
    }

    /// The same in one version of TLS.
    pub fn client_config_of(
        &self,
        version: &'static SupportedProtocolVersion,
        protocol: &str,
    ) -> ClientConfig {
        self.config(&[version], protocol)
    }

    fn config(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        protocol: &str,
    ) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(versions)
            .unwrap();
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        config
    }
}

fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    CertificateParams::new(names).unwrap()
}
