//! The public side: `[listen]` and `[tls]`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use rustls::ServerConfig;

use super::Context;
use super::findings::Findings;
use super::secrets::NOT_LOADED;
use crate::auth::{HostPattern, Hosts};
use crate::config::{AdminAddress, Config, Diagnostic, OrOff, Tls};
use crate::snapshot::Materials;
use crate::tls::certificate::Pair;
use crate::tls::server::server_config;

/// Certificates that end sooner than this are worth a warning.
const SOON: Duration = Duration::from_hours(14 * 24);

/// What clients meet first.
pub(super) struct Entrance {
    pub(super) tls: Option<Arc<ServerConfig>>,
    pub(super) hsts: Option<HeaderValue>,
    pub(super) hosts: Hosts,
}

/// TLS, and the hosts that are answered.
pub(super) fn compile(
    config: &Config,
    materials: &Materials,
    context: &Context<'_>,
    findings: &mut Findings,
) -> Entrance {
    check_plaintext(config, findings);
    check_admin(config, findings);
    let pairs = config
        .tls
        .as_ref()
        .map(|tls| pairs(tls, materials, context, findings));
    let names = hosts(config, pairs.as_deref(), findings);
    let patterns = names.iter().map(|name| HostPattern::parse(name)).collect();
    Entrance {
        tls: pairs
            .filter(|pairs| !pairs.is_empty())
            .and_then(|pairs| findings.take("tls", server_config(pairs, &context.keys.tickets))),
        hsts: config.tls.as_ref().and_then(hsts),
        hosts: Hosts::new(patterns),
    }
}

/// Without TLS, credentials would cross the network readable by anyone on the way.
fn check_plaintext(config: &Config, findings: &mut Findings) {
    let listen = &config.listen;
    if config.tls.is_some() {
        if listen.plaintext {
            findings.warning("listen.plaintext", "says nothing beside [tls]");
        }
        return;
    }
    if !listen.redirect.0.is_empty() {
        findings.error(
            "listen.redirect",
            "there is no https to redirect to: [tls] is missing",
        );
    }
    let beyond = |address: &SocketAddr| !address.ip().to_canonical().is_loopback();
    if !listen.plaintext && listen.addresses(None).iter().any(beyond) {
        let message = "without [tls] only loopback addresses are served";
        findings.push(
            Diagnostic::error("listen.address", message).with_help(
                "add [tls], or set listen.plaintext = true behind something that ends TLS",
            ),
        );
    }
}

/// The API for operators has no TLS of its own, and whoever reads a credential there has everything.
fn check_admin(config: &Config, findings: &mut Findings) {
    let OrOff::Value(AdminAddress::Tcp(address)) = &config.admin.address else {
        return;
    };
    if !address.ip().to_canonical().is_loopback() {
        let message = "only a loopback address or a Unix socket";
        findings.push(
            Diagnostic::error("admin.address", message)
                .with_help("from elsewhere, reach it through an SSH tunnel, or put it behind something that ends TLS"),
        );
    }
}

/// The loaded certificates, the default first.
fn pairs(
    tls: &Tls,
    materials: &Materials,
    context: &Context<'_>,
    findings: &mut Findings,
) -> Vec<Arc<Pair>> {
    let mut pairs = Vec::new();
    for (index, (certificate, key)) in tls.pairs().enumerate() {
        let at = match index.checked_sub(1) {
            None => "tls.certificate".to_owned(),
            Some(also) => format!("tls.also[{also}].certificate"),
        };
        match materials.pair(certificate, key) {
            None => findings.error(at, NOT_LOADED),
            Some(pair) => {
                if let Some(doubt) = doubt(pair, context) {
                    findings.warning(at, doubt);
                }
                pairs.push(Arc::clone(pair));
            }
        }
    }
    pairs
}

fn doubt(pair: &Pair, context: &Context<'_>) -> Option<String> {
    let now = context.now;
    let days = now.until(pair.not_after()).as_secs() / (24 * 3600);
    if pair.not_after() <= now {
        Some("this certificate has expired".to_owned())
    } else if pair.not_before() > now {
        Some("this certificate is not valid yet".to_owned())
    } else if pair.not_after() <= now.after(SOON) {
        Some(format!("this certificate expires in {days} days"))
    } else {
        None
    }
}

fn hsts(tls: &Tls) -> Option<HeaderValue> {
    let seconds = tls.hsts.value()?.0.as_secs();
    HeaderValue::try_from(format!("max-age={seconds}")).ok()
}

/// The host names that are answered, as written or by default.
fn hosts(config: &Config, pairs: Option<&[Arc<Pair>]>, findings: &mut Findings) -> Vec<String> {
    let written = config.listen.hosts.as_slice();
    for (index, host) in written.iter().enumerate() {
        if !is_host(host) {
            let message = "not a host: a name or an address, without a port";
            findings.error(format!("listen.hosts[{index}]"), message);
        }
    }
    if !written.is_empty() {
        return written.iter().map(|host| bare(host)).collect();
    }
    let Some(pairs) = pairs else {
        return plaintext_hosts(config, findings);
    };
    let names = pairs.iter().flat_map(|pair| pair.names());
    let mut names: Vec<String> = names.map(ToString::to_string).collect();
    names.dedup();
    if names.is_empty() && !pairs.is_empty() {
        let message = "the certificates name no host: which are served?";
        findings.error("listen.hosts", message);
    }
    names
}

/// Names that need no certificate: this machine's own.
fn plaintext_hosts(config: &Config, findings: &mut Findings) -> Vec<String> {
    let addresses = config.listen.addresses(None);
    if config.listen.plaintext
        && addresses
            .iter()
            .any(|address| address.ip().is_unspecified())
    {
        let message = "only localhost is answered: name the public hosts in listen.hosts";
        findings.warning("listen.hosts", message);
    }
    let own = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let listening = addresses.iter().map(|address| address.ip().to_string());
    own.into_iter().chain(listening).collect()
}

fn bare(host: &str) -> String {
    host.trim_start_matches('[')
        .trim_end_matches(']')
        .to_ascii_lowercase()
}

fn is_host(text: &str) -> bool {
    let bare = bare(text);
    let name = bare.strip_prefix("*.").unwrap_or(&bare);
    let label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    text == "*" || bare.parse::<std::net::IpAddr>().is_ok() || name.split('.').all(label)
}
