//! A backend that fails is a 502 or a 504, quickly, and never a half-truth (interface §5).

use std::time::Duration;

use crate::support::{Backend, End, Script, Seen, Setup, Sidecar, within};

async fn sidecar(backend: &Backend) -> Sidecar {
    Setup::before(backend).key("alice").start().await
}

async fn status_of(script: Script) -> u16 {
    let backend = Backend::always(script).await;
    let sidecar = sidecar(&backend).await;
    within(Duration::from_secs(3), "an answer", sidecar.get("/").key("alice").status()).await
}

#[tokio::test]
async fn a_refused_connection_is_a_bad_gateway() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let sidecar = Setup::before_url(&url).key("alice").start().await;
    let answer = sidecar.get("/").key("alice").send().await;
    assert_eq!((answer.status, answer.json()["error"].as_str()), (502, Some("bad_gateway")));
    assert_eq!(sidecar.websocket("/ws").key("alice").refused().await, 502);
    assert_eq!(sidecar.get("/").status().await, 401);
}

#[tokio::test]
async fn an_answer_that_is_none_is_a_bad_gateway() {
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X-A: x\r\n".repeat(20_000));
    let huge = format!("HTTP/1.1 200 OK\r\nX-A: {}\r\n\r\n", "x".repeat(1 << 20));
    for answer in [
        "garbage\r\n\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "\0\0\0\0",
        &many,
        &huge,
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nok",
    ] {
        let status = status_of(Script::AnswerAndClose(answer.into())).await;
        assert_eq!(status, 502, "{}", &answer[..answer.len().min(60)]);
    }
}

#[tokio::test]
async fn an_answer_framed_in_two_ways_is_a_bad_gateway() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    ] {
        assert_eq!(status_of(Script::answer(answer)).await, 502, "{answer}");
    }
}

#[tokio::test]
async fn a_connection_that_ends_before_the_answer_is_a_bad_gateway() {
    for script in [
        Script::AnswerAndClose(vec![]),
        Script::AnswerAndReset(vec![]),
        Script::AnswerAndReset(b"HTTP/1.1 200 OK\r\nX".to_vec()),
    ] {
        let backend = Backend::always(script).await;
        let sidecar = sidecar(&backend).await;
        let answer =
            within(Duration::from_secs(2), "an answer", sidecar.get("/").key("alice").send()).await;
        assert_eq!(answer.status, 502);
    }
}

#[tokio::test]
async fn an_upgrade_that_nobody_asked_for_is_a_bad_gateway() {
    let answer =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
    let backend = Backend::always(Script::answer(answer)).await;
    let sidecar = sidecar(&backend).await;
    let mut raw = sidecar.raw().await;
    raw.write(sidecar.get("/").key("alice").bytes()).await;
    assert!(raw.head().await.start().starts_with("HTTP/1.1 502"));
}

#[tokio::test]
async fn a_silent_backend_is_a_gateway_timeout() {
    let backend = Backend::always(Script::Silence).await;
    let setup = Setup::before(&backend).key("alice").set("limits", "first_byte = \"500ms\"");
    let sidecar = setup.start().await;
    let answer =
        within(Duration::from_secs(3), "an answer", sidecar.get("/").key("alice").send()).await;
    assert_eq!(answer.status, 504);
    assert_eq!(sidecar.websocket("/ws").key("alice").refused().await, 504);
    backend.until("it is let go", |seen| seen.iter().all(|seen| seen.gone)).await;
}

#[tokio::test]
async fn a_body_cut_by_the_backend_is_cut_for_the_client() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhalf",
    ] {
        is_cut(Script::AnswerAndReset(answer.into())).await;
        is_cut(Script::AnswerAndClose(answer.into())).await;
    }
}

/// Asserts that no client takes it for a whole answer.
async fn is_cut(script: Script) {
    let backend = Backend::always(script).await;
    let sidecar = sidecar(&backend).await;
    let mut raw = sidecar.raw().await;
    raw.write(sidecar.get("/").key("alice").bytes()).await;
    let over_http1 = raw.answer_or_close().await;
    let over_http2 = sidecar.get("/").key("alice").send_over_http2().await;
    for cut in over_http1.iter().chain([&over_http2]) {
        assert!(cut.status == 502 || cut.end == End::Truncated, "{cut:?}");
    }
}

