//! The admin API of a sidecar, over TCP or its Unix socket.

use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixStream},
};

use super::{
    Request, Setup, Sidecar,
    request::Answer,
    soon,
    wire::{Framing, Wire},
};

trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

impl Setup {
    /// With the admin API on a port of its own.
    pub fn admin(self) -> Self {
        self.set("admin", "address = \"127.0.0.1:0\"")
    }
}

impl Sidecar {
    /// A request to the admin API; with `Host`, unless it says another.
    pub fn admin(&self, method: &str, path: &str) -> Request<'_> {
        self.request(method, &format!("/api/v1{path}"))
    }

    /// Where the admin API is: `http://…` or `unix://…`.
    pub async fn admin_url(&self) -> String {
        self.announced("admin ").await
    }
}

impl Request<'_> {
    /// Sends it to the admin API, on a connection of its own.
    pub async fn ask(mut self) -> Answer {
        let url = self.sidecar.admin_url().await;
        let (scheme, place) = url.split_once("://").unwrap();
        if !self.headers.iter().any(|(name, _)| name == "Host") {
            let host = if scheme == "unix" { "localhost" } else { place };
            self = self.header("Host", host);
        }
        let stream: Box<dyn Stream> = match scheme {
            "unix" => Box::new(UnixStream::connect(place).await.unwrap()),
            _ => Box::new(TcpStream::connect(place).await.unwrap()),
        };
        let mut wire = Wire::new(stream);
        // It may have been refused before it was read.
        let _ = wire.stream.write_all(&self.bytes()).await;
        let head = soon("an answer's head", wire.head()).await.expect("an answer");
        let status = head.start().split(' ').nth(1).unwrap().parse().unwrap();
        let framing = head.framing(Framing::UntilClose);
        let (body, trailers, end) = soon("the answer's body", wire.body(framing)).await;
        Answer { status, head, body, trailers, end }
    }

    /// The status alone that the admin API answers with.
    pub async fn asked(self) -> u16 {
        self.ask().await.status
    }
}
