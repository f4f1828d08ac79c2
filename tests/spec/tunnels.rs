//! After `101`: bytes pass untouched, and a socket ends for one of the reasons of interface §5.

use std::time::Duration;

use crate::support::{
    Backend, Claims, End, Feed, Frames, Script, Setup, eventually, in_seconds, within,
};

const TEXT: u8 = 0x81;
const CLOSE: u8 = 0x88;

async fn open(backend: &Backend) -> (crate::support::Sidecar, Frames) {
    let sidecar = Setup::before(backend).key("alice").start().await;
    let frames = sidecar.websocket("/ws").key("alice").frames().await;
    (sidecar, frames)
}

#[tokio::test]
async fn a_chat_streams_through() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend).key("alice").start().await;
    let mut chat = sidecar.websocket("/ws").key("alice").open().await;
    for word in ["one", "two", "three"] {
        chat.say(word).await;
        assert_eq!(chat.hear().await, word);
    }
    chat.close().await;
    backend.until("the socket is closed", |seen| seen[0].gone).await;
}

#[tokio::test]
async fn the_handshake_is_answered_for_the_clients_own_key() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend).key("alice").start().await;
    let (answer, _) = sidecar.websocket("/ws").key("alice").answer().await;
    assert_eq!(answer.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_eq!(answer.header("upgrade").map(str::to_lowercase).as_deref(), Some("websocket"));
    assert!(answer.header("x-request-id").is_some());
}

/// Frames with control frames between fragments, compressed and reserved ones.
const FRAMES: &[(u8, &[u8])] = &[
    (TEXT, b"hello"),
    (0x82, &[0, 255]),
    (0x89, b"ping"),
    (0x8a, b"pong"),
    (TEXT, b""),
    (TEXT, &[b'x'; 70_000]),
    (0x01, b"a fragment"),
    (0x00, b"another"),
    (0x89, b"between"),
    (0x80, b"the last"),
    (0xc1, b"\xca\x48\xcd\xc9\xc9\x07\x00"),
    (0xf3, b"reserved"),
];

#[tokio::test]
async fn frames_of_every_kind_pass_byte_for_byte() {
    let backend = Backend::start().await;
    let (_sidecar, mut frames) = open(&backend).await;
    let mut sent = Vec::new();
    for (first, payload) in FRAMES {
        sent.extend(Frames::masked(*first, payload));
        frames.send(*first, payload).await;
        frames.expect(*first, payload).await;
    }
    backend.until("everything has arrived", |seen| seen[0].after.len() == sent.len()).await;
    assert!(backend.only().after == sent);
}

#[tokio::test]
async fn compression_is_between_the_two_ends() {
    let accept = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    let extension = "permessage-deflate; server_no_context_takeover";
    let feed = Feed::new();
    let head = format!(
        "{accept}Sec-WebSocket-Extensions: {extension}\r\nSec-WebSocket-Protocol: chat\r\n\r\n"
    );
    let backend = Backend::always(Script::Feed(head.into(), feed)).await;
    let sidecar = Setup::before(&backend).key("alice").start().await;
    let handshake = sidecar
        .websocket("/ws")
        .key("alice")
        .header("Sec-WebSocket-Extensions", "permessage-deflate");
    let (answer, _) = handshake.header("Sec-WebSocket-Protocol", "chat").answer().await;
    assert_eq!(answer.header("sec-websocket-extensions"), Some(extension));
    assert_eq!(answer.header("sec-websocket-protocol"), Some("chat"));
    assert_eq!(backend.only().head.field("sec-websocket-extensions"), Some("permessage-deflate"));
}

#[tokio::test]
async fn a_frame_of_sixteen_mebibytes_passes() {
    let backend = Backend::start().await;
    let (_sidecar, mut frames) = open(&backend).await;
    let payload: Vec<u8> = (0..16 << 20).map(|at: u32| at.to_le_bytes()[1]).collect();
    let Frames { raw } = &mut frames;
    raw.write(Frames::masked(0x82, &payload)).await;
    frames.expect(0x82, &payload).await;
    frames.send(TEXT, b"and on").await;
    frames.expect(TEXT, b"and on").await;
}

#[tokio::test]
async fn a_longer_message_is_too_big() {
    let backend = Backend::start().await;
    let setup = Setup::before(&backend).key("alice").set("websocket", "max_message = \"1KiB\"");
    let sidecar = setup.start().await;
    let mut frames = sidecar.websocket("/ws").key("alice").frames().await;
    frames.send(TEXT, &[b'x'; 1024]).await;
    frames.expect(TEXT, &[b'x'; 1024]).await;
    frames.send(0x01, &[b'x'; 1000]).await;
    frames.expect(0x01, &[b'x'; 1000]).await;
    frames.send(0x80, &[b'x'; 25]).await;
    assert_eq!(frames.close_code().await, 1009);
}

