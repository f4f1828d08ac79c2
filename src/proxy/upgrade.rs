//! A WebSocket's opening (RFC 6455 §4) and its life after.

mod backend_side;
mod opening;

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use http::StatusCode;
use http::header::{self, HeaderMap, HeaderValue};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use self::backend_side::BackendSide;
use self::opening::Opening;
use super::connection::Client;
use super::exchange::Exchange;
use super::handler::{Asked, Outcome};
use super::headers::{self, Scheme};
use super::limits::network;
use super::reply::Refusal;
use super::socket::ClientStream;
use super::tunnel::{Cause, Side, Tunnel};
use super::upstream::{Failure, Message};
use super::worker::Worker;
use crate::sessions::{Caller, Newcomer, Notice, PARTING, Place, REST, Session};

/// How long a place is waited for: until the one who has it must be gone, and a little more.
const PATIENCE: Duration = PARTING.saturating_add(Duration::from_secs(1));

/// The backend's side of a WebSocket that has opened, waiting for the client's.
pub(super) struct Opened {
    backend: Side<BackendSide>,
    session: Session<Caller>,
    max_message: u64,
}

/// Asks the backend for a WebSocket, over a connection of its own. Any answer but a `101` is
/// relayed as it is, and nothing opens.
pub(super) async fn open(
    asked: &Asked,
    message: Box<Message>,
    expected: &Handshake,
    scheme: Scheme,
    exchange: &mut Exchange,
) -> Result<Outcome, Refusal> {
    let (worker, snapshot) = (&asked.client.worker, &asked.snapshot);
    let place = take_place(asked, exchange).await?;
    let notice = place.as_ref().map(Place::notice);
    let opening = Opening::begin(worker, message, &snapshot.limits, place);
    let sent = unless_replaced(notice.as_ref(), opening).await;
    let sent = sent.ok_or_else(|| over_limit(worker, REST))?;
    let (response, opening) = match sent {
        Ok((response, opening)) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
            (response, opening)
        }
        Ok((response, opening)) => {
            return asked.relay(opening.refused(response), scheme, exchange);
        }
        Err(failure) => return asked.relay(Err(failure), scheme, exchange),
    };
    let failed = |failure: Failure| {
        worker.metrics.upstream_failed(failure.reason());
        Refusal::Failed(failure)
    };
    let (mut answer, ()) = response.into_parts();
    if !expected.is_met_by(&answer.headers) {
        return Err(failed(Failure::BadUpgrade));
    }
    expected.clean(&mut answer.headers);
    let backend = opening.opened().map_err(failed)?;
    let session = exchange.register(&worker.tunnels);
    let mut session = session.ok_or_else(|| failed(Failure::BadUpgrade))?;
    if let Some(notice) = notice {
        session.heed(notice);
    }
    let opened = Opened {
        backend,
        session,
        max_message: snapshot.websocket.max_message,
    };
    Ok(Outcome::Switched(answer.headers, opened))
}

/// A place among the user's sockets, for which an older one may have to end first; `None` for
/// whoever has no name.
async fn take_place(asked: &Asked, exchange: &Exchange) -> Result<Option<Place>, Refusal> {
    let (worker, limit) = (&asked.client.worker, asked.snapshot.websocket.per_user);
    let admission = exchange.admission();
    let Some(identity) = admission.and_then(|admission| admission.identity()) else {
        return Ok(None);
    };
    let newcomer = Newcomer {
        user: identity.user().as_str(),
        network: network(exchange.origin),
    };
    let waiting = worker.places.ask(newcomer, limit, Instant::now());
    let waiting = waiting.map_err(|none| over_limit(worker, none.retry_after))?;
    let place = timeout(PATIENCE, waiting.granted()).await;
    let place = place.map_err(|_| over_limit(worker, PARTING))?;
    exchange.review()?;
    Ok(Some(place))
}

fn over_limit(worker: &Worker, retry_after: Duration) -> Refusal {
    worker.metrics.throttled("max_per_user");
    Refusal::TooMany { retry_after }
}

/// What comes of `work`, or `None` when a newer socket has got the place meanwhile.
async fn unless_replaced<T>(notice: Option<&Notice>, work: impl Future<Output = T>) -> Option<T> {
    let replaced = poll_fn(|cx| notice.map_or(Poll::Pending, |notice| notice.poll(cx)));
    tokio::select! {
        biased;
        () = replaced => None,
        done = work => Some(done),
    }
}

