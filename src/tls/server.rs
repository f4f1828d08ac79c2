//! The server side: one rustls configuration out of certificate pairs.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::{ClientHello, NoServerSessionStorage, ProducesTickets, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};

use super::certificate::{Name, Pair};

/// Makes and reads session tickets (RFC 5077, RFC 8446 §4.6.1). Create it once and hand it to
/// every configuration: then a session begun on one worker, or before a certificate reload,
/// resumes on any other and after it. Its keys live in memory only and rotate every six hours.
#[derive(Clone, Debug)]
pub struct Tickets(Arc<dyn ProducesTickets>);

impl Tickets {
    /// A ticketer with fresh random keys.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn new() -> Result<Self, TlsError> {
        Ok(Self(Ticketer::new()?))
    }
}

/// The configuration for these pairs: TLS 1.2 and 1.3, `h2` and `http/1.1` by ALPN, the pair
/// chosen by SNI (exact name, then wildcard, then the first pair).
///
/// Nothing is kept a session on our side, and there is no early data (RFC 8446 §8: it can be
/// replayed).
///
/// # Errors
/// When there is no pair.
pub fn server_config(
    pairs: Vec<Arc<Pair>>,
    tickets: &Tickets,
) -> Result<Arc<ServerConfig>, TlsError> {
    let certificates = Certificates::new(pairs)?;
    let mut config = ServerConfig::builder_with_provider(super::provider())
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(certificates));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = Arc::clone(&tickets.0);
    // One ticket resumes as well as the customary two, and each costs a write and some bytes.
    config.send_tls13_tickets = 1;
    config.max_early_data_size = 0;
    // Ours is the better order, or it would be a client's bug that chooses.
    config.ignore_client_order = true;
    Ok(Arc::new(config))
}

/// Why no TLS configuration could be made.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// No certificate was given.
    #[error("no certificate to serve")]
    NoCertificate,
    /// rustls refused.
    #[error("tls: {0}")]
    Rustls(#[from] rustls::Error),
}

/// Chooses a pair for a handshake.
#[derive(Debug)]
struct Certificates {
    first: Arc<CertifiedKey>,
    pairs: Vec<Arc<Pair>>,
}

impl Certificates {
    fn new(pairs: Vec<Arc<Pair>>) -> Result<Self, TlsError> {
        let first = pairs
            .first()
            .ok_or(TlsError::NoCertificate)?
            .certified_key();
        Ok(Self { first, pairs })
    }

    /// The best pair for `host`, among equals the first that `usable` accepts.
    fn choose(&self, host: &str, usable: impl Fn(&CertifiedKey) -> bool) -> Arc<CertifiedKey> {
        let covering = |exact: bool| {
            self.pairs.iter().filter(move |pair| {
                let fits = |name: &&Name| matches!(name, Name::Dns(_)) == exact;
                pair.names()
                    .iter()
                    .filter(fits)
                    .any(|name| name.matches(host))
            })
        };
        let ranked = || {
            covering(true)
                .chain(covering(false))
                .map(|pair| pair.certified_key())
        };
        // A client that understands none of the matching keys fails with any of them.
        let chosen = ranked()
            .find(|certified| usable(certified))
            .or_else(|| ranked().next());
        chosen.unwrap_or_else(|| Arc::clone(&self.first))
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let schemes = hello.signature_schemes();
        let usable = |certified: &CertifiedKey| certified.key.choose_scheme(schemes).is_some();
        Some(match hello.server_name() {
            Some(host) => self.choose(host, usable),
            None => Arc::clone(&self.first),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use rustls::client::Resumption;
    use rustls::pki_types::{CertificateDer, ServerName};
    use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, ServerConnection};

    use super::*;

    fn pair(names: &[&str]) -> Arc<Pair> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let key = made.signing_key.serialize_pem();
        Arc::new(Pair::parse(made.cert.pem().as_bytes(), key.as_bytes()).unwrap())
    }

    fn leaf(pair: &Pair) -> CertificateDer<'static> {
        pair.certified_key().cert[0].clone()
    }

