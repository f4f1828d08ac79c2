//! [`Exchange`]: what is known of one request until its answer, or its WebSocket, is over; then
//! it becomes one line of the access log and a few numbers.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use http::{Method, StatusCode, Uri, request};

use super::activity::InFlight;
use super::body::Upload;
use super::connection::Client;
use super::reply::Refusal;
use super::request_id::RequestId;
use super::standing::{self, Standing};
use super::streams::Reader;
use crate::auth::{Admission, Denied, Identity};
use crate::clock::Timestamp;
use crate::sessions::{Caller, Session, Sessions, Traffic};
use crate::snapshot::Generation;
use crate::telemetry::access_log::{Path, Record};

/// The status in the log of a request whose client left before there was an answer.
const CLIENT_LEFT: u16 = 499;

/// One request and its answer, recorded when dropped.
pub(super) struct Exchange {
    pub(super) client: Rc<Client>,
    pub(super) id: RequestId,
    pub(super) status: u16,
    /// Why it went wrong, if it did.
    pub(super) reason: Option<&'static str>,
    pub(super) upload: Option<Rc<Upload>>,
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) upstream: Option<Duration>,
    /// Who the client is, beyond trusted proxies.
    pub(super) origin: IpAddr,
    pub(super) time: Timestamp,
    protocol: &'static str,
    party: Party,
    method: Method,
    target: Uri,
    started: Instant,
    /// Under which generation the request was judged.
    judged: Generation,
    /// Whether the client of an HTTP/2 stream reads.
    pub(super) reader: Option<Rc<Reader>>,
    /// A tunnel counts for itself, and frees its connection of the request.
    in_flight: Option<InFlight>,
}

/// What the gate said of the one who asks.
enum Party {
    Unknown,
    Admitted(Admission),
    Denied(Denied),
}

impl Exchange {
    pub(super) fn begin(
        client: &Rc<Client>,
        head: &request::Parts,
        judged: Generation,
        now: Timestamp,
    ) -> Box<Self> {
        Box::new(Self {
            id: client.worker.next_request_id(now),
            status: CLIENT_LEFT,
            reason: None,
            upload: None,
            sent: 0,
            received: 0,
            upstream: None,
            origin: client.peer.ip(),
            time: now,
            protocol: client.protocol.get(),
            party: Party::Unknown,
            method: head.method.clone(),
            target: head.uri.clone(),
            started: Instant::now(),
            judged,
            in_flight: Some(client.activity.request()),
            reader: None,
            client: Rc::clone(client),
        })
    }

    pub(super) fn admitted(&mut self, admission: Admission) {
        if let Some(key) = admission.identity().and_then(Identity::stored_key) {
            self.client.worker.uses.note(key, self.time);
        }
        self.party = Party::Admitted(admission);
    }

    pub(super) fn denied(&mut self, denied: Denied) {
        self.party = Party::Denied(denied);
    }

    pub(super) fn admission(&self) -> Option<&Admission> {
        match &self.party {
            Party::Admitted(admission) => Some(admission),
            Party::Unknown | Party::Denied(_) => None,
        }
    }

    /// Whom the client addressed; empty as long as nothing was admitted.
    pub(super) fn authority(&self) -> &str {
        self.admission().map_or("", Admission::authority)
    }

    /// Since the request's head was read.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// The request goes on as a WebSocket, whose record ends with it.
    pub(super) fn becomes_websocket(&mut self) {
        self.protocol = "ws";
        self.in_flight = None;
        // The target is a slice of the buffer that the head was read into, and the id one of a
        // batch's: either would keep all of it for as long as the socket is open.
        self.id = self.id.detached();
        self.target = Uri::try_from(self.target.path()).unwrap_or_default();
        if let Party::Admitted(admission) = &mut self.party {
            admission.forget_address();
        }
    }

    /// The backend has answered. An error ends an upload that is still going on, as a rule, and the
    /// client's connection with it if the rest is not to be skipped.
    pub(super) fn answered(&self, status: StatusCode) {
        let is_error = status.is_client_error() || status.is_server_error();
        let upload = self.upload.as_ref();
        if is_error && upload.is_some_and(|upload| upload.holds_the_connection()) {
            self.client.unread.end_connection();
        }
    }

    /// What an upload is to be judged by while it goes on.
    pub(super) fn standing(&self) -> Option<Standing> {
        let proof = self.admission()?.proof();
        Some(Standing::new(&self.client.worker, proof, self.judged))
    }

    /// Whether what was admitted would be admitted still.
    pub(super) fn review(&self) -> Result<(), Refusal> {
        let Some(admission) = self.admission() else {
            return Ok(());
        };
        let proof = || admission.proof();
        standing::review(&self.client.worker, self.judged, proof)
            .map(drop)
            .map_err(|ending| {
                let refusal = Refusal::Ended(ending, admission.transport());
                self.client.worker.metrics.denied(refusal.reason());
                refusal
            })
    }

    /// Registers what was admitted, so that it ends with its credential.
    pub(super) fn register(&self, sessions: &Sessions<Caller>) -> Option<Session<Caller>> {
        let admission = self.admission()?;
        let caller = Caller {
            proof: admission.proof(),
            client: self.origin,
            since: self.time,
        };
        let deadline = admission.deadline();
        Some(sessions.register(caller, deadline, self.judged.0, Timestamp::now()))
    }

    /// What the bodies of both directions came to until now.
    pub(super) fn traffic(&self) -> Traffic {
        let upload = self.upload.as_ref();
        Traffic {
            sent: self.sent,
            received: upload.map_or(self.received, |upload| upload.received()),
        }
    }

    fn record(&self) {
        let worker = &self.client.worker;
        let duration = self.elapsed();
        worker.metrics.request(self.status, duration);
        let identity = self.identity();
        let Traffic { sent, received } = self.traffic();
        let mut name = worker.name_buffer.borrow_mut();
        name.clear();
        if let Some(identity) = identity {
            let _ = write!(name, "{}", identity.credential());
        }
        worker.log.record(&Record {
            time: self.time,
            request_id: self.id.as_str(),
            peer: self.origin,
            protocol: self.protocol,
            method: self.method.as_str(),
            path: Path::of(self.target.path()),
            status: self.status,
            user: identity.map(|identity| identity.user().as_str()),
            credential: identity.map(|_| name.as_str()),
            rule: self.rule(),
            reason: self.reason,
            duration,
            upstream_duration: self.upstream,
            bytes_sent: sent,
            bytes_received: received,
        });
    }

    fn identity(&self) -> Option<&Identity> {
        match &self.party {
            Party::Unknown => None,
            Party::Admitted(admission) => admission.identity(),
            Party::Denied(denied) => denied.identity.as_ref(),
        }
    }

    fn rule(&self) -> Option<&str> {
        match &self.party {
            Party::Unknown => None,
            Party::Admitted(admission) => Some(admission.rule()),
            Party::Denied(denied) => denied.rule.as_deref(),
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if self
            .reader
            .as_ref()
            .is_some_and(|reader| reader.is_stalled())
        {
            self.reason = Some("client does not read");
        }
        self.record();
    }
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
