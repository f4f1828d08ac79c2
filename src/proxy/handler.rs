//! One request: decide, then forward it, open a WebSocket, or refuse.

use std::convert::Infallible;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::Poll;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Request, Response, StatusCode, Version, request};
use hyper::body::Incoming;

use super::answer::{AnswerBody, OnEnd};
use super::body::RequestBody;
use super::connection::{Client, Purpose};
use super::cors::Crossing;
use super::exchange::Exchange;
use super::headers::{self, Framing, Origin, Scheme, Told};
use super::location;
use super::own::Caller;
use super::redirect;
use super::reply::{self, Refusal};
use super::unread::Arrival;
use super::upgrade::{self, Handshake, Opened};
use super::upstream::{Answered, Failure, Message};
use super::worker::Held;
use crate::auth::{Admission, Decision, Denied, OwnRequest, Transport};
use crate::clock::Timestamp;
use crate::snapshot::Limits;

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
///
/// Decides at once and waits after, so that the future that hyper keeps for the connection holds
/// little, and little is moved about.
pub(super) fn handle(
    client: Rc<Client>,
    purpose: Purpose,
    request: Request<Incoming>,
) -> impl Future<Output = Result<Response<AnswerBody>, Infallible>> {
    let asked = Asked {
        snapshot: client.worker.snapshot(),
        now: Timestamp::now(),
        client,
    };
    let (head, body) = request.into_parts();
    let body = Arrival::new(body, &head, &asked.client.unread);
    let crossing = Crossing::of(&asked.snapshot.cors, &head.headers);
    let mut exchange = Exchange::begin(&asked.client, &head, asked.snapshot.generation, asked.now);
    let deciding = || match purpose {
        Purpose::Gate => asked.decide(&crossing, head, body, &mut exchange),
        Purpose::Redirect { https_port } => {
            let hosts = &asked.snapshot.gate.hosts;
            Plan::done(Outcome::Own(redirect::answer(&head, https_port, hosts)))
        }
    };
    let plan = catch_unwind(AssertUnwindSafe(deciding));
    async move {
        exchange.reader.clone_from(&asked.client.reader.borrow());
        let outcome = match plan {
            Ok(Plan::Done(outcome)) => Ok(*outcome),
            Ok(plan) => {
                let carrying = asked.carry_out(plan, &mut exchange);
                AssertUnwindSafe(carrying).catch_unwind().await
            }
            Err(panic) => Err(panic),
        };
        let outcome = outcome.unwrap_or_else(|_| {
            asked.client.worker.metrics.panicked();
            asked.refuse(Refusal::Panicked, &mut exchange)
        });
        let id = exchange.id.to_value();
        let admission = exchange.admission();
        let newcomer = admission.and_then(Admission::newcomer);
        let visitor = newcomer.and_then(|newcomer| newcomer.cookie().cloned());
        let mut response = join(outcome, &crossing, exchange);
        let headers = response.headers_mut();
        headers.insert(headers::X_REQUEST_ID, id);
        if let Some(cookie) = visitor {
            headers.append(header::SET_COOKIE, cookie);
            // What a cache would give to others would make them this visitor (RFC 9111 §7.3).
            let nobody_elses = HeaderValue::from_static("private, no-store");
            headers.insert(header::CACHE_CONTROL, nobody_elses);
        }
        if let (Scheme::Https, Some(hsts)) = (asked.client.scheme, &asked.snapshot.hsts) {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, hsts.clone());
        }
        asked.client.unread.announce(&mut response);
        Ok(response)
    }
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
            exchange.answered(response.status());
            let on_end = on_end(response.headers());
            response.map(|()| AnswerBody::relayed(lease, on_end, exchange))
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

/// What is to be done for a request.
enum Plan {
    /// Nothing more.
    Done(Box<Outcome>),
    /// To be sent to the backend.
    Forward(Box<Message>, Scheme),
    /// To be opened as a WebSocket.
    Open(Box<Message>, Box<Handshake>, Scheme),
    /// To be answered by us.
    Answer(Box<(request::Parts, RequestBody, Caller)>),
}

impl Plan {
    fn done(outcome: Outcome) -> Self {
        Self::Done(Box::new(outcome))
    }
}

/// A request on its way through.
pub(super) struct Asked {
    pub(super) client: Rc<Client>,
    pub(super) snapshot: Held,
    now: Timestamp,
}