#[tokio::test]
async fn what_was_sent_with_the_handshake_is_not_lost() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend).key("alice").start().await;
    let mut raw = sidecar.raw().await;
    let mut bytes = sidecar.websocket("/ws").key("alice").bytes().into_bytes();
    bytes.extend(Frames::masked(TEXT, b"early"));
    raw.write(bytes).await;
    assert_eq!(raw.answer().await.status, 101);
    assert_eq!(raw.bytes(7).await, Frames::plain(TEXT, b"early"));
}

#[tokio::test]
async fn close_codes_and_reasons_are_the_ends_own() {
    let backend = Backend::start().await;
    for code in [1000_u16, 1001, 4000] {
        let (_sidecar, mut frames) = open(&backend).await;
        let payload = [&code.to_be_bytes()[..], b"bye"].concat();
        frames.send(CLOSE, &payload).await;
        frames.expect(CLOSE, &payload).await;
        assert!(frames.raw.until_closed().await.is_empty());
    }
}

#[tokio::test]
async fn a_backend_that_breaks_is_no_orderly_close() {
    let feed = Feed::new();
    let backend = Backend::always(Script::tunnel(&feed)).await;
    let (_sidecar, mut frames) = open(&backend).await;
    feed.write(Frames::plain(TEXT, b"hi"));
    frames.expect(TEXT, b"hi").await;
    feed.reset();
    assert_eq!(within(Duration::from_secs(1), "the end", frames.close_code()).await, 1011);
    frames.raw.until_closed().await;
}

#[tokio::test]
async fn a_backend_that_breaks_within_a_message_leaves_it_unfinished() {
    let feed = Feed::new();
    let backend = Backend::always(Script::tunnel(&feed)).await;
    let (_sidecar, mut frames) = open(&backend).await;
    let half = &Frames::plain(TEXT, b"a message cut")[..6];
    feed.write(half);
    assert_eq!(frames.raw.bytes(6).await, half);
    feed.reset();
    assert_eq!(frames.raw.until_closed().await, b"", "a close frame inside a message");
}

#[tokio::test]
async fn a_half_close_passes_and_the_other_direction_goes_on() {
    let feed = Feed::new();
    let backend = Backend::always(Script::tunnel(&feed)).await;
    let (_sidecar, mut frames) = open(&backend).await;
    let close = [&1000_u16.to_be_bytes()[..], b""].concat();
    feed.write(Frames::plain(CLOSE, &close));
    frames.expect(CLOSE, &close).await;
    frames.send(CLOSE, &close).await;
    backend.until("the echo arrives", |seen| seen[0].after.len() == 8).await;
    frames.raw.half_close().await;
    backend.until_gone().await;
}

#[tokio::test]
async fn a_backend_that_has_said_all_hears_what_the_client_still_says() {
    let feed = Feed::new();
    let backend = Backend::always(Script::tunnel(&feed)).await;
    let (_sidecar, mut frames) = open(&backend).await;
    // Made beforehand: who says nothing for a second has said all.
    let rest = Frames::masked(0x82, &vec![b'x'; 4 << 20]);
    feed.half_close();
    assert_eq!(frames.close_code().await, 1011);
    assert!(frames.raw.until_closed().await.is_empty());
    frames.raw.write_all(&rest).await;
    backend.until("the rest arrives", |seen| seen[0].after == rest).await;
}

#[tokio::test]
async fn a_client_that_vanishes_lets_go_of_the_backend() {
    let backend = Backend::always(Script::tunnel(&Feed::new())).await;
    let (sidecar, frames) = open(&backend).await;
    eventually("it is counted", async || {
        sidecar.metric("doorward_websockets_open{worker=\"0\"}").await == Some(1.0)
    })
    .await;
    frames.raw.reset();
    backend.until_gone().await;
    eventually("it is counted", async || {
        sidecar.metric("doorward_websockets_open{worker=\"0\"}").await == Some(0.0)
    })
    .await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_peer_that_falls_silent_is_asked_whether_it_is_there() {
    let backend = Backend::start().await;
    let (sidecar, _frames) = open(&backend).await;
    // `proc_net_tcp`: the local address in hex, the state, the timer that runs and its hundredths.
    let (ours, established) = (format!(":{:04X}", sidecar.address().port()), "01");
    let probes_within_a_minute = async || {
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let rows: Vec<Vec<&str>> =
            table.lines().map(|line| line.split_whitespace().collect()).collect();
        let mut rows = rows.iter().filter(|row| row[1].ends_with(&ours) && row[3] == established);
        let timer = rows.next().expect("the client's connection")[5].split_once(':').unwrap();
        timer.0 == "02" && u32::from_str_radix(timer.1, 16).unwrap() <= 6000
    };
    eventually("it will be asked within a minute", probes_within_a_minute).await;
}

#[tokio::test]
async fn a_socket_ends_with_its_token() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend).issuer().key("bob").start().await;
    let token = Claims::of("alice").with("exp", in_seconds(2)).sign();
    let mut alice = sidecar.websocket("/ws").token(&token).open().await;
    let mut bob = sidecar.websocket("/ws").key("bob").open().await;
    assert!(alice.is_alive().await);
    assert_eq!(within(Duration::from_secs(4), "the token expires", alice.closed()).await, 4401);
    assert!(bob.is_alive().await);
    backend.until("the backend's side is closed", |seen| seen[0].gone).await;
}

