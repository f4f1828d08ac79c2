use std::future::Future;

use http::{Request, Response, Version};
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::tls::certificate::Pair;
use crate::tls::server::{Tickets, server_config};

/// A sidecar with a certificate for `localhost`, and a client's trust in it.
async fn sidecar(change: impl FnOnce(&mut Snapshot)) -> (Sidecar, CertificateDer<'static>) {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (chain, key) = (certified.cert.pem(), certified.signing_key.serialize_pem());
    let pair = Arc::new(Pair::parse(chain.as_bytes(), key.as_bytes()).unwrap());
    let config = server_config(vec![pair], &Tickets::new().unwrap()).unwrap();
    let sidecar = Sidecar::with(|snapshot| {
        snapshot.tls = Some(config);
        change(snapshot);
    })
    .await;
    (sidecar, certified.cert.der().clone())
}

async fn connect(
    sidecar: &Sidecar,
    certificate: &CertificateDer<'static>,
    protocol: &[u8],
) -> TlsStream<TcpStream> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let tcp = TcpStream::connect(sidecar.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, tcp)
        .await
        .unwrap()
}

async fn connect_http2<B>(
    sidecar: &Sidecar,
    certificate: &CertificateDer<'static>,
) -> http2::SendRequest<B>
where
    B: http_body::Body<Data = Bytes, Error: std::error::Error + Send + Sync>
        + Send
        + Unpin
        + 'static,
{
    let stream = TokioIo::new(connect(sidecar, certificate, b"h2").await);
    let (sender, connection) = http2::handshake(TokioExecutor::new(), stream)
        .await
        .unwrap();
    tokio::spawn(connection);
    sender
}

fn request(path: &str) -> http::request::Builder {
    Request::builder()
        .uri(format!("https://localhost{path}"))
        .version(Version::HTTP_2)
        .header("authorization", format!("Bearer {KEY}"))
}

/// Waits for both: the client's request, and what the backend does meanwhile.
async fn both<T>(
    asking: impl Future<Output = hyper::Result<Response<Incoming>>>,
    serving: impl Future<Output = T>,
) -> (Response<Incoming>, T) {
    let (response, served) = timeout(LONG, async { tokio::join!(asking, serving) })
        .await
        .unwrap();
    (response.unwrap(), served)
}

