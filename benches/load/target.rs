//! Where the clients connect, through TLS.

use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Outcome;

/// Where to connect, and what to ask for.
pub(super) struct Target {
    address: SocketAddr,
    path: String,
    connector: TlsConnector,
}

impl Target {
    /// Trusts the authority in `directory` alone.
    pub(super) fn new(address: SocketAddr, path: String, directory: &str) -> Outcome<Rc<Self>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(
            Path::new(directory).join("ca.pem"),
        )?)?;
        let config = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Rc::new(Self {
            address,
            path,
            connector: TlsConnector::from(Arc::new(config)),
        }))
    }

    /// A connection on which nothing was asked yet.
    pub(super) async fn connect(&self) -> Outcome<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("localhost")?;
        Ok(self.connector.connect(name, stream).await?)
    }

    /// The head of a request for the path, with these further fields.
    pub(super) fn request(&self, fields: &str) -> String {
        format!(
            "GET {} HTTP/1.1\r\nHost: localhost:{}\r\n{fields}\r\n",
            self.path,
            self.address.port()
        )
    }

    /// A connection that became a WebSocket.
    pub(super) async fn websocket(&self) -> Outcome<TlsStream<TcpStream>> {
        let mut stream = self.connect().await?;
        let request = self.request(
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        );
        stream.write_all(request.as_bytes()).await?;
        let mut head = Vec::with_capacity(512);
        while !head.ends_with(b"\r\n\r\n") {
            if stream.read_buf(&mut head).await? == 0 {
                return Err("the connection ended during the handshake".into());
            }
        }
        if !head.starts_with(b"HTTP/1.1 101 ") {
            return Err(format!("refused: {}", String::from_utf8_lossy(&head)).into());
        }
        Ok(stream)
    }
}
