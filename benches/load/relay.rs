//! The floor: TLS in, the same bytes out, nothing understood.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::Outcome;

/// Relays each connection to a new one to the backend.
pub(super) async fn serve(address: SocketAddr, backend: SocketAddr, directory: &Path) -> Outcome {
    let certificate = CertificateDer::from_pem_file(directory.join("server.crt"))?;
    let key = PrivateKeyDer::from_pem_file(directory.join("server.key"))?;
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(address).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let acceptor = acceptor.clone();
        tokio::task::spawn_local(async move {
            relay(stream, acceptor, backend).await.unwrap_or_default();
        });
    }
}

async fn relay(stream: TcpStream, acceptor: TlsAcceptor, backend: SocketAddr) -> Outcome {
    stream.set_nodelay(true)?;
    let mut client = acceptor.accept(stream).await?;
    let mut backend = TcpStream::connect(backend).await?;
    backend.set_nodelay(true)?;
    copy_bidirectional(&mut client, &mut backend).await?;
    Ok(())
}
