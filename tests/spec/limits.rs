//! Every phase has a limit, and those who keep to it do not notice those who don't (interface §2
//! `[limits]`).

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Backend, Script, Setup, Sidecar, eventually, key_of, within};

async fn limited(backend: &Backend, limit: &str) -> Sidecar {
    Setup::before(backend).key("alice").set("limits", limit).start().await
}

#[tokio::test]
async fn headers_have_a_size_and_a_count() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend).key("alice").start().await;
    let long = sidecar.get("/").key("alice").header("X-Long", &"x".repeat(33 << 10));
    assert_eq!(long.status().await, 431);
    let mut many = sidecar.get("/").key("alice");
    for number in 0..100 {
        many = many.header(&format!("X-{number}"), "1");
    }
    assert_eq!(many.status().await, 431);
    let target = format!("/{}", "x".repeat(8 << 10));
    assert_eq!(sidecar.get(&target).key("alice").status().await, 414);
    assert!(backend.seen().is_empty());
    let fits = sidecar.get("/").key("alice").header("X-Long", &"x".repeat(20 << 10));
    assert_eq!(fits.status().await, 200);
}

#[tokio::test]
async fn headers_have_a_size_and_a_count_over_http2() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend).key("alice").start().await;
    let long = sidecar.get("/").key("alice").header("x-long", &"x".repeat(40 << 10));
    assert!([0, 431].contains(&long.send_over_http2().await.status));
    let mut many = sidecar.get("/").key("alice");
    for number in 0..120 {
        many = many.header(&format!("x-{number}"), "1");
    }
    assert_eq!(many.send_over_http2().await.status, 431);
    assert!(backend.seen().is_empty());
}

#[tokio::test]
async fn slow_headers_are_given_up_while_others_are_served() {
    let backend = Backend::start().await;
    let sidecar = limited(&backend, "header_timeout = \"1s\"").await;
    let mut slow = Vec::new();
    for _ in 0..500 {
        let mut raw = sidecar.raw().await;
        raw.write("GET / HT").await;
        slow.push(raw);
    }
    for _ in 0..20 {
        let served = sidecar.get("/").key("alice").status();
        assert_eq!(within(Duration::from_secs(1), "others are served", served).await, 200);
    }
    for mut raw in slow {
        within(Duration::from_secs(5), "the slow are given up", raw.until_closed()).await;
    }
}

#[tokio::test]
async fn a_client_that_never_says_hello_is_given_up() {
    let backend = Backend::start().await;
    let sidecar = limited(&backend, "tls_handshake = \"500ms\"").await;
    let mut silent = sidecar.tcp().await;
    let mut halting = sidecar.tcp().await;
    halting.write_all(&[22, 3, 1]).await.unwrap();
    let mut rest = Vec::new();
    let _ = within(Duration::from_secs(3), "the silent", silent.read_to_end(&mut rest)).await;
    let _ = within(Duration::from_secs(3), "the halting", halting.read_to_end(&mut rest)).await;
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let backend = Backend::start().await;
    let sidecar = limited(&backend, "keep_alive = \"500ms\"").await;
    let mut raw = sidecar.raw().await;
    raw.write(sidecar.get("/").key("alice").bytes()).await;
    assert_eq!(raw.answer().await.status, 200);
    assert!(within(Duration::from_secs(3), "it is closed", raw.until_closed()).await.is_empty());
}

#[tokio::test]
async fn a_body_that_stops_coming_is_given_up() {
    let backend = Backend::start().await;
    let sidecar = limited(&backend, "body_gap = \"500ms\"").await;
    let mut raw = sidecar.raw().await;
    let head = "POST / HTTP/1.1\r\nHost: chat.example\r\nContent-Length: 10\r\n";
    raw.write(format!("{head}X-API-Key: {}\r\n\r\nhalf", key_of("alice"))).await;
    let answer = within(Duration::from_secs(3), "it is given up", raw.answer_or_close()).await;
    assert!(answer.is_none_or(|answer| answer.status == 408));
    backend.until_gone().await;
}

#[tokio::test]
async fn a_slow_but_steady_body_is_healthy() {
    let backend = Backend::start().await;
    let sidecar = limited(&backend, "body_gap = \"500ms\"").await;
    let mut raw = sidecar.raw().await;
    let head = "POST / HTTP/1.1\r\nHost: chat.example\r\nContent-Length: 8\r\n";
    raw.write(format!("{head}X-API-Key: {}\r\n\r\n", key_of("alice"))).await;
    let mut steady = tokio::time::interval(Duration::from_millis(150));
    for _ in 0..8 {
        steady.tick().await;
        raw.write("x").await;
    }
    assert_eq!(raw.answer().await.status, 200);
}

#[tokio::test]
async fn a_reader_that_stops_for_too_long_is_given_up() {
    let feed = crate::support::Feed::new();
    let backend = Backend::always(Script::events(&feed)).await;
    let sidecar = limited(&backend, "write_stall = \"500ms\"").await;
    let mut raw = sidecar.raw().await;
    raw.write(sidecar.get("/").key("alice").bytes()).await;
    raw.head().await;
    for _ in 0..32 {
        feed.chunk(&"x".repeat(1 << 20));
    }
    backend.until_gone().await;
}

