//! HTTP/2 requests by hyper's client (RFC 9113).

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::{
    HOST,
    request::{Answer, Request},
    soon,
    wire::{End, Head},
};

/// Sends over a connection of its own. A stream that is reset before its head is status 0.
pub(super) async fn send(request: Request<'_>) -> Answer {
    let stream = request.sidecar.connect("h2", HOST).await;
    let io = TokioIo::new(stream);
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), io);
    let (mut sender, connection) = soon("an HTTP/2 handshake", handshake).await.unwrap();
    let driving = tokio::spawn(connection);
    let answer = soon("an HTTP/2 answer", sender.send_request(message(request))).await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(_) => {
            return Answer {
                status: 0,
                head: Head::default(),
                body: vec![],
                trailers: String::new(),
                end: End::Truncated,
            };
        }
    };
    let (head, mut body) = answer.into_parts();
    let (mut data, mut trailers, mut end) = (Vec::new(), String::new(), End::Complete);
    while let Some(frame) = soon("the answer's body", body.frame()).await {
        match frame.map(|frame| frame.into_data()) {
            Ok(Ok(bytes)) => data.extend(bytes),
            Ok(Err(frame)) => trailers = fields(frame.trailers_ref().unwrap(), "\n"),
            Err(_) => end = End::Truncated,
        }
    }
    driving.abort();
    let text = format!(
        "HTTP/2 {}\r\n{}",
        head.status.as_u16(),
        fields(&head.headers, "\r\n")
    );
    Answer {
        status: head.status.as_u16(),
        head: Head { text },
        body: data,
        trailers,
        end,
    }
}

fn message(request: Request<'_>) -> http::Request<Full<Bytes>> {
    let target = match request.target.contains("://") {
        true => request.target,
        false => format!("https://{HOST}{}", request.target),
    };
    let mut builder = http::Request::builder()
        .method(&*request.method)
        .uri(target);
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