impl Asked {
    fn decide(
        &self,
        crossing: &Crossing,
        head: request::Parts,
        body: Arrival,
        exchange: &mut Exchange,
    ) -> Plan {
        #[cfg(test)]
        super::tests::panic_if_asked(&head.headers);
        let limits = &self.snapshot.limits;
        if let Some(refusal) = misshapen(&head, limits) {
            return Plan::done(self.refuse(refusal, exchange));
        }
        if let Some(headers) = crossing.preflight(&head) {
            return Plan::done(Outcome::Preflight(headers));
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
            Decision::Own(own) => return self.plan_own(own, body, &origin, exchange),
            Decision::Deny(denied) => return Plan::done(self.deny(denied, exchange)),
        };
        let (head, admission) = admitted.into_parts();
        let (transport, host) = (admission.transport(), admission.host());
        if admission.newcomer().is_some()
            && let Some(refusal) = self.over_visitor_rate(exchange)
        {
            return Plan::done(self.refuse(refusal, exchange));
        }
        exchange.admitted(admission);
        if let Some(refusal) = self.over_user_rate(exchange) {
            return Plan::done(self.refuse(refusal, exchange));
        }
        let told = Told::new(&origin, host, exchange.id.value());
        match transport {
            Transport::Http => {
                let (body, upload) =
                    RequestBody::new(body, limits.body_gap, || exchange.standing());
                let message = Message::new(head, told.lines(), framing, body);
                exchange.upload = upload;
                Plan::Forward(message, origin.scheme)
            }
            Transport::WebSocket => {
                let handshake = Box::new(Handshake::of(&head.as_parts().headers));
                let lines = told.lines().into_iter().chain(headers::upgrade_lines());
                let message = Message::new(head, lines, Framing::None, RequestBody::default());
                Plan::Open(message, handshake, origin.scheme)
            }
        }
    }

    /// A request that never goes to the backend.
    fn plan_own(
        &self,
        own: OwnRequest,
        body: Arrival,
        origin: &Origin,
        exchange: &mut Exchange,
    ) -> Plan {
        let (head, admission) = own.into_parts();
        let (identity, authority) = (admission.identity().cloned(), admission.authority());
        let caller = Caller::new(identity, origin.client, origin.scheme, authority);
        exchange.admitted(admission);
        if let Some(refusal) = self.over_user_rate(exchange) {
            return Plan::done(self.refuse(refusal, exchange));
        }
        let gap = self.snapshot.limits.body_gap;
        let (body, upload) = RequestBody::new(body, gap, || exchange.standing());
        exchange.upload = upload;
        Plan::Answer(Box::new((head, body, caller)))
    }

    async fn carry_out(&self, plan: Plan, exchange: &mut Exchange) -> Outcome {
        let outcome = match plan {
            Plan::Done(outcome) => Ok(*outcome),
            Plan::Forward(message, scheme) => {
                let_others_arrive().await;
                let pool = &self.client.worker.pool;
                let sent = pool.send(message, &self.snapshot.limits).await;
                self.relay(sent, scheme, exchange)
            }
            // Rare and large: not to be part of every request's future.
            Plan::Open(message, handshake, scheme) => {
                Box::pin(upgrade::open(self, message, &handshake, scheme, exchange)).await
            }
            Plan::Answer(asked) => {
                let (head, body, caller) = *asked;
                let answered = Box::pin(self.client.worker.calls.answer(head, body, caller)).await;
                answered.map(Outcome::Own)
            }
        };
        outcome.unwrap_or_else(|refusal| self.refuse(refusal, exchange))
    }

    /// Makes a backend's answer fit for the client.
    pub(super) fn relay(
        &self,
        sent: Result<Answered, Failure>,
        scheme: Scheme,
        exchange: &mut Exchange,
    ) -> Result<Outcome, Refusal> {
        exchange.review()?;
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
        let (backend, authority) = (&self.snapshot.backend, exchange.authority());
        location::make_public(response.headers_mut(), backend, scheme.as_str(), authority);
        Ok(Outcome::Relayed(answered))
    }

    pub(super) fn refuse(&self, refusal: Refusal, exchange: &mut Exchange) -> Outcome {
        exchange.reason = Some(refusal.reason());
        Outcome::Own(refusal.answer(&self.snapshot.replies))
    }

    fn deny(&self, mut denied: Denied, exchange: &mut Exchange) -> Outcome {
        let (denial, transport, page) = (denied.denial, denied.transport, denied.page.take());
        self.client.worker.metrics.denied(denial.reason());
        exchange.denied(denied);
        let refusal = Refusal::Denied(denial, transport);
        let throttled = self.over_failure_rate(denial, exchange);
        if let (None, Some(page), Some(accounts)) = (throttled, page, &self.snapshot.accounts) {
            exchange.reason = Some(refusal.reason());
            return Outcome::Own(reply::to_login(&accounts.login_page(&page)));
        }
        self.refuse(throttled.unwrap_or(refusal), exchange)
    }

    fn origin(&self, head: &request::Parts) -> Origin {
        let Client {
            peer,
            peer_value,
            scheme,
            ..
        } = &*self.client;
        Origin::read(&head.headers, *peer, peer_value, *scheme, &self.snapshot)
    }
}

/// Ends this turn of the task. Requests that came together are then decided one after the other
/// and go out one after the other, so that the backend is woken once for all of them; on a busy
/// worker that saves a tenth of what a request costs, on an idle one it costs nothing but the turn.
///
/// Not `yield_now`, which would ask the system for news in between.
async fn let_others_arrive() {
    let mut has_yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
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

/// No tunnel where none was asked for.
fn acceptable(answered: Answered) -> Result<Answered, Failure> {
    match answered.response.status() {
        StatusCode::SWITCHING_PROTOCOLS => Err(Failure::BadUpgrade),
        _ => Ok(answered),
    }
}
