use super::*;

#[tokio::test]
async fn the_backend_is_told_who_asks_and_nothing_the_client_claims() {
    let sidecar = Sidecar::start().await;
    let mut client = sidecar.connect().await;
    client
        .ask(
            "GET /a?x=1",
            &[
                "user_id: evil",
                "User-Id: evil",
                "Connection: keep-alive, user_id, X-Nominated",
                "X-Nominated: 1",
                "X-Forwarded-For: 203.0.113.9",
                "X-Forwarded-Proto: https",
                "X-Request-Id: theirs",
                "TE: trailers",
                "Upgrade: h2c",
                "X-Custom: kept",
            ],
        )
        .await;
    let mut backend = sidecar.accept().await;
    let head = backend.head().await;
    assert!(head.starts_with("GET /a?x=1 HTTP/1.1\r\n"), "{head}");
    for (name, expected) in [
        ("user_id", &["alice"][..]),
        ("user-id", &[]),
        ("host", &["localhost"]),
        ("x-forwarded-for", &["127.0.0.1"]),
        ("x-forwarded-proto", &["http"]),
        ("x-forwarded-host", &["localhost"]),
        ("x-custom", &["kept"]),
        ("authorization", &[]),
        ("x-nominated", &[]),
        ("connection", &[]),
        ("te", &[]),
        ("upgrade", &[]),
        ("content-length", &[]),
        ("transfer-encoding", &[]),
    ] {
        assert_eq!(values(&head, name), expected, "{name} in {head}");
    }
    let ids = values(&head, "x-request-id");
    assert!(ids.len() == 1 && ids[0] != "theirs", "{head}");
    backend
        .answer(
            "200 OK",
            &[
                "Connection: keep-alive, X-Hop",
                "X-Hop: 1",
                "Keep-Alive: timeout=5",
            ],
            "hi",
        )
        .await;
    let answer = client.head().await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert_eq!(values(&answer, "x-request-id"), ids);
    assert!(values(&answer, "x-hop").is_empty() && values(&answer, "keep-alive").is_empty());
    assert_eq!(client.exactly(2).await, b"hi");
    let line = sidecar.logged(ids[0]).await;
    assert!(
        line.contains(r#""path":"/a""#) && line.contains(r#""user":"alice""#),
        "{line}"
    );
}

#[tokio::test]
async fn head_and_body_of_an_answer_leave_in_one_write() {
    let sidecar = Sidecar::start().await;
    let mut client = sidecar.connect().await;
    client.ask("GET /", &[]).await;
    let mut backend = sidecar.accept().await;
    backend.head().await;
    backend.answer("200 OK", &[], "a small body").await;
    assert!(client.more().await);
    let read = String::from_utf8(client.read).unwrap();
    assert!(
        read.ends_with("a small body"),
        "the first read gave only {read:?}"
    );
}

#[tokio::test]
async fn requests_one_after_another_use_one_connection_to_the_backend() {
    let sidecar = Sidecar::start().await;
    let mut client = sidecar.connect().await;
    client.ask("GET /1", &[]).await;
    let mut backend = sidecar.accept().await;
    for number in 1..=3 {
        let head = backend.head().await;
        assert!(head.starts_with(&format!("GET /{number} ")), "{head}");
        backend.answer("200 OK", &[], "ok").await;
        client.head().await;
        client.exactly(2).await;
        client.ask(&format!("GET /{}", number + 1), &[]).await;
    }
    backend.head().await;
}

#[tokio::test]
async fn authentication_is_per_request_and_a_refused_one_reaches_nobody() {
    let sidecar = Sidecar::start().await;
    let mut client = sidecar.connect().await;
    client
        .send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    let answer = client.head().await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert_eq!(values(&answer, "www-authenticate"), ["Bearer"]);
    assert_eq!(values(&answer, "x-request-id").len(), 1);
    client.until("refused").await;
    assert!(sidecar.backend_is_untouched().await);
    client.ask("GET /", &[]).await;
    sidecar.accept().await.head().await;
}

#[tokio::test]
async fn what_is_no_request_of_ours_has_its_own_status() {
    let sidecar = Sidecar::with(|snapshot| snapshot.limits.target_size = 100).await;
    for (line, lines, status) in [
        ("CONNECT localhost:443", &[][..], "405"),
        ("TRACE /", &[], "405"),
        ("GET /a//b", &[], "400"),
        ("GET /", &["Expect: tea"], "417"),
        ("GET /", &["Transfer-Encoding: gzip, chunked"], "400"),
        (&format!("GET /{}", "x".repeat(100)), &[], "414"),
    ] {
        let mut client = sidecar.connect().await;
        client.ask(line, lines).await;
        let answer = client.head().await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{line}: {answer}"
        );
    }
    let mut client = sidecar.connect().await;
    client
        .send("GET / HTTP/1.1\r\nHost: elsewhere\r\n\r\n")
        .await;
    assert!(client.head().await.starts_with("HTTP/1.1 421 "));
    assert!(sidecar.backend_is_untouched().await);
}

#[tokio::test]
async fn a_request_with_too_many_headers_is_refused() {
    let sidecar = Sidecar::with(|snapshot| snapshot.limits.header_count = 20).await;
    let mut client = sidecar.connect().await;
    let lines: Vec<_> = (0..30).map(|number| format!("X-{number}: 1")).collect();
    client
        .ask(
            "GET /",
            &lines.iter().map(String::as_str).collect::<Vec<_>>(),
        )
        .await;
    assert!(client.head().await.starts_with("HTTP/1.1 431 "));
}

