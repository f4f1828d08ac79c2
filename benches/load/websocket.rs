//! WebSocket clients: many that sleep, or some that never stop talking.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Outcome;

/// Handshakes at a time while opening many.
const OPENING: usize = 16;

/// What a chat message may look like, as a frame: text, masked with zeroes.
const MESSAGE: &[u8] =
    b"\x81\xbb\0\0\0\0{\"text\":\"How many paws does a cat have, all in all?\",\"n\":1}";

/// Bytes of its echo: the same frame without a mask.
const ECHO: usize = MESSAGE.len() - 4;

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

    async fn open(&self) -> Outcome<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("localhost")?;
        let mut stream = self.connector.connect(name, stream).await?;
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: localhost:{}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            self.path,
            self.address.port()
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

async fn ping_pong(stream: &mut TlsStream<TcpStream>) -> Outcome {
    let mut echo = [0; ECHO];
    stream.write_all(MESSAGE).await?;
    stream.read_exact(&mut echo).await?;
    if echo.get(2..) == MESSAGE.get(6..) {
        Ok(())
    } else {
        Err("the echo differs".into())
    }
}

/// Opens `count` WebSockets, uses each once, says `open`, and keeps them until stdin ends.
pub(super) async fn hold(target: Rc<Target>, count: usize) -> Outcome {
    let opening = Rc::new(Semaphore::new(OPENING));
    let tasks: Vec<_> = (0..count)
        .map(|_| {
            let (target, opening) = (Rc::clone(&target), Rc::clone(&opening));
            tokio::task::spawn_local(async move {
                let _slot = opening.acquire().await.map_err(|error| error.to_string())?;
                let mut stream = target.open().await.map_err(|error| error.to_string())?;
                ping_pong(&mut stream)
                    .await
                    .map_err(|error| error.to_string())?;
                Ok::<_, String>(stream)
            })
        })
        .collect();
    let mut open = Vec::with_capacity(count);
    for task in tasks {
        open.push(task.await??);
    }
    println!("open");
    tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await??;
    // A socket that died in its sleep would make the others look cheaper than they are.
    for stream in &mut open {
        ping_pong(stream).await?;
    }
    println!("alive");
    Ok(())
}

/// Plays ping-pong on `count` WebSockets and prints how many messages came back, and how fast.
pub(super) async fn echo(target: Rc<Target>, count: usize, duration: Duration) -> Outcome {
    let mut streams = Vec::with_capacity(count);
    for _ in 0..count {
        streams.push(target.open().await?);
    }
    println!("open");
    let times = Rc::new(RefCell::new(Vec::with_capacity(1_000_000)));
    let end = Instant::now() + duration;
    let tasks: Vec<_> = streams
        .into_iter()
        .map(|mut stream| {
            let times = Rc::clone(&times);
            tokio::task::spawn_local(async move {
                while Instant::now() < end {
                    let sent = Instant::now();
                    ping_pong(&mut stream)
                        .await
                        .map_err(|error| error.to_string())?;
                    times.borrow_mut().push(sent.elapsed());
                }
                Ok::<_, String>(stream)
            })
        })
        .collect();
    let mut open = Vec::with_capacity(count);
    for task in tasks {
        open.push(task.await??);
    }
    let mut times = times.take();
    times.sort_unstable();
    let quantile = |q: usize| {
        times
            .get(times.len() * q / 100)
            .map_or(0, Duration::as_micros)
    };
    println!("{} {} {}", times.len(), quantile(50), quantile(99));
    Ok(())
}
