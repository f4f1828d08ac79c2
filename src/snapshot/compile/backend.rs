//! Where admitted requests go: `[backend]`.

use std::net::{IpAddr, SocketAddr};

use rustls::pki_types::ServerName;

use super::findings::Findings;
use super::secrets::NOT_LOADED;
use crate::config::{BackendUrl, Config, HostPort};
use crate::snapshot::{Address, Backend, BackendTls, Materials};

/// The backend's address, and TLS towards it. Without a URL there is none: an error, never an
/// open door.
pub(super) fn address(
    config: &Config,
    materials: &Materials,
    findings: &mut Findings,
) -> Option<Backend> {
    let Some(url) = &config.backend.url else {
        findings.error("backend.url", "required: the backend to protect");
        return None;
    };
    if config.backend.ca_file.is_some() && !matches!(url, BackendUrl::Https(_)) {
        findings.warning(
            "backend.ca_file",
            "only an https backend has a certificate to verify",
        );
    }
    match url {
        BackendUrl::Http(at) => Some(Backend {
            address: tcp(at),
            tls: None,
            authority: at.authority.clone(),
        }),
        BackendUrl::Https(at) => Some(Backend {
            address: tcp(at),
            tls: Some(trust(config, at, materials, findings)?),
            authority: at.authority.clone(),
        }),
        BackendUrl::Unix(path) => Some(Backend {
            address: Address::Unix(path.clone()),
            tls: None,
            authority: "localhost".to_owned(),
        }),
    }
}

fn tcp(at: &HostPort) -> Address {
    match at.host.parse::<IpAddr>() {
        Ok(ip) => Address::Socket(SocketAddr::new(ip, at.port)),
        Err(_) => Address::Name {
            host: at.host.clone(),
            port: at.port,
        },
    }
}

fn trust(
    config: &Config,
    at: &HostPort,
    materials: &Materials,
    findings: &mut Findings,
) -> Option<BackendTls> {
    let ca_file = config.backend.ca_file.as_deref();
    let Some(trust) = materials.trust(ca_file) else {
        let key = if ca_file.is_some() {
            "backend.ca_file"
        } else {
            "backend.url"
        };
        findings.error(key, NOT_LOADED);
        return None;
    };
    let name = findings.take("backend.url", ServerName::try_from(at.host.clone()))?;
    Some(BackendTls {
        config: std::sync::Arc::clone(trust),
        name,
    })
}
