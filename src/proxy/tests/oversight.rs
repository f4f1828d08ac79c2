//! What is open, listed and closed from outside the worker.

use super::lifetime::streaming;
use super::websocket::open_with;
use super::*;
use crate::sessions::oversight::{Filter, SessionKind};

fn user(name: &str) -> Filter {
    Filter::User(UserId::parse(name).unwrap())
}

#[tokio::test]
async fn a_users_socket_is_closed_from_outside_and_the_other_lives_on() {
    let sidecar = Sidecar::with_keys(&[KEY, BOBS_KEY]).await;
    let (mut alice, mut alices_backend, _) = open_with(KEY, &sidecar).await;
    let (mut bob, mut bobs_backend, _) = open_with(BOBS_KEY, &sidecar).await;
    let oversight = sidecar.plane.oversight();
    bob.send([0x81, 0x81, 0, 0, 0, 0, b'h']).await;
    bobs_backend.exactly(7).await;

    let open = oversight.list(Filter::All).await;
    let seen: Vec<_> = open
        .iter()
        .map(|session| {
            assert_eq!(
                (session.kind, session.path.as_str()),
                (SessionKind::WebSocket, "/ws")
            );
            assert_eq!(session.client, sidecar.address.ip());
            let user = session.user.as_ref().unwrap().as_str();
            let credential = session.credential.as_deref().unwrap();
            (user, credential, session.traffic.received)
        })
        .collect();
    assert_eq!(seen, [("alice", KEY, 0), ("bob", BOBS_KEY, 7)]);

    assert_eq!(oversight.close(user("ALICE")).await, 1);
    let close = alice.exactly(4).await;
    assert_eq!(
        (close[0], u16::from_be_bytes([close[2], close[3]])),
        (0x88, 4403)
    );
    assert_eq!(alice.until("operator").await, "closed by an operator");
    // Masked, as a client's close is.
    assert_eq!(alices_backend.exactly(1).await, [0x88]);
    drop((alice, alices_backend));
    let line = sidecar.logged("closed by an operator").await;
    assert!(line.contains(r#""user":"alice""#), "{line}");

    bobs_backend.send([0x81, 0x01, b'!']).await;
    assert_eq!(bob.exactly(3).await, [0x81, 0x01, b'!']);
    let left = oversight.list(Filter::All).await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].id, open[1].id);
    assert_eq!(left[0].traffic.sent, 3);
}

#[tokio::test]
async fn a_stream_is_listed_and_closed_as_a_revocation_ends_it() {
    let sidecar = Sidecar::start().await;
    let (mut events, _one) = streaming(&sidecar, "text/event-stream").await;
    let (mut download, _two) = streaming(&sidecar, "application/octet-stream").await;
    let oversight = sidecar.plane.oversight();
    let open = oversight.list(user("alice")).await;
    for session in &open {
        assert_eq!(session.kind, SessionKind::Stream);
        assert_eq!(
            (session.path.as_str(), session.traffic.sent),
            ("/stream", 1)
        );
    }
    let [first, second] = &open[..] else {
        panic!("{open:?}");
    };
    assert_eq!(oversight.close(Filter::Session(first.id)).await, 1);
    assert_eq!(events.until("0\r\n\r\n").await, "0\r\n\r\n");
    assert_eq!(oversight.close(Filter::Session(second.id)).await, 1);
    assert_eq!(download.rest().await, "");
    sidecar.logged("closed by an operator").await;
}

#[tokio::test]
async fn after_the_drain_nothing_is_open_and_nobody_waits_for_an_answer() {
    let sidecar = Sidecar::start().await;
    let (_client, _backend, _) = open_with(KEY, &sidecar).await;
    let oversight = sidecar.plane.oversight().clone();
    sidecar.drain.start();
    timeout(LONG, sidecar.drain.drained()).await.unwrap();
    let asked = timeout(Duration::from_secs(1), oversight.list(Filter::All));
    assert_eq!(asked.await.expect("at once"), []);
}
