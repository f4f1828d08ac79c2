//! `WS /ws` and `WS /ws/{user_id}`: the handshake (RFC 6455 §4.2) and the conversation.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use hyper::{
    body::Incoming,
    upgrade::{OnUpgrade, Upgraded},
};
use hyper_util::rt::TokioIo;
use tokio::{io, time};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        self, Message, Utf8Bytes,
        handshake::derive_accept_key,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};

use super::{
    Keys, State, chat,
    reply::{self, Body},
    routes::header_says,
    target,
};
use crate::clock::Timestamp;

/// Largest frame and message taken, in bytes; beyond it the socket is closed with 1009.
const MESSAGE: usize = 16 << 20;
/// How often the peer is pinged, and how long it may take to answer.
const PING: Duration = Duration::from_secs(20);
/// How long a closing peer may go on sending.
const LINGER: Duration = Duration::from_secs(1);

/// An accepted handshake, to be continued once the `101` is written.
pub(super) struct Handshake {
    upgrade: OnUpgrade,
    user: String,
}

impl Handshake {
    /// Whether these headers ask for a WebSocket.
    pub(super) fn is_asked_for(headers: &HeaderMap) -> bool {
        header_says(headers, header::CONNECTION, "upgrade")
            && header_says(headers, header::UPGRADE, "websocket")
    }

    /// `101`, or a refusal. The identity is in the path and nowhere else; the credential in
    /// `?token=` and nowhere else; `Origin` and subprotocols are not looked at.
    pub(super) fn answer(
        request: &mut Request<Incoming>,
        keys: &Keys,
    ) -> (Response<Body>, Option<Self>) {
        let Some(user) = identity(request.uri().path()) else {
            return (reply::refused_handshake(), None);
        };
        if !keys.admit_websocket(request.uri().query()) {
            return (reply::refused_handshake(), None);
        }
        let Some(accept) = accept_key(request.headers()) else {
            return (reply::empty(StatusCode::BAD_REQUEST), None);
        };
        let upgrade = hyper::upgrade::on(request);
        (switching_protocols(accept), Some(Self { upgrade, user }))
    }

    /// Talks until either side is done.
    pub(super) async fn converse(self, state: &State) {
        let Ok(upgraded) = self.upgrade.await else {
            return;
        };
        let config = WebSocketConfig::default()
            .read_buffer_size(4096)
            .write_buffer_size(0)
            .max_frame_size(Some(MESSAGE))
            .max_message_size(Some(MESSAGE));
        let stream = TokioIo::new(upgraded);
        let stream = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
        // An error is the peer's doing; the socket is dropped either way.
        let _ = Conversation {
            stream,
            user: &self.user,
            state,
        }
        .run()
        .await;
    }
}

/// An open socket of one user.
struct Conversation<'s> {
    stream: WebSocketStream<TokioIo<Upgraded>>,
    user: &'s str,
    state: &'s State,
}

impl Conversation<'_> {
    /// One message at a time; frames that nobody asked for in between. What is not JSON drops the
    /// connection without a close frame, as the Cat does.
    async fn run(mut self) -> Result<(), tungstenite::Error> {
        let mut seat = self.state.rooms.join(self.user);
        let mut ping = time::interval_at(time::Instant::now() + PING, PING);
        let mut pong_is_due = false;
        loop {
            tokio::select! {
                frame = self.stream.next() => match frame {
                    Some(Ok(Message::Text(text))) => {
                        let Ok(message) = serde_json::from_str(&text) else { return Ok(()) };
                        self.respond(&message).await?;
                    }
                    Some(Ok(Message::Pong(_))) => pong_is_due = false,
                    Some(Ok(Message::Ping(_) | Message::Close(_) | Message::Frame(_))) => {}
                    Some(Err(tungstenite::Error::Capacity(_))) => return self.refuse_size().await,
                    Some(Ok(Message::Binary(_)) | Err(_)) | None => return Ok(()),
                },
                Some(notice) = seat.notices.recv() => self.stream.send(notice.into()).await?,
                _ = ping.tick() => {
                    if pong_is_due {
                        return Ok(());
                    }
                    pong_is_due = true;
                    self.stream.send(Message::Ping(bytes::Bytes::new())).await?;
                }
            }
        }
    }

    async fn respond(&mut self, message: &serde_json::Value) -> Result<(), tungstenite::Error> {
        let exchange = match chat::Exchange::read(self.user, message) {
            Ok(exchange) => exchange,
            Err(misread) => return self.stream.send(chat::error(&misread).into()).await,
        };
        for token in exchange.tokens() {
            self.stream.send(token.into()).await?;
            if !self.state.settings.token_pause.is_zero() {
                time::sleep(self.state.settings.token_pause).await;
            }
        }
        let chat = exchange.chat(self.state.settings.embedding, Timestamp::now());
        self.stream.send(chat.to_string().into()).await
    }

    /// Closes with 1009 and reads what is still coming: a reset would overtake the close frame.
    async fn refuse_size(mut self) -> Result<(), tungstenite::Error> {
        let reason = Utf8Bytes::from_static("message too big");
        let frame = CloseFrame {
            code: CloseCode::Size,
            reason,
        };
        self.stream.send(Message::Close(Some(frame))).await?;
        let mut nowhere = io::sink();
        let rest = io::copy(self.stream.get_mut(), &mut nowhere);
        // Whether the peer finishes in time or not, the socket is dropped now.
        let _ = time::timeout(LINGER, rest).await;
        Ok(())
    }
}

/// The identity a path asserts: `/ws` is `user`, `/ws/{user_id}` one decoded segment.
fn identity(path: &str) -> Option<String> {
    let path = target::decoded_path(path);
    if path == "/ws" {
        return Some("user".to_owned());
    }
    let user = path.strip_prefix("/ws/")?;
    (!user.is_empty() && !user.contains('/')).then(|| user.to_owned())
}

/// `Sec-WebSocket-Accept` for a handshake of version 13 that has a key.
fn accept_key(headers: &HeaderMap) -> Option<HeaderValue> {
    let key = headers.get(header::SEC_WEBSOCKET_KEY)?;
    let version = headers.get(header::SEC_WEBSOCKET_VERSION)?;
    if version != "13" {
        return None;
    }
    HeaderValue::try_from(derive_accept_key(key.as_bytes())).ok()
}

fn switching_protocols(accept: HeaderValue) -> Response<Body> {
    let mut response = reply::empty(StatusCode::SWITCHING_PROTOCOLS);
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identity_is_one_decoded_segment_of_the_path() {
        assert_eq!(identity("/ws").as_deref(), Some("user"));
        assert_eq!(identity("/ws/bob").as_deref(), Some("bob"));
        assert_eq!(identity("/%77s/b%C3%A9").as_deref(), Some("bé"));
        assert_eq!(identity("/ws/..").as_deref(), Some(".."));
        for path in ["/ws/", "/ws/a/b", "/ws/a%2Fb", "/wsx", "/", "//ws/bob"] {
            assert_eq!(identity(path), None, "{path}");
        }
    }
}
