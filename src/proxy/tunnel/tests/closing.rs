//! When we end a tunnel.

use super::*;

/// What a masked close frame of ours says.
fn unmasked(frame: &[u8]) -> (u16, Vec<u8>) {
    assert_eq!((frame[0], frame[1] & 0x80), (0x88, 0x80));
    assert_eq!(frame.len(), 6 + usize::from(frame[1] & 0x7f));
    let payload: Vec<u8> = frame[6..]
        .iter()
        .zip(frame[2..6].iter().cycle())
        .map(|(byte, key)| byte ^ key)
        .collect();
    (
        u16::from_be_bytes([payload[0], payload[1]]),
        payload[2..].to_vec(),
    )
}

fn expired() -> Vec<u8> {
    close_frame(4401, "credential expired")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_close_of_ours_stands_only_where_a_frame_has_ended(
        lengths in prop::collection::vec(0_usize..300, 1..20),
        before in any::<prop::sample::Index>(),
        buffer in 1_usize..100,
    ) {
        let mut wire = Vec::new();
        for length in lengths {
            wire.extend([0x02, 126]);
            wire.extend(u16::try_from(length).unwrap().to_be_bytes());
            wire.extend(vec![9; length]);
        }
        let (first, rest) = wire.split_at(before.index(wire.len()));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time().start_paused(true).build().unwrap();
        let (end, received) = runtime.block_on(async {
            let Rig { tunnel, mut client, mut backend, sessions } =
                rig_with(buffer, LIMIT, [b"", b""]);
            let (mut reads, _writes) = tokio::io::split(&mut client);
            let (_backend_reads, mut backend_writes) = tokio::io::split(&mut backend);
            let send = async {
                backend_writes.write_all(first).await.unwrap();
                sessions.expire(NOON);
                let _ = backend_writes.write_all(rest).await;
            };
            let receive = async {
                let mut bytes = Vec::new();
                reads.read_to_end(&mut bytes).await.unwrap();
                bytes
            };
            let (end, (), received) = tokio::join!(tunnel, send, receive);
            (end, received)
        });
        prop_assert_eq!(end.code, 4401);
        let frames = received.strip_suffix(expired().as_slice()).expect("a close frame at the end");
        prop_assert!(wire.starts_with(frames));
        let mut tracker = FrameTracker::new(u64::MAX);
        tracker.advance(frames).unwrap();
        prop_assert!(tracker.at_boundary());
    }
}

#[tokio::test]
async fn an_expired_session_closes_both_sides_with_the_reason() {
    let Rig {
        tunnel,
        mut client,
        mut backend,
        sessions,
    } = rig();
    let script = async {
        client.write_all(MASKED_HELLO).await.unwrap();
        assert_eq!(read(&mut backend, 11).await, MASKED_HELLO);
        sessions.expire(NOON);
        assert_eq!(read(&mut client, 22).await, expired());
        // Not forwarded any more, but for the answer.
        client.write_all(MASKED_HELLO).await.unwrap();
        client
            .write_all(&frames::masked_close_frame(4401, "").unwrap())
            .await
            .unwrap();
        assert_eq!(read_to_end(&mut client).await, b"");
        let (code, reason) = unmasked(&read_to_end(&mut backend).await);
        assert_eq!(
            (code, reason.as_slice()),
            (4401, b"credential expired".as_slice())
        );
    };
    let (end, ()) = tokio::join!(tunnel, script);
    assert_eq!(
        (end.code, end.cause),
        (4401, Cause::Ended(EndReason::Expired))
    );
}

