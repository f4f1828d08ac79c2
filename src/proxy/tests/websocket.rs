use super::*;
use crate::snapshot::SocketLimit;

const HANDSHAKE: [&str; 4] = [
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

const ACCEPTED: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

/// An open WebSocket, and the head that the backend was sent.
async fn open(sidecar: &Sidecar) -> (Peer<TcpStream>, Peer<TcpStream>, String) {
    open_with(KEY, sidecar).await
}

/// The same with another key.
pub(super) async fn open_with(
    key: &str,
    sidecar: &Sidecar,
) -> (Peer<TcpStream>, Peer<TcpStream>, String) {
    let mut client = sidecar.connect().await;
    client.ask_with(key, "GET /ws?a=1", &HANDSHAKE).await;
    let mut backend = sidecar.accept().await;
    let head = backend.head().await;
    backend.send(format!("{ACCEPTED}\r\n")).await;
    let answer = client.head().await;
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    assert_eq!(
        values(&answer, "sec-websocket-accept"),
        ["s3pPLMBiTxaQ9kYGzzhZRbK+xOo="]
    );
    (client, backend, head)
}

#[tokio::test]
async fn bytes_pass_untouched_both_ways() {
    let sidecar = Sidecar::start().await;
    let (mut client, mut backend, head) = open(&sidecar).await;
    assert_eq!(values(&head, "user_id"), ["alice"]);
    assert_eq!(values(&head, "connection"), ["upgrade"]);
    assert_eq!(values(&head, "upgrade"), ["websocket"]);
    assert_eq!(
        values(&head, "sec-websocket-key"),
        ["dGhlIHNhbXBsZSBub25jZQ=="]
    );
    let masked = [0x81, 0x82, 1, 2, 3, 4, b'h' ^ 1, b'i' ^ 2];
    client.send(masked).await;
    assert_eq!(backend.exactly(8).await, masked);
    backend.send([0x81, 0x02, b'y', b'o']).await;
    assert_eq!(client.exactly(4).await, [0x81, 0x02, b'y', b'o']);
    drop((client, backend));
    let line = sidecar.logged(r#""protocol":"ws""#).await;
    assert!(
        line.contains(r#""status":101"#) && line.contains(r#""bytes_received":8"#),
        "{line}"
    );
}

#[tokio::test]
async fn what_came_with_the_handshake_is_not_lost() {
    let sidecar = Sidecar::start().await;
    let mut client = sidecar.connect().await;
    let early = [0x89_u8, 0x80, 1, 2, 3, 4];
    let mut head = format!(
        "GET /ws HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {KEY}\r\n{}\r\n\r\n",
        HANDSHAKE.join("\r\n")
    )
    .into_bytes();
    head.extend_from_slice(&early);
    client.send(head).await;
    let mut backend = sidecar.accept().await;
    backend.head().await;
    let mut answer = format!("{ACCEPTED}\r\n").into_bytes();
    answer.extend_from_slice(&[0x81, 0x01, b'!']);
    backend.send(answer).await;
    assert_eq!(backend.exactly(6).await, early);
    client.head().await;
    assert_eq!(client.exactly(3).await, [0x81, 0x01, b'!']);
}

#[tokio::test]
async fn a_refused_upgrade_is_relayed_and_opens_nothing() {
    let sidecar = Sidecar::start().await;
    let mut client = sidecar.connect().await;
    client.ask("GET /ws", &HANDSHAKE).await;
    let mut backend = sidecar.accept().await;
    backend.head().await;
    backend.answer("403 Forbidden", &[], "no").await;
    assert!(client.head().await.starts_with("HTTP/1.1 403 "));
    client.until("no").await;
    client
        .send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    assert!(
        client.head().await.starts_with("HTTP/1.1 401 "),
        "parsed and judged on its own"
    );
}

#[tokio::test]
async fn a_wrong_accept_is_a_502() {
    let sidecar = Sidecar::start().await;
    let mut client = sidecar.connect().await;
    client.ask("GET /ws", &HANDSHAKE).await;
    let mut backend = sidecar.accept().await;
    backend.head().await;
    backend
        .send(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
            Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
        )
        .await;
    assert!(client.head().await.starts_with("HTTP/1.1 502 "));
    assert_eq!(backend.rest().await, "");
}

#[tokio::test]
async fn the_subprotocol_that_carries_the_credential_is_never_chosen() {
    let sidecar = Sidecar::start().await;
    let mut client = sidecar.connect().await;
    let mut lines = HANDSHAKE.to_vec();
    lines.push("Sec-WebSocket-Protocol: chat");
    client.ask("GET /ws", &lines).await;
    let mut backend = sidecar.accept().await;
    assert_eq!(
        values(&backend.head().await, "sec-websocket-protocol"),
        ["chat"]
    );
    backend
        .send(format!("{ACCEPTED}Sec-WebSocket-Protocol: bearer\r\n\r\n"))
        .await;
    let answer = client.head().await;
    assert!(
        answer.starts_with("HTTP/1.1 101 ") && values(&answer, "sec-websocket-protocol").is_empty()
    );
}

#[tokio::test]
async fn a_bad_handshake_never_reaches_the_backend() {
    let sidecar = Sidecar::start().await;
    let mut client = sidecar.connect().await;
    let lines = [
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 8",
        HANDSHAKE[3],
    ];
    client.ask("GET /ws", &lines).await;
    let answer = client.head().await;
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
    assert_eq!(values(&answer, "sec-websocket-version"), ["13"]);
    let mut stranger = sidecar.connect().await;
    let head = format!(
        "GET /ws HTTP/1.1\r\nHost: localhost\r\n{}\r\n\r\n",
        HANDSHAKE.join("\r\n")
    );
    stranger.send(head).await;
    assert!(stranger.head().await.starts_with("HTTP/1.1 401 "));
    assert!(sidecar.backend_is_untouched().await);
}

#[tokio::test]
async fn revocation_closes_with_4403_and_draining_with_1012() {
    let mut sidecar = Sidecar::start().await;
    let (mut client, _backend, _) = open(&sidecar).await;
    sidecar.publish(&[]);
    let close = timeout(Duration::from_secs(1), client.exactly(4))
        .await
        .expect("in a second");
    assert_eq!(
        (close[0], u16::from_be_bytes([close[2], close[3]])),
        (0x88, 4403)
    );
    sidecar.publish(&[KEY]);
    let (mut client, _backend, _) = open(&sidecar).await;
    sidecar.drain.start();
    let close = timeout(Duration::from_secs(1), client.exactly(4))
        .await
        .expect("in a second");
    assert_eq!(
        (close[0], u16::from_be_bytes([close[2], close[3]])),
        (0x88, 1012)
    );
    drop(client);
    timeout(LONG, sidecar.drain.drained()).await.unwrap();
}

#[tokio::test]
async fn a_user_has_only_so_many_sockets() {
    let sidecar =
        Sidecar::with(|snapshot| snapshot.websocket.per_user = SocketLimit::Refuse(1)).await;
    let (first, backend, _) = open(&sidecar).await;
    let mut second = sidecar.connect().await;
    second.ask("GET /ws", &HANDSHAKE).await;
    let answer = second.head().await;
    assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
    assert_eq!(values(&answer, "retry-after").len(), 1);
    drop((first, backend));
    sidecar.logged(r#""protocol":"ws""#).await;
    open(&sidecar).await;
}
