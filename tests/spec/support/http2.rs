//! HTTP/2 requests by hyper's client (RFC 9113).

use bytes::Bytes;
use futures_util::future::join_all;
use http_body_util::{BodyExt, Full};
use hyper::{
    body::{Frame, Incoming},
    client::conn::http2::SendRequest,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{net::TcpStream, task::JoinHandle};
use tokio_rustls::client::TlsStream;

use super::{
    HOST, key_of,
    request::{Answer, Request},
    soon,
    wire::{End, Head},
};

/// A connection of its own.
pub struct Http2 {
    sender: SendRequest<Full<Bytes>>,
    driving: JoinHandle<()>,
}

impl Http2 {
    pub(super) async fn over(stream: TlsStream<TcpStream>) -> Self {
        let io = TokioIo::new(stream);
        let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), io);
        let (sender, connection) = soon("an HTTP/2 handshake", handshake).await.unwrap();
        let driving = tokio::spawn(async move { drop(connection.await) });
        Self { sender, driving }
    }

    /// The statuses of so many requests, all under way at once.
    pub async fn get_many(&self, path: &str, key: &str, count: usize) -> Vec<u16> {
        let answers = (0..count).map(|_| self.sender.clone().send_request(get(path, key)));
        let answers = soon("all answers", join_all(answers)).await;
        answers
            .into_iter()
            .map(|answer| answer.map_or(0, |answer| answer.status().as_u16()))
            .collect()
    }

    /// An answer that has begun, and whose body nobody reads as long as it is held.
    pub async fn get_unread(&mut self, path: &str, key: &str) -> http::Response<Incoming> {
        soon("an answer", self.sender.send_request(get(path, key))).await.unwrap()
    }

    /// Resets a stream whose answer has begun.
    pub async fn get_and_reset(&mut self, path: &str, key: &str) {
        drop(soon("an answer", self.sender.send_request(get(path, key))).await.unwrap());
    }

    /// Resets so many streams as soon as they are sent; whether the connection is closed by then.
    pub async fn reset_in_bulk(&mut self, path: &str, key: &str, count: usize) -> bool {
        for _ in 0..count {
            if soon("room for a stream", self.sender.ready()).await.is_err() {
                return true;
            }
            // It is given up as soon as it had a chance to be sent.
            tokio::select! {
                biased;
                _ = self.sender.send_request(get(path, key)) => {}
                () = tokio::task::yield_now() => {}
            }
        }
        self.sender.is_closed()
    }
}

impl Drop for Http2 {
    fn drop(&mut self) {
        self.driving.abort();
    }
}

fn get(path: &str, key: &str) -> http::Request<Full<Bytes>> {
    let request = http::Request::get(format!("https://{HOST}{path}"));
    request.header("x-api-key", key_of(key)).body(Full::default()).unwrap()
}

/// Sends over a connection of its own. A stream that is reset before its head is status 0.
pub(super) async fn send(request: Request<'_>) -> Answer {
    let mut client = request.sidecar.http2().await;
    let answer = soon("an HTTP/2 answer", client.sender.send_request(message(request))).await;
    let Ok(answer) = answer else {
        return Answer {
            status: 0,
            head: Head::default(),
            body: vec![],
            trailers: String::new(),
            end: End::Truncated,
        };
    };
    let (head, mut body) = answer.into_parts();
    let (mut data, mut trailers, mut end) = (Vec::new(), String::new(), End::Complete);
    while let Some(frame) = soon("the answer's body", body.frame()).await {
        match frame.map(Frame::into_data) {
            Ok(Ok(bytes)) => data.extend(bytes),
            Ok(Err(frame)) => trailers = fields(frame.trailers_ref().unwrap(), "\n"),
            Err(_) => {
                end = End::Truncated;
                break;
            }
        }
    }
    let text = format!("HTTP/2 {}\r\n{}", head.status.as_u16(), fields(&head.headers, "\r\n"));
    Answer { status: head.status.as_u16(), head: Head { text }, body: data, trailers, end }
}

fn message(request: Request<'_>) -> http::Request<Full<Bytes>> {
    let target = if request.target.contains("://") {
        request.target
    } else {
        format!("https://{HOST}{}", request.target)
    };
    let mut builder = http::Request::builder().method(&*request.method).uri(target);
    for (name, value) in &request.headers {
        builder = builder.header(name.to_ascii_lowercase(), value);
    }
    builder.body(Full::new(request.body.into())).unwrap()
}

fn fields(headers: &http::HeaderMap, end: &str) -> String {
    let line = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        format!("{name}: {}{end}", String::from_utf8_lossy(value.as_bytes()))
    };
    headers.iter().map(line).collect()
}
