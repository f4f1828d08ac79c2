use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;

use super::*;

/// A stream that takes so many bytes at a time, and remembers them.
struct Narrow {
    width: usize,
    taken: Vec<u8>,
}

impl AsyncWrite for Narrow {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let count = self.width.min(bytes.len());
        self.taken.extend_from_slice(&bytes[..count]);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[test]
fn a_head_goes_out_whole_however_little_is_taken() {
    for width in 1..80 {
        let mut message = message(&Method::GET);
        let mut stream = Narrow {
            width,
            taken: Vec::new(),
        };
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(message.is_untouched());
        assert!(matches!(
            message.poll_send(&mut cx, &mut stream),
            Poll::Ready(Ok(()))
        ));
        assert_eq!(
            stream.taken,
            b"GET /a?b HTTP/1.1\r\nhost: h\r\nuser_id: u\r\n\r\n"
        );
        assert!(message.is_sent() && !message.is_untouched());
    }
}

#[test]
fn only_what_is_safe_is_repeated_and_from_its_start() {
    for (method, repeated) in [
        (Method::GET, true),
        (Method::HEAD, true),
        (Method::OPTIONS, true),
        (Method::POST, false),
        (Method::DELETE, false),
    ] {
        let mut once = message(&method);
        let mut stream = Narrow {
            width: 1000,
            taken: Vec::new(),
        };
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(once.poll_send(&mut cx, &mut stream).is_ready());
        let Some(mut again) = once.repeated() else {
            assert!(!repeated, "{method}");
            continue;
        };
        assert!(repeated && again.is_untouched(), "{method}");
        assert!(again.poll_send(&mut cx, &mut stream).is_ready());
        let (first, second) = stream.taken.split_at(stream.taken.len() / 2);
        assert_eq!(first, second);
    }
}

#[tokio::test]
async fn a_connection_that_was_closed_or_spoken_on_gets_nothing() {
    for said in [
        &b""[..],
        b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n",
    ] {
        let (mut link, mut backend) = link();
        backend.write_all(said).await.unwrap();
        backend.shutdown().await.unwrap();
        settle().await;
        let unanswered = link
            .exchange(message(&Method::POST), PATIENCE)
            .await
            .unwrap_err();
        assert_eq!(unanswered.kind, UnansweredKind::Closed);
        assert!(unanswered.message.unwrap().is_untouched());
        drop(link);
        let mut heard = Vec::new();
        backend.read_to_end(&mut heard).await.unwrap();
        assert!(heard.is_empty());
    }
}

/// A request that does not go out as long as nobody reads it.
fn longer_than_any_buffer() -> Box<Message> {
    let request = Request::get("/").header("long", "a".repeat(1_000_000));
    let (head, ()) = request.body(()).unwrap().into_parts();
    let head = AdmittedHead::unchecked(head);
    Message::new(head, [], Framing::None, RequestBody::default())
}

#[tokio::test]
async fn an_answer_counts_although_the_request_cannot_go_out() {
    let (mut link, mut backend) = link();
    let (answered, ()) = tokio::join!(link.exchange(longer_than_any_buffer(), PATIENCE), async {
        backend.readable().await.unwrap();
        backend
            .write_all(b"HTTP/1.1 431 No\r\nContent-Length: 2\r\n\r\nno")
            .await
            .unwrap();
        drop(backend);
    });
    assert_eq!(answered.unwrap().status(), 431);
    assert!(!link.is_free());
}

#[tokio::test]
async fn no_tunnel_opens_in_the_middle_of_a_request() {
    let (mut link, mut backend) = link();
    let (answered, ()) = tokio::join!(link.exchange(longer_than_any_buffer(), PATIENCE), async {
        backend.readable().await.unwrap();
        backend
            .write_all(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
            .await
            .unwrap();
    });
    assert_eq!(answered.unwrap_err().kind, UnansweredKind::Garbage);
}
