//! The connection to the backend, against real sockets and against hyper's client.

mod against_hyper;
mod heads;
mod messages;

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::link::{Link, UnansweredKind};
use super::message::Message;
use super::transport::BackendStream;
use crate::auth::AdmittedHead;
use crate::proxy::body::RequestBody;
use crate::proxy::headers::Framing;
use crate::proxy::scratch::Scratch;

const PATIENCE: Duration = Duration::from_secs(20);

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Answered(Box<Answer>),
    /// The head was good and the body was not.
    Broken(u16),
    Unanswered(UnansweredKind),
}

/// An answer that was read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
    trailers: HeaderMap,
}

/// A link, and the backend's end of it.
fn link() -> (Box<Link>, UnixStream) {
    let (ours, backends) = UnixStream::pair().unwrap();
    (
        Link::new(BackendStream::Unix(ours), Scratch::new()),
        backends,
    )
}

fn message(method: &Method) -> Box<Message> {
    let request = Request::builder()
        .method(method)
        .uri("/a?b")
        .header("user_id", "u");
    let (head, ()) = request.body(()).unwrap().into_parts();
    let (head, host) = (AdmittedHead::unchecked(head), HeaderValue::from_static("h"));
    Message::new(
        head,
        [("host", &host)],
        Framing::None,
        RequestBody::default(),
    )
}

/// Asks over a link whose backend says these parts, one at a time, and closes.
async fn ask(method: &Method, parts: &[&[u8]]) -> (Outcome, Box<Link>) {
    let (mut link, mut backend) = link();
    let answered = async {
        let response = match link.exchange(message(method), PATIENCE).await {
            Ok(response) => response,
            Err(unanswered) => return Outcome::Unanswered(unanswered.kind),
        };
        let status = response.status().as_u16();
        match read(&mut link).await {
            Ok((body, trailers)) => Outcome::Answered(Box::new(Answer {
                status,
                headers: response.headers().clone(),
                body,
                trailers,
            })),
            Err(()) => Outcome::Broken(status),
        }
    };
    let says = async {
        hear(&mut backend).await;
        for part in parts {
            // The link may have heard enough.
            let _ = backend.write_all(part).await;
            tokio::task::yield_now().await;
        }
        drop(backend);
    };
    let (outcome, ()) = tokio::join!(answered, says);
    (outcome, link)
}

/// Reads a request without a body: with anything unread, closing would be a reset.
async fn hear(backend: &mut UnixStream) {
    let mut heard = Vec::new();
    while !heard.ends_with(b"\r\n\r\n") {
        backend.read_buf(&mut heard).await.unwrap();
    }
}

/// Lets everything that has happened to sockets become known.
async fn settle() {
    let (one, mut other) = UnixStream::pair().unwrap();
    other.write_all(b".").await.unwrap();
    one.readable().await.unwrap();
}

async fn read(link: &mut Link) -> Result<(Vec<u8>, HeaderMap), ()> {
    let (mut body, mut trailers) = (Vec::new(), HeaderMap::new());
    while let Some(frame) = std::future::poll_fn(|cx| link.poll_frame(cx)).await {
        match frame.map_err(|_| ())?.into_data() {
            Ok(data) => body.extend_from_slice(&data),
            Err(frame) => trailers = frame.into_trailers().unwrap(),
        }
    }
    Ok((body, trailers))
}

/// The answer to a GET that comes in one piece.
async fn outcome(answer: impl AsRef<[u8]>) -> Outcome {
    ask(&Method::GET, &[answer.as_ref()]).await.0
}
