//! Through TLS, which keeps bytes of its own and sends them when it is told to.

use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use super::*;
use crate::tls::certificate::Pair;
use crate::tls::client::client_config;
use crate::tls::server::{Tickets, server_config};

type TlsTunnel = Tunnel<server::TlsStream<TcpStream>, TcpStream, &'static str>;

/// A tunnel whose client speaks TLS, and the other ends of it.
async fn rig() -> (
    TlsTunnel,
    client::TlsStream<TcpStream>,
    TcpStream,
    Sessions<&'static str>,
) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let pair = Pair::parse(certificate.as_bytes(), key.as_bytes()).unwrap();
    let server = server_config(vec![Arc::new(pair)], &Tickets::new().unwrap()).unwrap();
    let connector = TlsConnector::from(client_config(Some(certificate.as_bytes())).unwrap());
    let name = ServerName::try_from("localhost").unwrap();

    let (client, client_side) = connected().await;
    let (backend, backend_side) = connected().await;
    let (client, client_side) = tokio::join!(
        connector.connect(name, client),
        TlsAcceptor::from(server).accept(client_side)
    );
    let sessions = Sessions::new();
    let tunnel = Tunnel::new(
        Side {
            stream: client_side.unwrap(),
            read: Bytes::new(),
        },
        Side {
            stream: backend_side,
            read: Bytes::new(),
        },
        sessions.register("alice", Some(NOON), 1, NOON),
        LIMIT,
        Scratch::new(),
    );
    (tunnel, client.unwrap(), backend, sessions)
}

#[tokio::test]
async fn a_client_that_reads_slowly_gets_every_byte() {
    let (tunnel, mut client, mut backend, _sessions) = rig().await;
    let bytes: Vec<u8> = (0..4_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    let send = async {
        backend.write_all(&bytes).await.unwrap();
        backend.shutdown().await.unwrap();
        let mut rest = Vec::new();
        backend.read_to_end(&mut rest).await.unwrap();
    };
    let receive = async {
        let mut received = Vec::new();
        let mut piece = [0; 3000];
        // Gives way before each read: the tunnel meets a full socket again and again.
        while let Ok(count @ 1..) = client.read(&mut piece).await {
            received.extend_from_slice(&piece[..count]);
            tokio::task::yield_now().await;
        }
        client.shutdown().await.unwrap();
        received
    };
    let (_, (), received) = tokio::join!(tunnel, send, receive);
    assert!(received.starts_with(&bytes));
}

#[tokio::test]
async fn a_large_upload_reaches_the_backend_whole() {
    let (tunnel, mut client, mut backend, _sessions) = rig().await;
    let bytes: Vec<u8> = (0..4_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    let wire = [
        &[0x82, 0xff][..],
        &4_000_000_u64.to_be_bytes(),
        &[0; 4],
        &bytes,
    ]
    .concat();
    let send = async {
        client.write_all(&wire).await.unwrap();
        client.shutdown().await.unwrap();
    };
    let receive = async {
        let mut received = Vec::new();
        backend.read_to_end(&mut received).await.unwrap();
        drop(backend);
        received
    };
    let (_, (), received) = tokio::join!(tunnel, send, receive);
    assert!(received == wire);
}

#[tokio::test]
async fn a_close_of_ours_and_the_end_arrive() {
    let (tunnel, mut client, _backend, sessions) = rig().await;
    let script = async {
        sessions.expire(NOON);
        let mut received = vec![0; close_frame(4401, "credential expired").len()];
        client.read_exact(&mut received).await.unwrap();
        assert_eq!(received, close_frame(4401, "credential expired"));
        let answer = frames::masked_close_frame(4401, "").unwrap();
        client.write_all(&answer).await.unwrap();
        // An orderly end: `close_notify`, then the end of the connection.
        assert_eq!(client.read(&mut received).await.unwrap(), 0);
    };
    let (end, ()) = tokio::join!(tunnel, script);
    assert_eq!(end.code, 4401);
}
