//! One request: decide, then forward it, open a WebSocket, or refuse.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Request, Response, StatusCode, Version, request};
use hyper::body::Incoming;

use super::answer::{AnswerBody, OnEnd};
use super::body::RequestBody;
use super::connection::Client;
use super::cors::Crossing;
use super::exchange::Exchange;
use super::headers::{self, Framing, Origin};
use super::location;
use super::reply::Refusal;
use super::upgrade::{self, Opened};
use super::upstream::{Answered, Failure, assemble};
use crate::auth::{Decision, Denial, Denied, Transport};
use crate::clock::Timestamp;
use crate::snapshot::{Limits, Snapshot};

/// What comes of a request.
pub(super) enum Outcome {
    /// Our own words.
    Own(Response<Bytes>),
    /// A preflight's answer, complete with its CORS headers.
    Preflight(HeaderMap),
    /// The backend's answer.
    Relayed(Answered),
    /// A WebSocket, and the headers of the `101`.
    Switched(HeaderMap, Opened),
}

/// Answers one request. Never fails: even a panic costs only this request.
pub(super) async fn handle(
    client: Rc<Client>,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, Infallible> {
    let snapshot = client.worker.snapshot();
    let now = Timestamp::now();
    let (head, body) = request.into_parts();
    let crossing = Crossing::of(&snapshot.cors, &head.headers);
    let mut exchange = Exchange::begin(&client, &head, snapshot.generation, now);
    let id = exchange.id.to_value();
    let asked = Asked {
        client: &client,
        snapshot: &snapshot,
        now,
    };
    let answering = asked.answer(&crossing, head, body, &mut exchange);
    let outcome = AssertUnwindSafe(answering).catch_unwind().await;
    let outcome = outcome.unwrap_or_else(|_| {
        client.worker.metrics.panicked();
        asked.refuse(Refusal::Panicked, &mut exchange)
    });
    let mut response = join(outcome, &crossing, exchange);
    let headers = response.headers_mut();
    headers.insert(headers::X_REQUEST_ID, id);
    if let (true, Some(hsts)) = (client.secure, &snapshot.hsts) {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, hsts.clone());
    }
    Ok(response)
}

/// Joins head and body of the answer, and says who may read it.
fn join(
    outcome: Outcome,
    crossing: &Crossing,
    mut exchange: Box<Exchange>,
) -> Response<AnswerBody> {
    let mut response = match outcome {
        Outcome::Preflight(headers) => {
            exchange.status = StatusCode::NO_CONTENT.as_u16();
            let mut response = Response::new(AnswerBody::own(Bytes::new(), exchange));
            *response.status_mut() = StatusCode::NO_CONTENT;
            *response.headers_mut() = headers;
            return response;
        }
        Outcome::Switched(headers, opened) => {
            exchange.status = StatusCode::SWITCHING_PROTOCOLS.as_u16();
            let client = Rc::clone(&exchange.client);
            client.hand_off(opened, exchange);
            let mut response = Response::new(AnswerBody::none());
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            *response.headers_mut() = headers;
            response
        }
        Outcome::Own(response) => {
            exchange.status = response.status().as_u16();
            response.map(|bytes| AnswerBody::own(bytes, exchange))
        }
        Outcome::Relayed(Answered { response, lease }) => {
            exchange.status = response.status().as_u16();
            let on_end = on_end(response.headers());
            response.map(|incoming| AnswerBody::relayed(incoming, lease, on_end, exchange))
        }
    };
    crossing.apply(response.headers_mut());
    response
}

/// A stream of events may end anywhere; what else is cut must look cut.
fn on_end(headers: &HeaderMap) -> OnEnd {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .map_or(&b""[..], HeaderValue::as_bytes);
    let essence = kind
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or_default()
        .trim_ascii();
    let is_stream = essence.eq_ignore_ascii_case(b"text/event-stream");
    if is_stream {
        OnEnd::Terminate
    } else {
        OnEnd::Truncate
    }
}

/// A request on its way through.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) client: &'a Rc<Client>,
    pub(super) snapshot: &'a Snapshot,
    now: Timestamp,
}