#[tokio::test]
async fn an_early_answer_reaches_the_client_and_the_connection_is_not_used_again() {
    let play = |seen: &Seen| match seen.target() {
        "/early" => Script::Early(
            b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig".to_vec(),
        ),
        _ => Script::Usual,
    };
    let backend = Backend::playing(play).await;
    let sidecar = sidecar(&backend).await;
    let mut raw = sidecar.raw().await;
    raw.write(
        sidecar.request("POST", "/early").key("alice").header("Content-Length", "1000").bytes(),
    )
    .await;
    raw.write("some").await;
    let answer = raw.answer().await;
    assert_eq!((answer.status, answer.text().as_str()), (413, "big"));
    assert_eq!(sidecar.get("/next").key("alice").status().await, 200);
    let connections: Vec<usize> = backend.seen().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections, [0, 1]);
}

#[tokio::test]
async fn bytes_after_an_answer_belong_to_nobody() {
    let extra = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    let backend = Backend::always(Script::answer(extra)).await;
    let sidecar = sidecar(&backend).await;
    for _ in 0..5 {
        assert_eq!(sidecar.get("/").key("alice").send().await.text(), "ok");
    }
}

#[tokio::test]
async fn connections_are_used_again() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    for _ in 0..10 {
        assert_eq!(sidecar.get("/").key("alice").status().await, 200);
    }
    assert_eq!(backend.connections(), 1);
}

#[tokio::test]
async fn a_connection_that_went_stale_costs_no_request() {
    let backend = Backend::always(Script::AnswerAndClose(
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec(),
    ))
    .await;
    let sidecar = sidecar(&backend).await;
    for _ in 0..200 {
        assert_eq!(sidecar.get("/").key("alice").status().await, 200);
    }
    assert_eq!(backend.seen().len(), 200);
}

#[tokio::test]
async fn a_connection_that_went_stale_costs_no_post_either() {
    let backend = Backend::always(Script::AnswerAndClose(
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec(),
    ))
    .await;
    let sidecar = sidecar(&backend).await;
    for _ in 0..50 {
        let request = sidecar.request("POST", "/").key("alice").body("once");
        assert_eq!(request.status().await, 200);
    }
    assert_eq!(backend.seen().len(), 50);
}

#[tokio::test]
async fn a_post_is_never_sent_twice() {
    let play = |seen: &Seen| match seen.method() {
        "POST" => Script::AnswerAndReset(vec![]),
        _ => Script::Usual,
    };
    let backend = Backend::playing(play).await;
    let sidecar = sidecar(&backend).await;
    for round in 1..=10 {
        assert_eq!(sidecar.get("/").key("alice").status().await, 200);
        assert_eq!(sidecar.request("POST", "/").key("alice").status().await, 502);
        assert_eq!(backend.seen().len(), 2 * round, "on a connection that was used before");
    }
}

#[tokio::test]
async fn a_get_that_the_backend_saw_is_not_sent_twice() {
    let backend = Backend::always(Script::AnswerAndReset(b"HTTP/1.1 200".to_vec())).await;
    let sidecar = sidecar(&backend).await;
    assert_eq!(sidecar.get("/").key("alice").status().await, 502);
    assert_eq!(backend.seen().len(), 1);
}

#[tokio::test]
async fn nor_is_a_get_of_which_it_has_begun_the_answer() {
    let play = |seen: &Seen| match seen.target() {
        "/broken" => Script::AnswerAndReset(b"HTTP/1.1 200".to_vec()),
        _ => Script::Usual,
    };
    let backend = Backend::playing(play).await;
    let sidecar = sidecar(&backend).await;
    assert_eq!(sidecar.get("/").key("alice").status().await, 200);
    assert_eq!(sidecar.get("/broken").key("alice").status().await, 502);
    assert_eq!(backend.seen().len(), 2, "on a connection that was used before");
}

#[tokio::test]
async fn a_backend_that_comes_back_is_used_at_once() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let sidecar = Setup::before_url(&format!("http://{address}")).key("alice").start().await;
    assert_eq!(sidecar.get("/").key("alice").status().await, 502);
    let _backend = Backend::at(address).await;
    assert_eq!(sidecar.get("/").key("alice").status().await, 200);
}

#[tokio::test]
async fn another_certificate_of_the_backend_is_a_bad_gateway() {
    let (ours, theirs) = (crate::support::Authority::new(), crate::support::Authority::new());
    let backend = Backend::over_tls(&theirs).await;
    let setup = Setup::before(&backend).key("alice").file("backend-ca.pem", &ours.pem());
    let sidecar = setup.set("backend", "ca_file = \"backend-ca.pem\"").start().await;
    assert_eq!(sidecar.get("/").key("alice").status().await, 502);
    assert!(backend.seen().is_empty());
}