#[tokio::test]
async fn http1_over_tls_is_secure_to_the_backend_and_the_browser() {
    let (sidecar, certificate) = sidecar(|snapshot| {
        snapshot.hsts = Some(HeaderValue::from_static("max-age=1"));
    })
    .await;
    let mut client = Peer::new(connect(&sidecar, &certificate, b"http/1.1").await);
    client.ask("GET /", &[]).await;
    let mut backend = sidecar.accept().await;
    assert_eq!(
        values(&backend.head().await, "x-forwarded-proto"),
        ["https"]
    );
    backend
        .answer("302 Found", &["Location: http://localhost/next"], "")
        .await;
    let answer = client.head().await;
    assert_eq!(values(&answer, "strict-transport-security"), ["max-age=1"]);
    assert_eq!(values(&answer, "location"), ["https://localhost/next"]);
    assert!(
        sidecar
            .logged(r#""protocol":"h1""#)
            .await
            .contains(r#""status":302"#)
    );
}

#[tokio::test]
async fn http2_requests_arrive_as_http1_with_one_host_and_one_cookie_line() {
    let (sidecar, certificate) = sidecar(|_| {}).await;
    let mut client = connect_http2::<Empty<Bytes>>(&sidecar, &certificate).await;
    let asked = request("/a?b")
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .header("user_id", "evil")
        .header("user-id", "evil")
        .body(Empty::new())
        .unwrap();
    let (response, head) = both(client.send_request(asked), async {
        let mut backend = sidecar.accept().await;
        let head = backend.head().await;
        backend
            .answer(
                "200 OK",
                &["Connection: keep-alive", "Keep-Alive: timeout=5"],
                "two",
            )
            .await;
        head
    })
    .await;
    assert!(head.starts_with("GET /a?b HTTP/1.1\r\n"), "{head}");
    for (name, expected) in [
        ("host", "localhost"),
        ("cookie", "a=1; b=2"),
        ("user_id", "alice"),
    ] {
        assert_eq!(values(&head, name), [expected], "{head}");
    }
    assert!(values(&head, "user-id").is_empty(), "{head}");
    assert!(!response.headers().contains_key("keep-alive"));
    assert_eq!(
        response.into_body().collect().await.unwrap().to_bytes(),
        "two"
    );
    assert!(
        sidecar
            .logged(r#""protocol":"h2""#)
            .await
            .contains(r#""bytes_sent":3"#)
    );
}

#[tokio::test]
async fn an_http2_upload_passes_and_streams_of_one_connection_do_not_wait_for_each_other() {
    let (sidecar, certificate) = sidecar(|_| {}).await;
    let mut client = connect_http2::<Full<Bytes>>(&sidecar, &certificate).await;
    let slow = client.send_request(request("/slow").body(Full::default()).unwrap());
    let slow = tokio::spawn(slow);
    let mut held = sidecar.accept().await;
    held.head().await;
    let body = Bytes::from(vec![b'x'; 200_000]);
    let post = request("/post")
        .method("POST")
        .body(Full::new(body))
        .unwrap();
    let (response, length) = both(client.send_request(post), async {
        let mut backend = sidecar.accept().await;
        assert_eq!(values(&backend.head().await, "content-length"), ["200000"]);
        let length = backend.exactly(200_000).await.len();
        backend.answer("200 OK", &[], "").await;
        length
    })
    .await;
    assert_eq!((response.status(), length), (StatusCode::OK, 200_000));
    held.answer("204 No Content", &[], "").await;
    assert_eq!(
        slow.await.unwrap().unwrap().status(),
        StatusCode::NO_CONTENT
    );
}

#[tokio::test]
async fn a_truncated_answer_resets_its_stream_only() {
    let (sidecar, certificate) = sidecar(|_| {}).await;
    let mut client = connect_http2::<Empty<Bytes>>(&sidecar, &certificate).await;
    let asked = request("/").body(Empty::new()).unwrap();
    let (response, backend) = both(client.send_request(asked), async {
        let mut backend = sidecar.accept().await;
        backend.head().await;
        let part = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc";
        backend.send(part).await;
        backend
    })
    .await;
    drop(backend);
    assert!(response.into_body().collect().await.is_err());
    let again = request("/").body(Empty::new()).unwrap();
    let (response, ()) = both(client.send_request(again), async {
        let mut backend = sidecar.accept().await;
        backend.head().await;
        backend.answer("200 OK", &[], "").await;
    })
    .await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_client_that_resets_its_stream_cancels_the_request() {
    let (sidecar, certificate) = sidecar(|_| {}).await;
    let mut client = connect_http2::<Empty<Bytes>>(&sidecar, &certificate).await;
    let asked = client.send_request(request("/").body(Empty::new()).unwrap());
    let asking = tokio::spawn(asked);
    let mut backend = sidecar.accept().await;
    backend.head().await;
    asking.abort();
    let left = timeout(Duration::from_secs(1), backend.rest()).await;
    assert_eq!(left.expect("cancelled within a second"), "");
}

#[tokio::test]
async fn a_stream_whose_client_does_not_read_is_cut_and_the_others_live_on() {
    let (sidecar, certificate) = sidecar(|snapshot| {
        snapshot.limits.write_stall = Duration::from_millis(300);
    })
    .await;
    let mut client = connect_http2::<Empty<Bytes>>(&sidecar, &certificate).await;
    let asked = request("/").body(Empty::new()).unwrap();
    let (unread, mut backend) = both(client.send_request(asked), async {
        let mut backend = sidecar.accept().await;
        backend.head().await;
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n";
        backend.send(head).await;
        backend
    })
    .await;
    let block = vec![0; 1 << 20];
    let flooding = async { while backend.stream.write_all(&block).await.is_ok() {} };
    timeout(LONG, flooding)
        .await
        .expect("the backend is let go");
    sidecar.logged("client does not read").await;
    let again = request("/").body(Empty::new()).unwrap();
    let (response, ()) = both(client.send_request(again), async {
        let mut backend = sidecar.accept().await;
        backend.head().await;
        backend.answer("200 OK", &[], "").await;
    })
    .await;
    assert_eq!(response.status(), StatusCode::OK);
    drop(unread);
}

#[tokio::test]
async fn a_client_that_never_says_hello_is_let_go() {
    let (sidecar, _) = sidecar(|snapshot| {
        snapshot.limits.tls_handshake = Duration::from_millis(100);
    })
    .await;
    let mut silent = sidecar.connect().await;
    assert_eq!(silent.rest().await, "");
    let mut plain = sidecar.connect().await;
    plain.send("GET / HTTP/1.1\r\n\r\n").await;
    assert!(
        !plain.more().await || plain.read[0] == 21,
        "an alert at most"
    );
}

#[tokio::test]
async fn an_idle_http2_connection_is_closed() {
    let (sidecar, certificate) = sidecar(|snapshot| {
        snapshot.limits.keep_alive = Duration::from_millis(100);
    })
    .await;
    let mut client = connect_http2::<Empty<Bytes>>(&sidecar, &certificate).await;
    let unknown = Request::get("https://localhost/")
        .body(Empty::new())
        .unwrap();
    assert_eq!(
        client.send_request(unknown).await.unwrap().status(),
        StatusCode::UNAUTHORIZED
    );
    let closed = async {
        while client.ready().await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    timeout(LONG, closed).await.expect("closed for being idle");
}

#[tokio::test]
async fn a_drain_lets_the_streams_of_a_connection_finish() {
    let (sidecar, certificate) = sidecar(|_| {}).await;
    let mut client = connect_http2::<Empty<Bytes>>(&sidecar, &certificate).await;
    let asked = request("/").body(Empty::new()).unwrap();
    let (response, ()) = both(client.send_request(asked), async {
        let mut backend = sidecar.accept().await;
        backend.head().await;
        sidecar.drain.start();
        while TcpStream::connect(sidecar.address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        backend.answer("200 OK", &[], "late").await;
    })
    .await;
    assert_eq!(
        response.into_body().collect().await.unwrap().to_bytes(),
        "late"
    );
    timeout(LONG, sidecar.drain.drained()).await.unwrap();
}
