//! What passes, passes untouched.

use tokio::io::BufWriter;

use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_pass_untouched_both_ways(
        up in prop::collection::vec(any::<u8>(), 0..3000),
        down in prop::collection::vec(any::<u8>(), 0..3000),
        buffer in 1_usize..600,
        piece in 1_usize..900,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (received_up, received_down) = runtime.block_on(async {
            let Rig { tunnel, client, backend, sessions: _sessions } = rig_with(buffer, u64::MAX, [b"", b""]);
            let (mut client_reads, mut client_writes) = tokio::io::split(client);
            let (mut backend_reads, mut backend_writes) = tokio::io::split(backend);
            let send_up = async {
                for piece in up.chunks(piece) {
                    client_writes.write_all(piece).await.unwrap();
                }
                client_writes.shutdown().await.unwrap();
            };
            let send_down = async {
                for piece in down.chunks(piece) {
                    backend_writes.write_all(piece).await.unwrap();
                }
                // After the client's end, so that ours does not speak up for a broken backend.
                let mut up = Vec::new();
                backend_reads.read_to_end(&mut up).await.unwrap();
                backend_writes.shutdown().await.unwrap();
                up
            };
            let read_down = async {
                let mut down = Vec::new();
                client_reads.read_to_end(&mut down).await.unwrap();
                down
            };
            let ((), received_up, received_down, _) =
                tokio::join!(send_up, send_down, read_down, tunnel);
            (received_up, received_down)
        });
        prop_assert_eq!(received_up, up);
        prop_assert_eq!(received_down, down);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_read_before_the_tunnel_goes_first() {
    let Rig {
        tunnel,
        mut client,
        mut backend,
        ..
    } = rig_with(64, LIMIT, [MASKED_HELLO, HELLO]);
    let script = async {
        client.write_all(MASKED_HELLO).await.unwrap();
        assert_eq!(
            read(&mut backend, 22).await,
            [MASKED_HELLO, MASKED_HELLO].concat()
        );
        assert_eq!(read(&mut client, 7).await, HELLO);
        drop((client, backend));
    };
    tokio::join!(tunnel, script);
}

#[tokio::test]
async fn the_backend_may_send_messages_of_any_length() {
    let Rig {
        tunnel,
        mut client,
        mut backend,
        ..
    } = rig_with(1024, 5, [b"", b""]);
    let script = async {
        backend.write_all(b"\x81\x06hello!").await.unwrap();
        assert_eq!(read(&mut client, 8).await, b"\x81\x06hello!");
        drop((client, backend));
    };
    tokio::join!(tunnel, script);
}

#[tokio::test]
async fn an_idle_tunnel_holds_no_buffer() {
    let Rig {
        mut tunnel,
        mut client,
        mut backend,
        ..
    } = rig_with(16, LIMIT, [b"", HELLO]);
    let big = [&[0x82, 126, 1, 0][..], &[5; 256]].concat();
    let script = async {
        let (sent, received) = tokio::join!(backend.write_all(&big), read(&mut client, 267));
        sent.unwrap();
        assert!(received.ends_with(&big));
    };
    tokio::select! {
        _ = &mut tunnel => panic!("the tunnel has ended"),
        () = script => {}
    }
    assert!(!tunnel.up.holds_memory() && !tunnel.down.holds_memory());
    assert!(tunnel.closing.is_none() && tunnel.linger.is_none());
}

#[tokio::test]
async fn websockets_speak_through_it_in_messages_of_16_mib() {
    let config = WebSocketConfig::default().max_frame_size(Some(64 << 20));
    let (tunnel, client, backend, _sessions) = over_tcp().await;
    let mut client = WebSocketStream::from_raw_socket(client, Role::Client, Some(config)).await;
    let mut backend = WebSocketStream::from_raw_socket(backend, Role::Server, Some(config)).await;
    let echo = async {
        while let Some(Ok(message)) = backend.next().await {
            if message.is_binary() || message.is_text() {
                backend.send(message).await.unwrap();
            }
        }
        drop(backend);
    };
    let script = async {
        for size in [0_u32, 1, 125, 126, 65_535, 65_536, 16 << 20] {
            let message =
                Message::binary((0..size).map(|n| n.to_le_bytes()[0]).collect::<Vec<_>>());
            client.send(message.clone()).await.unwrap();
            assert!(
                client.next().await.unwrap().unwrap() == message,
                "{size} bytes"
            );
        }
        client.close(Some(close(4000, "done"))).await.unwrap();
        while client.next().await.is_some() {}
        drop(client);
    };
    let (end, (), ()) = tokio::join!(tunnel, echo, script);
    assert_eq!(end.code, 4000);
}

fn close(code: u16, reason: &str) -> tokio_tungstenite::tungstenite::protocol::CloseFrame {
    tokio_tungstenite::tungstenite::protocol::CloseFrame {
        code: CloseCode::from(code),
        reason: Utf8Bytes::from(reason),
    }
}

#[tokio::test]
async fn nothing_stays_behind_in_a_socket_that_keeps_bytes_of_its_own() {
    let (mut client, client_side) = duplex(1024);
    let (mut backend, backend_side) = duplex(1024);
    let sessions = Sessions::new();
    // What a `BufWriter` is given it keeps until it is flushed.
    let tunnel = Tunnel::new(
        Side {
            stream: BufWriter::new(client_side),
            read: Bytes::from_static(MASKED_HELLO),
        },
        Side {
            stream: BufWriter::new(backend_side),
            read: Bytes::from_static(HELLO),
        },
        sessions.register("alice", None, 1, NOON),
        LIMIT,
        Scratch::new(),
    );
    let script = async {
        assert_eq!(read(&mut client, 7).await, HELLO);
        assert_eq!(read(&mut backend, 11).await, MASKED_HELLO);
        client.write_all(MASKED_HELLO).await.unwrap();
        backend.write_all(HELLO).await.unwrap();
        assert_eq!(read(&mut client, 7).await, HELLO);
        assert_eq!(read(&mut backend, 11).await, MASKED_HELLO);
    };
    tokio::select! {
        _ = tunnel => panic!("the tunnel has ended"),
        () = script => {}
    }
}