#[tokio::test]
async fn a_stream_that_is_not_read_is_given_up() {
    let feed = crate::support::Feed::new();
    let backend = Backend::always(Script::events(&feed)).await;
    let sidecar = limited(&backend, "write_stall = \"500ms\"").await;
    let mut client = sidecar.http2().await;
    let _unread = client.get_unread("/", "alice").await;
    for _ in 0..32 {
        feed.chunk(&"x".repeat(1 << 20));
    }
    backend.until_gone().await;
}

#[tokio::test]
async fn a_stream_that_pauses_is_healthy() {
    let feed = crate::support::Feed::new();
    let backend = Backend::always(Script::events(&feed)).await;
    let setup = Setup::before(&backend).key("alice").set("limits", "keep_alive = \"300ms\"");
    let setup =
        setup.set("limits", "header_timeout = \"300ms\"").set("limits", "first_byte = \"300ms\"");
    let sidecar = setup.set("limits", "body_gap = \"300ms\"").start().await;
    let mut raw = sidecar.raw().await;
    raw.write(sidecar.get("/").key("alice").bytes()).await;
    raw.head().await;
    let mut pause = tokio::time::interval(Duration::from_millis(700));
    for _ in 0..3 {
        pause.tick().await;
        feed.chunk("data: x\n\n");
        assert_eq!(raw.chunk().await, "data: x\n\n");
    }
}

#[tokio::test]
async fn there_is_room_for_so_many_connections() {
    let backend = Backend::start().await;
    let sidecar = limited(&backend, "connections = 3").await;
    let held = [sidecar.raw().await, sidecar.raw().await, sidecar.raw().await];
    assert!(sidecar.try_connect("http/1.1", "chat.example").await.is_err());
    drop(held);
    let served = async || sidecar.try_connect("http/1.1", "chat.example").await.is_ok();
    eventually("there is room again", served).await;
}

#[tokio::test]
async fn one_address_has_only_so_many_connections() {
    let backend = Backend::start().await;
    let sidecar = limited(&backend, "connections_per_address = 2").await;
    let _held = [sidecar.raw().await, sidecar.raw().await];
    assert!(sidecar.try_connect("http/1.1", "chat.example").await.is_err());
}

#[tokio::test]
async fn too_many_bad_credentials_have_to_wait_and_a_good_one_has_not() {
    let backend = Backend::start().await;
    let sidecar = limited(&backend, "failures_per_address = \"3/1m\"").await;
    for _ in 0..3 {
        assert_eq!(sidecar.get("/").bearer("nonsense").status().await, 401);
    }
    let answer = sidecar.get("/").bearer("nonsense").send().await;
    assert_eq!(answer.status, 429);
    let wait: u32 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait));
    let throttled = "doorward_requests_throttled_total{limit=\"failures_per_address\"}";
    assert_eq!(sidecar.metric(throttled).await, Some(1.0));
    assert_eq!(sidecar.get("/").key("alice").status().await, 200);
}

#[tokio::test]
async fn a_user_has_only_so_many_requests() {
    let backend = Backend::start().await;
    let setup = Setup::before(&backend)
        .key("alice")
        .key("bob")
        .set("limits", "requests_per_user = \"3/1m\"");
    let sidecar = setup.start().await;
    for _ in 0..3 {
        assert_eq!(sidecar.get("/").key("alice").status().await, 200);
    }
    let answer = sidecar.get("/").key("alice").send().await;
    assert_eq!(answer.status, 429);
    assert!(answer.header("retry-after").is_some());
    let throttled = "doorward_requests_throttled_total{limit=\"requests_per_user\"}";
    assert_eq!(sidecar.metric(throttled).await, Some(1.0));
    assert_eq!(sidecar.get("/").key("bob").status().await, 200);
    assert_eq!(backend.seen().len(), 4);
}

#[tokio::test]
async fn out_of_file_descriptors_it_keeps_serving() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend).key("alice").open_files(64).start().await;
    assert_eq!(sidecar.get("/").key("alice").status().await, 200);
    let began = Instant::now();
    let mut held = Vec::new();
    for _ in 0..100 {
        held.push(sidecar.tcp().await);
    }
    eventually("it complains again", async || complaints(&sidecar).len() > 1).await;
    let (complaints, seconds) = (complaints(&sidecar), began.elapsed().as_secs());
    assert!(complaints.len() as u64 <= seconds / 2 + 1, "{complaints:?} in {seconds} s");
    assert!(complaints.iter().all(|times| *times <= 22), "it does not rest: {complaints:?}");
    drop(held);
    let served = async || {
        let attempt = sidecar.try_connect("http/1.1", "chat.example").await;
        attempt.is_ok() && sidecar.get("/").key("alice").status().await == 200
    };
    eventually("it serves again", served).await;
}

/// How often connections could not be accepted, as each complaint has it.
fn complaints(sidecar: &Sidecar) -> Vec<u64> {
    let log = sidecar.log();
    let lines = log.lines().filter(|line| line.contains("cannot accept connections"));
    let times = |line| serde_json::from_str::<serde_json::Value>(line).unwrap()["times"].as_u64();
    lines.map(|line| times(line).expect("a count")).collect()
}