/// What the backend has to answer.
#[derive(Debug)]
pub(super) struct Handshake {
    accept: String,
    offered: Option<HeaderValue>,
}

impl Handshake {
    /// That of the request with these headers.
    pub(super) fn of(request: &HeaderMap) -> Self {
        let key = request
            .get(header::SEC_WEBSOCKET_KEY)
            .map_or(&b""[..], HeaderValue::as_bytes);
        let offered = request.get(header::SEC_WEBSOCKET_PROTOCOL).cloned();
        Self {
            accept: derive_accept_key(key),
            offered,
        }
    }

    fn is_met_by(&self, answer: &HeaderMap) -> bool {
        let is = |name, expected: &str| {
            answer.get(name).is_some_and(|value: &HeaderValue| {
                value
                    .as_bytes()
                    .trim_ascii()
                    .eq_ignore_ascii_case(expected.as_bytes())
            })
        };
        let accepted = answer.get(header::SEC_WEBSOCKET_ACCEPT);
        is(header::UPGRADE, "websocket")
            && accepted.is_some_and(|accepted| accepted.as_bytes() == self.accept.as_bytes())
    }

    /// The answer for the client. A subprotocol that the backend was not offered is no choice:
    /// ours, which carries the credential, never was.
    fn clean(&self, answer: &mut HeaderMap) {
        headers::strip_hop_by_hop(answer);
        for (name, value) in headers::upgrade_lines() {
            answer.insert(name, value.clone());
        }
        let was_offered = |chosen: &HeaderValue| {
            let offered = self
                .offered
                .as_ref()
                .map_or(&b""[..], HeaderValue::as_bytes);
            offered
                .split(|byte| *byte == b',')
                .any(|one| one.trim_ascii() == chosen.as_bytes())
        };
        if !answer
            .get(header::SEC_WEBSOCKET_PROTOCOL)
            .is_none_or(was_offered)
        {
            answer.remove(header::SEC_WEBSOCKET_PROTOCOL);
        }
    }
}

/// Carries a WebSocket to its end. It is a task of its own, and a small one: what hyper held for
/// the connection is gone.
pub(super) async fn carry(
    client: Rc<Client>,
    side: Side<ClientStream>,
    opened: Opened,
    mut exchange: Box<Exchange>,
) {
    let Opened {
        backend,
        session,
        max_message,
    } = opened;
    let worker = &client.worker;
    exchange.becomes_websocket();
    worker.metrics.tunnel_opened();
    let end = Tunnel::new(side, backend, session, max_message, worker.scratch.clone()).await;
    worker.metrics.tunnel_closed(end.code);
    exchange.sent = end.sent;
    exchange.received = end.received;
    exchange.reason = (end.cause != Cause::Closed).then(|| end.cause.as_str());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(protocols: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        // The example of RFC 6455 §1.3.
        headers.insert(
            "sec-websocket-key",
            HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ=="),
        );
        headers.insert(
            "sec-websocket-protocol",
            HeaderValue::from_static(protocols),
        );
        headers
    }

    fn answer(accept: &'static str, chosen: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("upgrade", HeaderValue::from_static("WebSocket"));
        headers.insert("connection", HeaderValue::from_static("Upgrade"));
        headers.insert("sec-websocket-accept", HeaderValue::from_static(accept));
        headers.insert("sec-websocket-protocol", HeaderValue::from_static(chosen));
        headers
    }

    const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

    #[test]
    fn only_the_right_key_opens() {
        let handshake = Handshake::of(&request("chat"));
        assert!(handshake.is_met_by(&answer(ACCEPT, "chat")));
        assert!(!handshake.is_met_by(&answer("AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "chat")));
        let mut without_upgrade = answer(ACCEPT, "chat");
        without_upgrade.remove("upgrade");
        assert!(!handshake.is_met_by(&without_upgrade));
    }

    #[test]
    fn only_an_offered_subprotocol_is_passed_on() {
        let handshake = Handshake::of(&request("chat, superchat"));
        for (chosen, passed) in [("superchat", true), ("bearer", false)] {
            let mut headers = answer(ACCEPT, chosen);
            handshake.clean(&mut headers);
            assert_eq!(headers.contains_key("sec-websocket-protocol"), passed);
            assert_eq!(headers.get("connection").unwrap(), "upgrade");
        }
    }
}