#[tokio::test(start_paused = true)]
async fn a_revoked_session_closes_with_4403_and_the_others_live_on() {
    let Rig {
        tunnel,
        mut client,
        backend: _backend,
        sessions,
    } = rig();
    let other = sessions.register("bob", None, 1, NOON);
    let keep_bob = |user: &&str, _| match *user {
        "bob" => Ok(None),
        _ => Err(Ending::Revoked),
    };
    let script = async {
        sessions.review(2, keep_bob, NOON).await;
        assert_eq!(
            read_to_end(&mut client).await,
            close_frame(4403, "credential revoked")
        );
    };
    let (end, ()) = tokio::join!(tunnel, script);
    assert_eq!(end.code, 4403);
    assert!(
        other
            .poll_ended(&Context::from_waker(Waker::noop()))
            .is_pending()
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_answer_our_close_is_left_after_a_second() {
    let Rig {
        tunnel,
        mut client,
        backend: _backend,
        sessions,
    } = rig();
    let start = Instant::now();
    sessions.expire(NOON);
    let (_, received) = tokio::join!(tunnel, read_to_end(&mut client));
    assert_eq!(received, expired());
    assert_eq!(start.elapsed().as_millis() / 10, 100);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_cut_off_after_a_second() {
    let Rig {
        tunnel,
        client,
        mut backend,
        sessions,
    } = rig_with(64, LIMIT, [b"", b""]);
    let script = async {
        let frame = [&[0x82, 126, 1, 0][..], &[0; 256]].concat();
        let blocked = tokio::time::timeout(GRACE, backend.write_all(&frame)).await;
        assert!(blocked.is_err());
        sessions.expire(NOON);
        Instant::now()
    };
    let (end, start) = tokio::join!(tunnel, script);
    assert_eq!(end.code, 4401);
    assert_eq!(start.elapsed().as_millis() / 10, 100);
    drop(client);
}

#[tokio::test(start_paused = true)]
async fn without_a_boundary_the_client_is_cut_off_after_a_second_and_sees_no_close() {
    let Rig {
        tunnel,
        mut client,
        mut backend,
        sessions,
    } = rig();
    let start = Instant::now();
    let script = async {
        backend.write_all(&HELLO[..4]).await.unwrap();
        assert_eq!(read(&mut client, 4).await, &HELLO[..4]);
        sessions.expire(NOON);
        assert_eq!(read_to_end(&mut client).await, b"");
    };
    tokio::join!(tunnel, script);
    assert_eq!(start.elapsed().as_millis() / 10, 100);
    drop(backend);
}

#[tokio::test(start_paused = true)]
async fn a_backend_in_the_midst_of_a_frame_is_cut_off_without_a_close() {
    let Rig {
        tunnel,
        mut client,
        mut backend,
        sessions,
    } = rig();
    let script = async {
        client.write_all(&MASKED_HELLO[..8]).await.unwrap();
        assert_eq!(read(&mut backend, 8).await, &MASKED_HELLO[..8]);
        sessions.expire(NOON);
        assert_eq!(read(&mut client, 22).await, expired());
        client.write_all(&MASKED_HELLO[8..]).await.unwrap();
        assert_eq!(read_to_end(&mut backend).await, b"");
    };
    tokio::join!(tunnel, script);
}

#[tokio::test]
async fn a_message_beyond_the_limit_ends_with_1009_and_nothing_of_it_passes() {
    let Rig {
        tunnel,
        mut client,
        mut backend,
        ..
    } = rig_with(1024, 5, [b"", b""]);
    let script = async {
        client.write_all(MASKED_HELLO).await.unwrap();
        client
            .write_all(b"\x81\x86\x00\x00\x00\x00hello!")
            .await
            .unwrap();
        client
            .write_all(&frames::masked_close_frame(1009, "").unwrap())
            .await
            .unwrap();
        assert_eq!(
            read_to_end(&mut client).await,
            close_frame(1009, "message too big")
        );
        let received = read_to_end(&mut backend).await;
        let close = received.strip_prefix(MASKED_HELLO).unwrap();
        assert_eq!(unmasked(close).0, 1009);
    };
    let (end, ()) = tokio::join!(tunnel, script);
    assert_eq!((end.code, end.received), (1009, 11 + 23));
}

#[tokio::test(start_paused = true)]
async fn the_frame_that_has_begun_is_finished_and_none_after_it() {
    let Rig {
        tunnel,
        mut client,
        mut backend,
        sessions,
    } = rig();
    let script = async {
        backend.write_all(&HELLO[..4]).await.unwrap();
        assert_eq!(read(&mut client, 4).await, &HELLO[..4]);
        sessions.expire(NOON);
        let rest = [&HELLO[4..], HELLO, HELLO].concat();
        backend.write_all(&rest).await.unwrap();
        let expected = [&HELLO[4..], &expired()].concat();
        assert_eq!(read_to_end(&mut client).await, expected);
    };
    tokio::join!(tunnel, script);
}
