//! The backend over real sockets.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, protocol::frame::coding::CloseCode},
};

use super::{Backend, Keys, Settings};
use crate::secret::Secret;

type Chat = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn start(keys: Keys) -> Backend {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    Backend::start(
        listener,
        Settings {
            keys,
            ..Settings::default()
        },
    )
    .unwrap()
}

async fn open() -> Backend {
    start(Keys::default()).await
}

async fn closed() -> Backend {
    start(Keys {
        http: Some(Secret::new("H")),
        websocket: Some(Secret::new("W")),
    })
    .await
}

/// Sends a request as it is and reads until the backend closes.
async fn raw(backend: &Backend, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(backend.address()).await.unwrap();
    let length = body.len();
    let request = format!(
        "{head}\r\nHost: chat.example\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

fn json_body(answer: &str) -> Value {
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

async fn chat(backend: &Backend, target: &str) -> Chat {
    connect_async(format!("ws://{}{target}", backend.address()))
        .await
        .unwrap()
        .0
}

async fn refusal(backend: &Backend, target: &str) -> http::Response<Option<Vec<u8>>> {
    match connect_async(format!("ws://{}{target}", backend.address())).await {
        Err(Error::Http(response)) => *response,
        other => panic!("not refused: {other:?}"),
    }
}

async fn frame(chat: &mut Chat) -> Value {
    let message = chat.next().await.unwrap().unwrap();
    serde_json::from_str(message.to_text().unwrap()).unwrap()
}

#[tokio::test]
async fn the_status_needs_the_key_when_there_is_one() {
    let backend = closed().await;
    let refused = raw(&backend, "GET / HTTP/1.1", "").await;
    assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
    assert!(!refused.contains("www-authenticate"));
    assert_eq!(
        json_body(&refused),
        json!({"detail": {"error": "Invalid Credentials"}})
    );
    let answered = raw(&backend, "GET / HTTP/1.1\r\nAuthorization: Bearer H", "").await;
    assert_eq!(json_body(&answered)["version"], "1.9.2");
}

#[tokio::test]
async fn a_message_is_answered_for_the_asserted_user() {
    let backend = open().await;
    let head = "POST /message HTTP/1.1\r\nuser_id: alice";
    let answer = json_body(&raw(&backend, head, r#"{"text":"hi","user_id":"bob"}"#).await);
    assert_eq!(answer["user_id"], "alice");
    assert_eq!(answer["text"], "Hello alice, you said: hi");
    assert_eq!(answer["who"], "AI");
    let greeting = json_body(&raw(&backend, "POST /message HTTP/1.1", "").await);
    assert_eq!(greeting["user_id"], "user");
}

#[tokio::test]
async fn malformed_messages_fail_as_on_the_original() {
    let backend = open().await;
    let post = async |body| raw(&backend, "POST /message HTTP/1.1", body).await;
    assert!(post("{").await.starts_with("HTTP/1.1 400"));
    assert!(post(r#"{"text":null}"#).await.starts_with("HTTP/1.1 500"));
    let answer = raw(&backend, "PUT /message HTTP/1.1", "").await;
    assert!(
        answer.starts_with("HTTP/1.1 405") && answer.contains("allow: POST"),
        "{answer}"
    );
    let answer = raw(&backend, "GET /nothing HTTP/1.1", "").await;
    assert_eq!(json_body(&answer), json!({"detail": "Not Found"}));
}

#[tokio::test]
async fn slash_redirects_are_absolute() {
    let backend = open().await;
    let answer = raw(&backend, "GET /llm/settings/?a=1 HTTP/1.1", "").await;
    assert!(answer.starts_with("HTTP/1.1 307"), "{answer}");
    assert!(
        answer.contains("location: http://chat.example/llm/settings?a=1\r\n"),
        "{answer}"
    );
    let head = "GET /users HTTP/1.1\r\nX-Forwarded-Proto: https";
    let answer = raw(&backend, head, "").await;
    assert!(
        answer.contains("location: https://chat.example/users/\r\n"),
        "{answer}"
    );
}

#[tokio::test]
async fn who_shows_every_header_line_that_arrived() {
    let backend = open().await;
    let head = "GET /who?x=1 HTTP/1.1\r\nuser_id: alice\r\nX-Twice: a\r\nX-Twice: b";
    let who = json_body(&raw(&backend, head, "").await);
    assert_eq!(who["method"], "GET");
    assert_eq!(who["target"], "/who?x=1");
    let headers = who["headers"].as_array().unwrap();
    for pair in [["user_id", "alice"], ["x-twice", "a"], ["x-twice", "b"]] {
        assert!(headers.contains(&json!(pair)), "{pair:?} in {headers:?}");
    }
}

#[tokio::test]
async fn events_are_streamed_and_end_where_asked() {
    let backend = open().await;
    let answer = raw(&backend, "GET /demo/events?count=2&every=1 HTTP/1.1", "").await;
    assert!(
        answer.contains("content-type: text/event-stream"),
        "{answer}"
    );
    assert_eq!(answer.matches("event: tick\n").count(), 2);
    assert!(answer.ends_with("0\r\n\r\n"));
}

#[tokio::test]
async fn any_origin_is_allowed_and_reflected_when_a_cookie_comes_along() {
    let backend = open().await;
    let origin = "Origin: https://evil.example";
    let answer = raw(&backend, &format!("GET / HTTP/1.1\r\n{origin}"), "").await;
    assert!(
        answer.contains("access-control-allow-origin: *\r\n"),
        "{answer}"
    );
    let head = format!("GET / HTTP/1.1\r\n{origin}\r\nCookie: a=b");
    let answer = raw(&backend, &head, "").await;
    assert!(
        answer.contains("access-control-allow-origin: https://evil.example\r\n"),
        "{answer}"
    );
    let head = format!("OPTIONS / HTTP/1.1\r\n{origin}\r\nAccess-Control-Request-Method: GET");
    let answer = raw(&backend, &head, "").await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("evil.example"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_chat_streams_tokens_and_ends_with_the_whole_answer() {
    let backend = closed().await;
    let mut chat = chat(&backend, "/ws/alice?token=W").await;
    chat.send(r#"{"text":"hi","user_id":"bob"}"#.into())
        .await
        .unwrap();
    let mut streamed = String::new();
    let whole = loop {
        let frame = frame(&mut chat).await;
        if frame["type"] == "chat" {
            break frame;
        }
        assert_eq!(frame["type"], "chat_token");
        streamed.push_str(frame["content"].as_str().unwrap());
    };
    assert_eq!(whole["user_id"], "alice");
    assert_eq!(whole["content"], streamed.as_str());
}

#[tokio::test]
async fn a_refused_handshake_is_a_bare_403() {
    let backend = closed().await;
    for target in [
        "/ws/alice",
        "/ws/alice?token=H",
        "/ws/?token=W",
        "/ws/a/b?token=W",
        "/x",
    ] {
        let response = refusal(&backend, target).await;
        assert_eq!(response.status(), 403, "{target}");
        assert_eq!(response.headers()["content-type"], "text/plain");
        assert_eq!(response.headers()["connection"], "close");
        assert_eq!(response.headers()["content-length"], "0");
    }
}

#[tokio::test]
async fn what_is_not_json_drops_the_connection_without_a_close_frame() {
    let backend = open().await;
    for message in [Message::from("not json"), Message::from(vec![1_u8])] {
        let mut chat = chat(&backend, "/ws").await;
        chat.send(message).await.unwrap();
        assert!(!matches!(chat.next().await, Some(Ok(_))));
    }
}

#[tokio::test]
async fn json_of_the_wrong_shape_is_an_error_frame_and_the_socket_stays() {
    let backend = open().await;
    let mut chat = chat(&backend, "/ws").await;
    for message in ["[1]", "{}", r#"{"text":7}"#] {
        chat.send(message.into()).await.unwrap();
        assert_eq!(frame(&mut chat).await["type"], "error");
    }
}

#[tokio::test]
async fn a_frame_of_sixteen_mebibytes_passes_and_a_larger_one_is_1009() {
    let backend = open().await;
    let envelope = r#"{"text":7,"pad":""}"#;
    let sized = |size: usize| {
        Message::from(envelope.replace(
            r#""""#,
            &format!(r#""{}""#, "x".repeat(size - envelope.len())),
        ))
    };
    let mut fits = chat(&backend, "/ws").await;
    fits.send(sized(16 << 20)).await.unwrap();
    assert_eq!(frame(&mut fits).await["type"], "error");
    let mut exceeds = chat(&backend, "/ws").await;
    exceeds.send(sized(17 << 20)).await.unwrap();
    match exceeds.next().await {
        Some(Ok(Message::Close(Some(frame)))) => assert_eq!(frame.code, CloseCode::Size),
        other => panic!("not closed: {other:?}"),
    }
}

#[tokio::test]
async fn a_notification_reaches_the_sockets_of_its_user() {
    let backend = open().await;
    let mut chat = chat(&backend, "/ws/alice").await;
    // A round trip, so that the socket is certainly in its room.
    chat.send("{}".into()).await.unwrap();
    assert_eq!(frame(&mut chat).await["type"], "error");
    let head = "POST /rabbithole/web HTTP/1.1\r\nuser_id: alice";
    raw(&backend, head, r#"{"url":"https://a.example"}"#).await;
    let notice = frame(&mut chat).await;
    assert_eq!(
        notice,
        json!({"type": "notification", "content": "Finished reading https://a.example"})
    );
}

#[tokio::test]
async fn dropping_the_backend_ends_its_connections() {
    let backend = open().await;
    let mut chat = chat(&backend, "/ws").await;
    drop(backend);
    assert!(!matches!(chat.next().await, Some(Ok(_))));
}