#[tokio::test]
async fn a_close_of_ours_waits_for_the_end_of_a_message() {
    let feed = Feed::new();
    let backend = Backend::always(Script::tunnel(&feed)).await;
    let sidecar = Setup::before(&backend).issuer().start().await;
    let token = Claims::of("alice").with("exp", in_seconds(1)).sign();
    let mut frames = sidecar.websocket("/ws").token(&token).frames().await;
    let mut other = sidecar.websocket("/ws").token(&token).open().await;
    let message = Frames::plain(TEXT, &[b'x'; 200]);
    feed.write(&message[..100]);
    assert_eq!(frames.raw.bytes(100).await, &message[..100]);
    assert_eq!(other.closed().await, 4401);
    feed.write(&message[100..]);
    assert_eq!(frames.raw.bytes(message.len() - 100).await, &message[100..]);
    assert_eq!(frames.close_code().await, 4401);
}

#[tokio::test]
async fn a_message_that_never_ends_is_cut() {
    let feed = Feed::new();
    let backend = Backend::always(Script::tunnel(&feed)).await;
    let sidecar = Setup::before(&backend).issuer().start().await;
    let token = Claims::of("alice").with("exp", in_seconds(1)).sign();
    let mut frames = sidecar.websocket("/ws").token(&token).frames().await;
    feed.write(&Frames::plain(TEXT, &[b'x'; 200])[..100]);
    let rest = within(Duration::from_secs(5), "the socket is cut", frames.raw.until_closed()).await;
    assert_eq!(rest.len(), 100);
    backend.until_gone().await;
}

#[tokio::test]
async fn a_refused_upgrade_is_relayed_and_opens_no_tunnel() {
    let answer = "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nX-Own: yes\r\n\r\nno";
    let backend = Backend::always(Script::answer(answer)).await;
    let sidecar = Setup::before(&backend).key("alice").start().await;
    let (answer, mut raw) = sidecar.websocket("/ws").key("alice").answer().await;
    assert_eq!(
        (answer.status, answer.text().as_str(), answer.header("x-own")),
        (403, "no", Some("yes"))
    );
    raw.write(sidecar.get("/next").bytes()).await;
    if let Some(next) = raw.answer_or_close().await {
        assert_eq!((next.status, next.end), (401, End::Complete));
    }
    assert_eq!(backend.only().after, b"");
}

#[tokio::test]
async fn an_upgrade_answered_as_a_plain_request_opens_no_tunnel() {
    for status in ["200 OK", "500 Internal Server Error"] {
        let backend = Backend::always(Script::answer(format!(
            "HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nno"
        )))
        .await;
        let sidecar = Setup::before(&backend).key("alice").start().await;
        let mut raw = sidecar.raw().await;
        raw.write(sidecar.websocket("/ws").key("alice").bytes()).await;
        raw.write(sidecar.get("/smuggled").bytes()).await;
        assert_eq!(raw.answer().await.status.to_string(), status[..3]);
        if let Some(next) = raw.answer_or_close().await {
            assert_eq!(next.status, 401);
        }
        assert_eq!(backend.seen().len(), 1);
    }
}

#[tokio::test]
async fn an_upgrade_with_a_wrong_accept_value_is_a_bad_gateway() {
    let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\n";
    let backend = Backend::always(Script::answer(head)).await;
    let sidecar = Setup::before(&backend).key("alice").start().await;
    assert_eq!(sidecar.websocket("/ws").key("alice").refused().await, 502);
}

#[tokio::test]
async fn a_user_may_have_only_so_many_sockets() {
    let backend = Backend::start().await;
    let setup =
        Setup::before(&backend).key("alice").key("bob").set("websocket", "max_per_user = 2");
    let sidecar = setup.start().await;
    let first = sidecar.websocket("/ws").key("alice").open().await;
    let mut second = sidecar.websocket("/ws").key("alice").open().await;
    let (answer, _) = sidecar.websocket("/ws").key("alice").answer().await;
    assert_eq!(answer.status, 429);
    assert!(answer.header("retry-after").is_some());
    let throttled = "doorward_requests_throttled_total{limit=\"max_per_user\"}";
    assert_eq!(sidecar.metric(throttled).await, Some(1.0));
    assert!(sidecar.websocket("/ws").key("bob").open().await.is_alive().await);
    first.close().await;
    let again = async || sidecar.websocket("/ws").key("alice").answer().await.0.status == 101;
    eventually("there is room again", again).await;
    assert!(second.is_alive().await);
}

#[tokio::test]
async fn an_idle_socket_may_be_closed() {
    let backend = Backend::start().await;
    let setup = Setup::before(&backend).key("alice").set("websocket", "idle_timeout = \"1s\"");
    let sidecar = setup.start().await;
    let mut chat = sidecar.websocket("/ws").key("alice").open().await;
    assert!(chat.is_alive().await);
    assert!(
        [1000, 1001, 4429, 1006]
            .contains(&within(Duration::from_secs(4), "idle", chat.closed()).await)
    );
}
