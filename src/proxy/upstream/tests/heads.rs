use super::*;

async fn body(answer: &str) -> String {
    match outcome(answer).await {
        Outcome::Answered(answer) => String::from_utf8(answer.body).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_body_ends_where_its_head_says() {
    for (answer, expected) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokmore", "ok"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""),
        ("HTTP/1.1 200 OK\r\nContent-Length: 002\r\n\r\nok", "ok"),
        ("HTTP/1.1 200 OK\r\n\r\nuntil the end", "until the end"),
        ("HTTP/1.0 200 OK\r\n\r\nuntil the end", "until the end"),
        (
            "HTTP/1.1 200\r\nTransfer-Encoding: Chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nmore",
            "ok",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nA;x=\"y\"\r\n0123456789\r\n000\r\n\r\n",
            "0123456789",
        ),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            "ok",
        ),
        ("HTTP/1.1 204 No Content\r\n\r\nmore", ""),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", ""),
    ] {
        assert_eq!(body(answer).await, expected, "{answer}");
    }
}

#[tokio::test]
async fn a_head_that_could_be_read_in_two_ways_is_none() {
    for lines in [
        "Content-Length: 2\r\nContent-Length: 3\r\n",
        "Content-Length: 2\r\nContent-Length: 2\r\n",
        "Content-Length: 2, 2\r\n",
        "Content-Length: +2\r\n",
        "Content-Length: -2\r\n",
        "Content-Length: 0x2\r\n",
        "Content-Length: \r\n",
        "Content-Length: 18446744073709551616\r\n",
        "Content-Length: 18446744073709551615\r\n",
        "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding : chunked\r\n",
        "A: 1\r\n folded\r\n",
        "A B: 1\r\n",
        "A: \0\r\n",
        ": 1\r\n",
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\n{lines}\r\n");
        assert_eq!(
            outcome(&answer).await,
            Outcome::Unanswered(UnansweredKind::Garbage),
            "{lines}"
        );
    }
    for answer in [
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
    ] {
        let garbage = Outcome::Unanswered(UnansweredKind::Garbage);
        assert_eq!(outcome(answer).await, garbage, "{answer}");
    }
}

#[tokio::test]
async fn a_body_that_is_not_framed_as_it_should_be_is_broken() {
    for chunks in [
        "",
        "\r\n",
        "2\r\no",
        "2\r\nok",
        "2\r\nok\r\n",
        "2\r\nok\r\n0\r\n",
        "2\r\nok\r\n0\r\nA: 1\r\n",
        "2\r\nokk\r\n0\r\n\r\n",
        "2\r\nok\n0\r\n\r\n",
        "2\nok\r\n0\r\n\r\n",
        "2\rx\nok\r\n0\r\n\r\n",
        " 2\r\nok\r\n0\r\n\r\n",
        "+2\r\nok\r\n0\r\n\r\n",
        "0x2\r\nok\r\n0\r\n\r\n",
        "2 2\r\nok\r\n0\r\n\r\n",
        "2\r\r\nok\r\n0\r\n\r\n",
        "2\x0c\r\nok\r\n0\r\n\r\n",
        "g\r\nok\r\n0\r\n\r\n",
        "\r\n\r\n",
        ";x\r\n\r\n",
        "10000000000000000\r\n",
        "2\r\nok\r\n0\r\nA B: 1\r\n\r\n",
        "2\r\nok\r\n0\r\nA: 1\n\r\n",
        "2\r\nok\r\n0\r\nA: 1\r\n\n",
        "2\r\nok\r\n0\r\n\n",
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}");
        assert_eq!(outcome(&answer).await, Outcome::Broken(200), "{chunks:?}");
    }
    let short = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok";
    assert_eq!(outcome(short).await, Outcome::Broken(200));
}

#[tokio::test]
async fn what_never_ends_is_bounded() {
    let garbage = Outcome::Unanswered(UnansweredKind::Garbage);
    let long = "a".repeat(70_000);
    assert_eq!(
        outcome(format!("HTTP/1.1 200 OK\r\nA: {long}")).await,
        garbage
    );
    assert_eq!(
        outcome(format!("HTTP/1.1 200 OK\r\nA: {long}\r\n\r\n")).await,
        garbage
    );
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for rest in [
        format!("2;{long}"),
        format!("2;{long}\r\nok\r\n0\r\n\r\n"),
        format!("0\r\nA: {long}"),
    ] {
        assert_eq!(
            outcome(format!("{chunked}{rest}")).await,
            Outcome::Broken(200)
        );
    }
}

