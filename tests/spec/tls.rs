//! TLS towards clients: versions, names, certificates that change while it runs.

use std::sync::Arc;

use rustls::{HandshakeKind, ProtocolVersion, version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Backend, Setup, Sidecar, eventually};

async fn sidecar(backend: &Backend) -> Sidecar {
    Setup::before(backend).key("alice").start().await
}

#[tokio::test]
async fn both_current_versions_are_spoken() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    for (version, spoken) in
        [(&version::TLS12, ProtocolVersion::TLSv1_2), (&version::TLS13, ProtocolVersion::TLSv1_3)]
    {
        let config = sidecar.authority().client_config_of(version, "http/1.1");
        let stream = sidecar.connect_with(Arc::new(config), "chat.example").await.unwrap();
        assert_eq!(stream.get_ref().1.protocol_version(), Some(spoken));
    }
}

#[tokio::test]
async fn older_versions_and_weak_suites_are_refused() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    for (name, hello) in [
        ("SSL 3", hello(3, 0, 0x002f)),
        ("TLS 1.0", hello(3, 1, 0xc013)),
        ("TLS 1.1", hello(3, 2, 0xc013)),
        ("CBC", hello(3, 3, 0xc027)),
        ("RSA", hello(3, 3, 0x009c)),
    ] {
        let mut stream = sidecar.tcp().await;
        stream.write_all(&hello).await.unwrap();
        let mut answer = Vec::new();
        let _ = crate::support::soon("it is refused", stream.read_to_end(&mut answer)).await;
        assert!(answer.is_empty() || answer[0] == 21, "{name}: no alert: {answer:x?}");
    }
}

/// A `ClientHello` of one version and one suite (RFC 5246 §7.4.1.2).
fn hello(major: u8, minor: u8, suite: u16) -> Vec<u8> {
    let mut body = vec![major, minor];
    body.extend([7; 32]);
    body.push(0);
    body.extend([0, 2]);
    body.extend(suite.to_be_bytes());
    body.extend([1, 0]);
    body.extend([0, 0]);
    let length = u8::try_from(body.len()).unwrap();
    let mut hello = vec![22, 3, 1, 0, length + 4, 1, 0, 0, length];
    hello.extend(body);
    hello
}

#[tokio::test]
async fn plain_http_on_the_tls_port_is_refused() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let mut stream = sidecar.tcp().await;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: chat.example\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = crate::support::soon("it is refused", stream.read_to_end(&mut answer)).await;
    assert!(!String::from_utf8_lossy(&answer).contains("200"), "{answer:?}");
    assert!(backend.seen().is_empty());
}

#[tokio::test]
async fn the_protocol_is_the_clients_choice() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    for protocol in ["h2", "http/1.1"] {
        let stream = sidecar.connect(protocol, "chat.example").await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol.as_bytes()));
    }
}

#[tokio::test]
async fn each_name_is_shown_its_own_certificate() {
    let backend = Backend::start().await;
    let authority = crate::support::Authority::new();
    let pem = authority.certify(&["*.other.example"]);
    let also = "[[tls.also]]\ncertificate = \"other.pem\"\nkey = \"other.key\"";
    let setup = Setup::before(&backend)
        .key("alice")
        .file("other.pem", &pem.certificate)
        .file("other.key", &pem.key);
    let sidecar = setup.block("also", also).start().await;
    assert!(sidecar.try_connect("http/1.1", "chat.example").await.is_ok());
    assert!(
        sidecar.try_connect("http/1.1", "a.other.example").await.is_err(),
        "of another authority"
    );
    let config = authority.client_config("http/1.1");
    assert!(sidecar.connect_with(config, "a.other.example").await.is_ok());
}

#[tokio::test]
async fn a_new_certificate_is_shown_and_open_connections_stay() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let mut chat = sidecar.websocket("/ws").key("alice").open().await;
    let old = sidecar.shown_certificate().await;
    let pem = sidecar.certify(&["chat.example"]);
    sidecar.replace("server.pem", pem.certificate);
    sidecar.replace("server.key", pem.key);
    eventually("it is shown", async || sidecar.shown_certificate().await != old).await;
    assert!(chat.is_alive().await);
}

#[tokio::test]
async fn a_certificate_that_does_not_match_its_key_is_not_taken() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let old = sidecar.shown_certificate().await;
    sidecar.replace("server.pem", sidecar.certify(&["chat.example"]).certificate);
    eventually("it is complained of", async || sidecar.log().contains("server.pem")).await;
    assert_eq!(sidecar.shown_certificate().await, old);
    sidecar.replace("server.key", "nonsense");
    assert_eq!(sidecar.get("/").key("alice").status().await, 200);
}

#[tokio::test]
async fn an_expired_certificate_is_shown_and_complained_of() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let mut chat = sidecar.websocket("/ws").key("alice").open().await;
    let pem = sidecar.authority().certify_expired(&["chat.example"]);
    sidecar.replace("server.pem", pem.certificate);
    sidecar.replace("server.key", pem.key);
    eventually("it is complained of", async || {
        sidecar.log().contains("this certificate has expired")
    })
    .await;
    assert!(sidecar.try_connect("http/1.1", "chat.example").await.is_err(), "it looks at the date");
    assert!(chat.is_alive().await);
}

#[tokio::test]
async fn a_session_is_resumed_after_a_new_certificate() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let config = sidecar.authority().client_config("http/1.1");
    let kind = async || {
        let mut stream = sidecar.connect_with(Arc::clone(&config), "chat.example").await.unwrap();
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: chat.example\r\nConnection: close\r\n\r\n")
            .await
            .unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
        stream.get_ref().1.handshake_kind()
    };
    assert_ne!(kind().await, Some(HandshakeKind::Resumed));
    assert_eq!(kind().await, Some(HandshakeKind::Resumed));
    let (old, pem) = (sidecar.shown_certificate().await, sidecar.certify(&["chat.example"]));
    sidecar.replace("server.pem", pem.certificate);
    sidecar.replace("server.key", pem.key);
    eventually("it is shown", async || sidecar.shown_certificate().await != old).await;
    assert_eq!(kind().await, Some(HandshakeKind::Resumed));
}

#[tokio::test]
async fn plain_http_is_sent_to_https_and_nowhere_else() {
    let backend = Backend::start().await;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let setup = Setup::before(&backend).key("alice").route("/open", "access = \"open\"");
    let sidecar = setup.set("listen", &format!("redirect = \"127.0.0.1:{port}\"")).start().await;
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream
        .write_all(b"GET /open?a=1 HTTP/1.1\r\nHost: chat.example\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 308"), "{answer}");
    let location =
        format!("location: https://chat.example:{}/open?a=1\r\n", sidecar.address().port());
    assert!(answer.to_lowercase().contains(&location), "{answer}");
    assert_eq!(backend.connections(), 0);
}

#[tokio::test]
async fn strict_transport_security_is_said_when_asked_for() {
    let backend = Backend::start().await;
    let quiet = sidecar(&backend).await;
    assert_eq!(quiet.get("/").key("alice").send().await.header("strict-transport-security"), None);
    let setup = Setup::before(&backend).key("alice").set("tls", "hsts = \"365d\"");
    let sidecar = setup.start().await;
    for request in [sidecar.get("/").key("alice"), sidecar.get("/")] {
        let answer = request.send().await;
        assert_eq!(answer.header("strict-transport-security"), Some("max-age=31536000"));
    }
}
