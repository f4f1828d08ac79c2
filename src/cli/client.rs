//! HTTP/1.1 as the commands speak it themselves: a connection of its own for each request.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    time::{self, Instant},
};
use tokio_rustls::TlsConnector;

use crate::snapshot::{Address, BackendTls};

/// More of an answer's body is not read, in bytes.
const BODY: usize = 64 * 1024;

/// TCP, TLS over it, or a Unix socket.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Whom to ask.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) address: Address,
    pub(super) tls: Option<BackendTls>,
}

/// Why there is no answer. Nothing of the request is repeated: it may hold a credential.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("no connection: {0}")]
    Connect(io::Error),
    #[error("no TLS: {0}")]
    Tls(io::Error),
    #[error("no HTTP/1.1: {0}")]
    Http(#[from] hyper::Error),
    #[error("nothing within {} s", .0.as_secs())]
    Silence(Duration),
}

/// What a server said.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Server {
    /// A connection, its TLS handshake done.
    pub(super) async fn open(&self) -> Result<Box<dyn Stream>, Failure> {
        let tcp = match &self.address {
            Address::Socket(address) => TcpStream::connect(address).await,
            Address::Name { host, port } => TcpStream::connect((host.as_str(), *port)).await,
            Address::Unix(path) => {
                let unix = UnixStream::connect(path).await.map_err(Failure::Connect)?;
                return Ok(Box::new(unix));
            }
        };
        let tcp = tcp.map_err(Failure::Connect)?;
        tcp.set_nodelay(true).map_err(Failure::Connect)?;
        let Some(tls) = &self.tls else {
            return Ok(Box::new(tcp));
        };
        let connector = TlsConnector::from(Arc::clone(&tls.config));
        let stream = connector.connect(tls.name.clone(), tcp).await;
        Ok(Box::new(stream.map_err(Failure::Tls)?))
    }

    /// The answer to one request, whose head must come within `patience`. Of its body counts what
    /// comes within it.
    pub(super) async fn ask(
        &self,
        request: Request<Full<Bytes>>,
        patience: Duration,
    ) -> Result<Answer, Failure> {
        self.ask_for(request, patience, BODY).await
    }

    /// The same, of whose body so many bytes are read.
    pub(super) async fn ask_for(
        &self,
        mut request: Request<Full<Bytes>>,
        patience: Duration,
        most: usize,
    ) -> Result<Answer, Failure> {
        let deadline = Instant::now() + patience;
        let connection = request.headers_mut().entry(header::CONNECTION);
        connection.or_insert(HeaderValue::from_static("close"));
        match time::timeout_at(deadline, self.send(request)).await {
            Ok(response) => Ok(Answer::read_some(response?, deadline, most).await),
            Err(_) => Err(Failure::Silence(patience)),
        }
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Failure> {
        let stream = TokioIo::new(self.open().await?);
        let (mut sender, connection) = http1::handshake(stream).await?;
        tokio::spawn(connection);
        Ok(sender.send_request(request).await?)
    }
}

impl Answer {
    /// Reads a body that may be endless, or break off: what came is what there is.
    pub(super) async fn read(response: Response<Incoming>, deadline: Instant) -> Self {
        Self::read_some(response, deadline, BODY).await
    }

    async fn read_some(response: Response<Incoming>, deadline: Instant, most: usize) -> Self {
        let (head, mut incoming) = response.into_parts();
        let mut body = Vec::new();
        while body.len() < most
            && let Ok(Some(Ok(frame))) = time::timeout_at(deadline, incoming.frame()).await
        {
            if let Ok(data) = frame.into_data() {
                body.extend_from_slice(&data);
            }
        }
        body.truncate(most);
        Self {
            status: head.status,
            headers: head.headers,
            body,
        }
    }

    /// Its body, to be shown.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    /// Asks a server that says this and then keeps the connection open.
    async fn ask(said: &'static str, patience: Duration) -> Result<Answer, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Server {
            address: Address::Socket(listener.local_addr().unwrap()),
            tls: None,
        };
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(said.as_bytes()).await.unwrap();
            // Until the client has gone.
            let _ = stream.read_to_end(&mut Vec::new()).await;
        });
        let request = Request::get("/").body(Full::default()).unwrap();
        server.ask(request, patience).await
    }

    #[tokio::test]
    async fn an_endless_body_counts_as_far_as_it_came() {
        let said = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nso far";
        let answer = ask(said, Duration::from_millis(200)).await.unwrap();
        assert_eq!((answer.status.as_u16(), &*answer.text()), (200, "so far"));
    }

    #[tokio::test]
    async fn an_answer_that_does_not_begin_is_silence_and_another_protocol_is_none() {
        let silence = ask("", Duration::from_millis(50)).await;
        assert!(matches!(silence, Err(Failure::Silence(_))), "{silence:?}");
        let other = ask("220 mail.example ESMTP\r\n", Duration::from_secs(10)).await;
        assert!(matches!(other, Err(Failure::Http(_))), "{other:?}");
    }

    #[tokio::test]
    async fn an_answer_without_an_end_of_its_own_is_read_up_to_a_limit() {
        let said: &'static str =
            Box::leak(format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(BODY * 2)).into_boxed_str());
        let answer = ask(said, Duration::from_secs(10)).await.unwrap();
        assert_eq!(answer.body.len(), BODY);
    }
}
