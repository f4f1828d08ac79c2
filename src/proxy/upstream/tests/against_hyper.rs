//! Whatever a backend says: what we take for an answer, hyper's client takes for the same one; and
//! how it is cut into segments changes nothing.

use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use proptest::prelude::*;

use super::*;

/// What answers are made of, and what breaks them.
const PIECES: [&str; 36] = [
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.1 204 No Content\r\n",
    "HTTP/1.1 304 Not Modified\r\n",
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.0 200 OK\r\n",
    "HTTP/1.1 404 \r\n",
    "Content-Length: 2\r\n",
    "Content-Length: 5\r\n",
    "content-length: 0\r\n",
    "Content-Length: +2\r\n",
    "Content-Length: 2, 2\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip\r\n",
    "Transfer-Encoding: chunked, chunked\r\n",
    "Connection: close\r\n",
    "Connection: keep-alive\r\n",
    "X-A: 1\r\n",
    "X-A:2\r\n",
    "X B: 1\r\n",
    " folded\r\n",
    "\r\n",
    "\r\n",
    "\n",
    "\r",
    "0\r\n\r\n",
    "0\r\n",
    "2\r\nok\r\n",
    "2;a=b\r\nok\r\n",
    "2 \r\nok\r\n",
    "5\r\nhello\r\n",
    "a\r\n",
    "FFFFFFFFFFFFFFFFF\r\n",
    "X-Trailer: 1\r\n\r\n",
    "hello",
    "ok",
    "\0",
];

/// Mostly proper heads with anything behind them, else anything.
fn answers() -> impl Strategy<Value = Vec<u8>> {
    let any = || prop::sample::select(&PIECES[..]).boxed();
    let start = prop::sample::select(&PIECES[..6]).boxed();
    let line = prop::sample::select(&PIECES[6..18]).boxed();
    let proper = (
        start,
        prop::collection::vec(line, 0..4),
        prop::collection::vec(any(), 0..6),
    )
        .prop_map(|(start, lines, rest)| [start, &lines.concat(), "\r\n", &rest.concat()].concat());
    let wild = prop::collection::vec(any(), 0..10).prop_map(|pieces| pieces.concat());
    prop_oneof![4 => proper, 1 => wild].prop_map(String::into_bytes)
}

async fn hyper_outcome(answer: &[u8]) -> Option<Answer> {
    let (ours, mut backend) = UnixStream::pair().unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(ours)).await.unwrap();
    let drive = async {
        let _ = connection.await;
    };
    let asks = async move {
        let request = Request::get("/a?b")
            .header("host", "h")
            .body(Empty::<Bytes>::new())
            .unwrap();
        let (parts, body) = sender.send_request(request).await.ok()?.into_parts();
        let mut parts = parts;
        if parts.status == 204 {
            // Ours has taken it out.
            parts.headers.remove("content-length");
        }
        let collected = body.collect().await.ok()?;
        let mut trailers = collected.trailers().cloned().unwrap_or_default();
        for name in ["connection", "content-length", "transfer-encoding"] {
            // As in a 204: ours has taken it out.
            trailers.remove(name);
        }
        Some(Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: collected.to_bytes().to_vec(),
            trailers,
        })
    };
    let says = async {
        hear(&mut backend).await;
        let _ = backend.write_all(answer).await;
        drop(backend);
    };
    let (answer, (), ()) = tokio::join!(asks, says, drive);
    answer
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_we_accept_hyper_accepts_with_the_same_meaning(answer in answers()) {
        block_on(async {
            if let Outcome::Answered(ours) = outcome(&answer).await {
                assert_eq!(Some(*ours), hyper_outcome(&answer).await);
            }
        });
    }

    #[test]
    fn segments_change_nothing(answer in answers(), at in any::<prop::sample::Index>(), every in any::<bool>()) {
        block_on(async {
            let whole = outcome(&answer).await;
            let parts: Vec<&[u8]> = if every {
                answer.chunks(1).collect()
            } else {
                let (first, second) = answer.split_at(at.index(answer.len() + 1));
                vec![first, second]
            };
            assert_eq!(ask(&Method::GET, &parts).await.0, whole);
        });
    }
}