impl Asked<'_> {
    async fn answer(
        self,
        crossing: &Crossing,
        head: request::Parts,
        body: Incoming,
        exchange: &mut Exchange,
    ) -> Outcome {
        #[cfg(test)]
        super::tests::panic_if_asked(&head.headers);
        if let Some(refusal) = misshapen(&head, &self.snapshot.limits) {
            return self.refuse(refusal, exchange);
        }
        if let Some(headers) = crossing.preflight(&head) {
            return Outcome::Preflight(headers);
        }
        let origin = self.origin(&head);
        exchange.origin = origin.client;
        let framing = Framing::of(&head, &body);
        let decision = {
            let mut memo = self.client.worker.memo.borrow_mut();
            self.snapshot.gate.admit(head, &mut memo, self.now)
        };
        let admitted = match decision {
            Decision::Admit(admitted) => admitted,
            Decision::Deny(denied) => return self.deny(denied, exchange),
        };
        let (mut head, admission) = admitted.into_parts();
        let (authority, id) = (admission.authority(), exchange.id.to_value());
        headers::complete_request(&mut head.headers, &origin, authority, id);
        let transport = admission.transport();
        exchange.admitted(admission);
        if let Some(refusal) = self.over_user_rate(exchange) {
            return self.refuse(refusal, exchange);
        }
        let outcome = match transport {
            Transport::Http => self.forward(head, body, framing, &origin, exchange).await,
            Transport::WebSocket => upgrade::open(self, head, &origin, exchange).await,
        };
        outcome.unwrap_or_else(|refusal| self.refuse(refusal, exchange))
    }

    async fn forward(
        self,
        mut head: request::Parts,
        body: Incoming,
        framing: Framing,
        origin: &Origin,
        exchange: &mut Exchange,
    ) -> Result<Outcome, Refusal> {
        let limits = &self.snapshot.limits;
        headers::frame_request(&mut head.headers, framing);
        let (body, upload) = RequestBody::new(body, limits.body_gap);
        exchange.upload.clone_from(&upload);
        let request = assemble(head, body);
        let sent = self
            .client
            .worker
            .pool
            .send(request, upload.as_deref(), limits)
            .await;
        self.relay(sent, origin, exchange)
    }

    /// Makes a backend's answer fit for the client.
    pub(super) fn relay(
        self,
        sent: Result<Answered, Failure>,
        origin: &Origin,
        exchange: &mut Exchange,
    ) -> Result<Outcome, Refusal> {
        let metrics = &self.client.worker.metrics;
        let mut answered = sent.and_then(acceptable).map_err(|failure| {
            metrics.upstream_failed(failure.reason());
            Refusal::Failed(failure)
        })?;
        let elapsed = exchange.elapsed();
        exchange.upstream = Some(elapsed);
        metrics.upstream_responded(elapsed);
        let response = &mut answered.response;
        *response.version_mut() = Version::HTTP_11;
        headers::strip_hop_by_hop(response.headers_mut());
        let authority = exchange
            .admission()
            .map_or("", |admission| admission.authority());
        let backend = &self.snapshot.backend;
        location::make_public(response.headers_mut(), backend, origin.scheme(), authority);
        Ok(Outcome::Relayed(answered))
    }

    pub(super) fn refuse(self, refusal: Refusal, exchange: &mut Exchange) -> Outcome {
        exchange.reason = Some(refusal.reason());
        Outcome::Own(refusal.answer(&self.snapshot.replies))
    }

    fn deny(self, denied: Denied, exchange: &mut Exchange) -> Outcome {
        let (denial, transport) = (denied.denial, denied.transport);
        self.client.worker.metrics.denied(denial.reason());
        exchange.denied(denied);
        let refusal = Refusal::Denied(denial, transport);
        let refusal = self.over_failure_rate(denial, exchange).unwrap_or(refusal);
        self.refuse(refusal, exchange)
    }

    /// Bad credentials of one address; a good one is never refused for the bad ones before it.
    fn over_failure_rate(self, denial: Denial, exchange: &Exchange) -> Option<Refusal> {
        let Denial::Unauthenticated(_) = denial else {
            return None;
        };
        let rate = self.snapshot.limits.failures_per_address?;
        let limiter = &self.client.worker.limiter;
        let over = limiter.failure(exchange.origin, rate, self.now);
        over.err()
            .map(|retry_after| Refusal::TooMany { retry_after })
    }

    fn over_user_rate(self, exchange: &Exchange) -> Option<Refusal> {
        let rate = self.snapshot.limits.requests_per_user?;
        let user = exchange.admission()?.identity()?.user();
        let over = self
            .client
            .worker
            .limiter
            .request(user.as_str(), rate, self.now);
        over.err()
            .map(|retry_after| Refusal::TooMany { retry_after })
    }

    fn origin(self, head: &request::Parts) -> Origin {
        let Client {
            peer,
            peer_value,
            secure,
            ..
        } = &**self.client;
        Origin::read(&head.headers, *peer, peer_value, *secure, self.snapshot)
    }
}

fn misshapen(head: &request::Parts, limits: &Limits) -> Option<Refusal> {
    let target = head
        .uri
        .path_and_query()
        .map_or(0, |target| target.as_str().len());
    if target > limits.target_size {
        return Some(Refusal::TargetTooLong);
    }
    (head.headers.len() > limits.header_count).then_some(Refusal::TooManyHeaders)
}

/// No tunnel where none was asked for, and no message that could be read in two ways.
fn acceptable(answered: Answered) -> Result<Answered, Failure> {
    if answered.response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return Err(Failure::BadUpgrade);
    }
    if !headers::is_framed_once(answered.response.headers()) {
        return Err(Failure::Garbage);
    }
    Ok(answered)
}