    fn client(
        trusted: &[&Pair],
        version: &'static rustls::SupportedProtocolVersion,
    ) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        for pair in trusted {
            roots.add(leaf(pair)).unwrap();
        }
        let mut config = ClientConfig::builder_with_provider(super::super::provider())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.resumption = Resumption::in_memory_sessions(8);
        config
    }

    /// Shakes hands in memory, and exchanges a byte so that tickets arrive.
    fn shake(
        client: &Arc<ClientConfig>,
        server: &Arc<ServerConfig>,
        host: &str,
    ) -> (ClientConnection, ServerConnection) {
        let name = ServerName::try_from(host.to_owned()).unwrap();
        let mut client = ClientConnection::new(Arc::clone(client), name).unwrap();
        let mut server = ServerConnection::new(Arc::clone(server)).unwrap();
        let mut wrote = false;
        loop {
            let mut wire = Vec::new();
            while client.wants_write() {
                client.write_tls(&mut wire).unwrap();
            }
            let mut bytes = wire.as_slice();
            while !bytes.is_empty() {
                server.read_tls(&mut bytes).unwrap();
                server.process_new_packets().unwrap();
            }
            let mut wire = Vec::new();
            if !server.is_handshaking() && !wrote {
                wrote = true;
                server.writer().write_all(b"x").unwrap();
            }
            while server.wants_write() {
                server.write_tls(&mut wire).unwrap();
            }
            let mut bytes = wire.as_slice();
            while !bytes.is_empty() {
                client.read_tls(&mut bytes).unwrap();
                client.process_new_packets().unwrap();
            }
            let mut byte = [0];
            if client.reader().read(&mut byte).is_ok_and(|n| n == 1) {
                return (client, server);
            }
        }
    }

    #[test]
    fn sni_chooses_the_exact_name_then_the_wildcard_then_the_first() {
        let first = pair(&["first.example"]);
        let wild = pair(&["*.chat.example"]);
        let exact = pair(&["a.chat.example"]);
        let pairs = vec![Arc::clone(&first), Arc::clone(&wild), Arc::clone(&exact)];
        let certificates = Certificates::new(pairs).unwrap();
        let chosen = |host| certificates.choose(host, |_| true).cert[0].clone();
        assert_eq!(chosen("a.chat.example"), leaf(&exact));
        assert_eq!(chosen("A.Chat.Example"), leaf(&exact));
        assert_eq!(chosen("b.chat.example"), leaf(&wild));
        assert_eq!(chosen("a.b.chat.example"), leaf(&first));
        assert_eq!(chosen("elsewhere.example"), leaf(&first));
    }

    #[test]
    fn of_two_pairs_with_one_name_the_one_that_the_client_understands_is_chosen() {
        let (a, b) = (pair(&["chat.example"]), pair(&["chat.example"]));
        let certificates = Certificates::new(vec![Arc::clone(&a), Arc::clone(&b)]).unwrap();
        let only_b = |certified: &CertifiedKey| certified.cert[0] == leaf(&b);
        assert_eq!(
            certificates.choose("chat.example", only_b).cert[0],
            leaf(&b)
        );
        assert_eq!(
            certificates.choose("chat.example", |_| false).cert[0],
            leaf(&a)
        );
    }

    #[test]
    fn both_versions_shake_hands_with_alpn() {
        let pair = pair(&["chat.example"]);
        let server = server_config(vec![Arc::clone(&pair)], &Tickets::new().unwrap()).unwrap();
        for version in [&TLS12, &TLS13] {
            let client = Arc::new(client(&[&pair], version));
            let (_, accepted) = shake(&client, &server, "chat.example");
            assert_eq!(accepted.protocol_version(), Some(version.version));
            assert_eq!(accepted.alpn_protocol(), Some(&b"http/1.1"[..]));
        }
    }

    #[test]
    fn sessions_resume_after_the_certificate_was_replaced() {
        let (old, new) = (pair(&["chat.example"]), pair(&["chat.example"]));
        let tickets = Tickets::new().unwrap();
        for version in [&TLS12, &TLS13] {
            let client = Arc::new(client(&[&old, &new], version));
            let before = server_config(vec![Arc::clone(&old)], &tickets).unwrap();
            let (first, _) = shake(&client, &before, "chat.example");
            assert_ne!(first.handshake_kind(), Some(HandshakeKind::Resumed));
            let after = server_config(vec![Arc::clone(&new)], &tickets).unwrap();
            let (second, _) = shake(&client, &after, "chat.example");
            assert_eq!(second.handshake_kind(), Some(HandshakeKind::Resumed));
            let other = server_config(vec![Arc::clone(&new)], &Tickets::new().unwrap()).unwrap();
            let (third, _) = shake(&client, &other, "chat.example");
            assert_ne!(third.handshake_kind(), Some(HandshakeKind::Resumed));
        }
    }

    #[test]
    fn no_pair_is_an_error() {
        let made = server_config(Vec::new(), &Tickets::new().unwrap());
        assert!(matches!(made, Err(TlsError::NoCertificate)));
    }
}
