//! When a side ends a tunnel.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_client_that_has_said_all_may_still_listen() {
    let Rig {
        tunnel,
        mut client,
        mut backend,
        ..
    } = rig();
    let script = async {
        client.write_all(MASKED_HELLO).await.unwrap();
        client.shutdown().await.unwrap();
        assert_eq!(read_to_end(&mut backend).await, MASKED_HELLO);
        tokio::time::sleep(Duration::from_hours(1)).await;
        backend.write_all(HELLO).await.unwrap();
        drop(backend);
        assert_eq!(read_to_end(&mut client).await, HELLO);
    };
    let (end, ()) = tokio::join!(tunnel, script);
    assert_eq!((end.code, end.cause), (1006, Cause::Closed));
    assert_eq!((end.sent, end.received), (7, 11));
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_has_said_all_may_still_listen_while_the_client_speaks() {
    let Rig {
        tunnel,
        mut client,
        mut backend,
        ..
    } = rig();
    let script = async {
        backend.shutdown().await.unwrap();
        assert_eq!(
            read_to_end(&mut client).await,
            close_frame(1011, "backend broke")
        );
        for _ in 0..5 {
            tokio::time::sleep(GRACE * 9 / 10).await;
            client.write_all(MASKED_HELLO).await.unwrap();
        }
        assert_eq!(read_to_end(&mut backend).await, MASKED_HELLO.repeat(5));
    };
    let (end, ()) = tokio::join!(tunnel, script);
    assert_eq!((end.code, end.cause), (1011, Cause::BackendBroke));
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_ends_within_a_frame_ends_without_a_word_of_ours() {
    let Rig {
        tunnel,
        mut client,
        mut backend,
        ..
    } = rig();
    let script = async {
        backend.write_all(&HELLO[..4]).await.unwrap();
        drop(backend);
        assert_eq!(read_to_end(&mut client).await, &HELLO[..4]);
    };
    let (end, ()) = tokio::join!(tunnel, script);
    assert_eq!(end.cause, Cause::BackendBroke);
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_says_goodbye_itself_is_not_spoken_for() {
    let Rig {
        tunnel,
        mut client,
        mut backend,
        ..
    } = rig();
    let goodbye = close_frame(4000, "bye");
    let script = async {
        backend.write_all(&goodbye).await.unwrap();
        drop(backend);
        assert_eq!(read_to_end(&mut client).await, goodbye);
        drop(client);
    };
    let (end, ()) = tokio::join!(tunnel, script);
    assert_eq!((end.code, end.cause), (4000, Cause::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_vanishes_is_not_spoken_for() {
    let Rig {
        tunnel,
        client,
        mut backend,
        ..
    } = rig();
    let script = async {
        drop(client);
        assert_eq!(read_to_end(&mut backend).await, b"");
        drop(backend);
    };
    let (end, ()) = tokio::join!(tunnel, script);
    assert_eq!((end.code, end.cause), (1006, Cause::Closed));
}

#[tokio::test]
async fn a_client_whose_connection_is_reset_takes_the_backend_s_with_it() {
    let (tunnel, client, mut backend, _sessions) = over_tcp().await;
    let script = async {
        client.set_zero_linger().unwrap();
        drop(client);
        let mut rest = Vec::new();
        assert_eq!(backend.read_to_end(&mut rest).await.unwrap_or(0), 0);
    };
    let (end, ()) = tokio::join!(tunnel, script);
    assert_eq!(end.cause, Cause::ClientLost);
}

#[tokio::test]
async fn a_backend_whose_connection_is_reset_is_reported_to_the_client() {
    let (tunnel, mut client, backend, _sessions) = over_tcp().await;
    let script = async {
        backend.set_zero_linger().unwrap();
        drop(backend);
        let mut received = Vec::new();
        client.read_to_end(&mut received).await.unwrap();
        assert_eq!(received, close_frame(1011, "backend broke"));
        drop(client);
    };
    let (end, ()) = tokio::join!(tunnel, script);
    assert_eq!((end.code, end.cause), (1011, Cause::BackendBroke));
}

#[tokio::test]
async fn a_backend_that_takes_nothing_any_more_is_broken_when_it_falls_silent() {
    let (tunnel, mut client, backend, _sessions) = over_tcp().await;
    // Every write fails from here on, and no read does.
    let near = socket2::SockRef::from(&tunnel.backend);
    near.shutdown(std::net::Shutdown::Write).unwrap();
    let script = async {
        client.write_all(MASKED_HELLO).await.unwrap();
        let mut received = Vec::new();
        client.read_to_end(&mut received).await.unwrap();
        assert_eq!(received, close_frame(1011, "backend broke"));
        drop((client, backend));
    };
    let (end, ()) = tokio::join!(tunnel, script);
    assert_eq!((end.code, end.cause), (1011, Cause::BackendBroke));
}