#[tokio::test]
async fn only_a_connection_on_which_all_is_said_is_used_again() {
    let persists = |answer: &'static str, method: Method| async move {
        let (mut link, mut backend) = link();
        let (response, ()) = tokio::join!(link.exchange(message(&method), PATIENCE), async {
            hear(&mut backend).await;
            backend.write_all(answer.as_bytes()).await.unwrap();
        });
        response.unwrap();
        if !answer.starts_with("HTTP/1.1 101") && answer.contains("ength") {
            read(&mut link).await.unwrap();
        }
        settle().await;
        let reusable = link.is_free() && link.is_open();
        drop(backend);
        reusable
    };
    for (answer, method, expected) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            Method::GET,
            true,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
            Method::HEAD,
            true,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokmore",
            Method::GET,
            false,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            Method::HEAD,
            false,
        ),
        (
            "HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 2\r\n\r\nok",
            Method::GET,
            false,
        ),
        (
            "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
            Method::GET,
            false,
        ),
        (
            "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok",
            Method::GET,
            true,
        ),
        ("HTTP/1.1 200 OK\r\n\r\nok", Method::GET, false),
        (
            "HTTP/1.1 101 Switching Protocols\r\n\r\n",
            Method::GET,
            false,
        ),
    ] {
        assert_eq!(persists(answer, method).await, expected, "{answer}");
    }
}

#[tokio::test]
async fn a_reason_of_the_backends_own_is_kept() {
    let (mut link, mut backend) = link();
    let (response, ()) = tokio::join!(link.exchange(message(&Method::GET), PATIENCE), async {
        hear(&mut backend).await;
        backend
            .write_all(b"HTTP/1.1 200 Fine\r\nContent-Length: 0\r\n\r\n")
            .await
            .unwrap();
    });
    let reason = response
        .unwrap()
        .extensions()
        .get::<hyper::ext::ReasonPhrase>()
        .cloned();
    assert_eq!(reason.unwrap().as_bytes(), b"Fine");
}

#[tokio::test]
async fn a_large_body_arrives_whole() {
    let body: Vec<u8> = (0..1_000_000_u32).map(|at| (at % 251) as u8).collect();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    let (outcome, _) = ask(&Method::GET, &[head.as_bytes(), &body]).await;
    let Outcome::Answered(answer) = outcome else {
        panic!("{outcome:?}")
    };
    assert!(answer.body == body);
}

#[tokio::test]
async fn interim_answers_do_not_go_on_for_ever() {
    let interim = |count| "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n".repeat(count);
    let last = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    assert_eq!(body(&(interim(32) + last)).await, "ok");
    let garbage = Outcome::Unanswered(UnansweredKind::Garbage);
    assert_eq!(outcome(interim(33) + last).await, garbage);
}

#[tokio::test]
async fn a_204_has_no_length_and_whoever_gives_it_one_is_not_asked_again() {
    for (lines, free) in [
        ("", true),
        ("Content-Length: 0\r\n", true),
        ("Content-Length: 2\r\n", false),
        ("Transfer-Encoding: chunked\r\n", false),
    ] {
        let answer = format!("HTTP/1.1 204 No Content\r\n{lines}\r\n");
        let (outcome, link) = ask(&Method::GET, &[answer.as_bytes()]).await;
        let Outcome::Answered(answer) = outcome else {
            panic!("{outcome:?}")
        };
        assert!(!answer.headers.contains_key("content-length"), "{lines}");
        assert_eq!(link.is_free(), free, "{lines}");
    }
}

#[tokio::test]
async fn trailers_say_nothing_of_framing_or_connection() {
    let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Sum: 1\r\n\
         Content-Length: 5\r\nConnection: x-hop\r\nX-Hop: 1\r\nTransfer-Encoding: chunked\r\n\r\n";
    let Outcome::Answered(answer) = outcome(answer).await else {
        panic!("no answer")
    };
    let names: Vec<_> = answer
        .trailers
        .keys()
        .map(http::HeaderName::as_str)
        .collect();
    assert_eq!(names, ["x-sum"]);
}

#[tokio::test]
async fn what_was_answered_is_kept_no_longer() {
    let (mut link, mut backend) = link();
    let (response, ()) = tokio::join!(link.exchange(message(&Method::GET), PATIENCE), async {
        hear(&mut backend).await;
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";
        backend.write_all(head).await.unwrap();
    });
    response.unwrap();
    assert!(!link.holds_a_message());
}

#[tokio::test]
async fn a_small_part_of_a_long_answer_takes_little_memory() {
    let (mut link, mut backend) = link();
    let (response, ()) = tokio::join!(link.exchange(message(&Method::GET), PATIENCE), async {
        hear(&mut backend).await;
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n";
        backend.write_all(head).await.unwrap();
    });
    response.unwrap();
    let mut parts = Vec::new();
    for _ in 0..10 {
        backend.write_all(b"0123456789").await.unwrap();
        let frame = std::future::poll_fn(|cx| link.poll_frame(cx)).await;
        parts.push(frame.unwrap().unwrap().into_data().unwrap());
    }
    drop(link);
    for part in parts {
        assert!(part.try_into_mut().unwrap().capacity() <= 64);
    }
}