#[tokio::test]
async fn an_answer_may_have_256_headers() {
    // One of them is its length.
    for (count, status) in [(255, "200"), (256, "502")] {
        let sidecar = Sidecar::start().await;
        let mut client = sidecar.connect().await;
        client.ask("GET /", &[]).await;
        let mut backend = sidecar.accept().await;
        backend.head().await;
        let cookies: Vec<_> = (0..count)
            .map(|number| format!("Set-Cookie: c{number}=1"))
            .collect();
        backend
            .answer(
                "200 OK",
                &cookies.iter().map(String::as_str).collect::<Vec<_>>(),
                "",
            )
            .await;
        let answer = client.head().await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn trusted_proxies_are_believed_from_the_right() {
    let trust = |snapshot: &mut Snapshot| {
        snapshot.trusted_proxies = vec![
            "127.0.0.0/8".parse().unwrap(),
            "10.0.0.0/8".parse().unwrap(),
        ];
    };
    let sidecar = Sidecar::with(trust).await;
    let mut client = sidecar.connect().await;
    let lines = [
        "X-Forwarded-For: 203.0.113.9, 198.51.100.7",
        "X-Forwarded-For: 10.0.0.1",
        "X-Forwarded-Proto: https",
    ];
    client.ask("GET /", &lines).await;
    let mut backend = sidecar.accept().await;
    let head = backend.head().await;
    assert_eq!(
        values(&head, "x-forwarded-for"),
        ["198.51.100.7, 10.0.0.1, 127.0.0.1"]
    );
    assert_eq!(values(&head, "x-forwarded-proto"), ["https"]);
    backend.answer("200 OK", &[], "").await;
    assert!(
        sidecar
            .logged(r#""status":200"#)
            .await
            .contains(r#""peer":"198.51.100.7""#)
    );
}

#[tokio::test]
async fn a_location_of_the_backend_comes_back_public() {
    let sidecar = Sidecar::start().await;
    let mut client = sidecar.connect().await;
    client.ask("GET /users", &[]).await;
    let mut backend = sidecar.accept().await;
    backend.head().await;
    let location = format!(
        "Location: http://{}/users/",
        sidecar.backend.local_addr().unwrap()
    );
    backend
        .answer("307 Temporary Redirect", &[&location], "")
        .await;
    assert_eq!(
        values(&client.head().await, "location"),
        ["http://localhost/users/"]
    );
}

#[tokio::test]
async fn a_preflight_is_answered_before_authentication() {
    let origin = "https://app.example";
    let sidecar = Sidecar::with(|snapshot| {
        snapshot.cors = Cors::Origins(vec![HeaderValue::from_static("https://app.example")]);
    })
    .await;
    let mut client = sidecar.connect().await;
    let common = format!("Host: localhost\r\nOrigin: {origin}\r\n");
    client
        .send(format!(
            "OPTIONS /x HTTP/1.1\r\n{common}Access-Control-Request-Method: POST\r\n\r\n"
        ))
        .await;
    let answer = client.head().await;
    assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
    assert_eq!(values(&answer, "access-control-allow-origin"), [origin]);
    client
        .send(format!("GET /x HTTP/1.1\r\n{common}\r\n"))
        .await;
    let refusal = client.head().await;
    assert!(refusal.starts_with("HTTP/1.1 401 "), "{refusal}");
    assert_eq!(values(&refusal, "access-control-allow-origin"), [origin]);
    assert!(sidecar.backend_is_untouched().await);
}

#[tokio::test]
async fn the_redirect_leads_to_https_on_our_host_only() {
    let sidecar = Sidecar::start().await;
    let address = sidecar.plane.redirects()[0];
    let port = sidecar.address.port();
    for (request, status, location) in [
        (
            "GET /a?b HTTP/1.1\r\nHost: localhost:80\r\n\r\n",
            "308",
            Some(format!("https://localhost:{port}/a?b")),
        ),
        ("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", "400", None),
        ("GET / HTTP/1.1\r\nHost: a@localhost\r\n\r\n", "400", None),
        ("GET / HTTP/1.0\r\n\r\n", "400", None),
    ] {
        let mut client = Peer::new(TcpStream::connect(address).await.unwrap());
        client.send(request).await;
        let answer = client.head().await;
        assert!(
            answer.contains(&format!(" {status} ")),
            "{request}: {answer}"
        );
        assert_eq!(values(&answer, "location"), location.as_slice());
    }
    assert!(sidecar.backend_is_untouched().await);
}

#[tokio::test]
async fn an_old_client_gets_an_answer_it_can_read() {
    let sidecar = Sidecar::start().await;
    let mut client = sidecar.connect().await;
    client
        .send(format!(
            "GET / HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer {KEY}\r\n\r\n"
        ))
        .await;
    let mut backend = sidecar.accept().await;
    assert!(backend.head().await.starts_with("GET / HTTP/1.1\r\n"));
    backend
        .send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
        .await;
    let answer = client.rest().await;
    assert!(
        answer.starts_with("HTTP/1.0 200 ") && answer.ends_with("\r\n\r\nabc"),
        "{answer}"
    );
}
