//! Requests that we answer ourselves: about users, their logins and keys.
//!
//! A worker only reads them to their end and waits for the answer. Whoever answers does so on a
//! thread of its own: a login takes a hash, and a change a disk.

use std::net::IpAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response, request};
use http_body_util::BodyExt as _;
use tokio::sync::{mpsc, oneshot};

use super::body::{RequestBody, UploadFault};
use super::headers::Scheme;
use super::reply::Refusal;
use super::upstream::Failure;
use crate::auth::Identity;

/// The longest body: a list of permissions, or a password.
const LARGEST_BODY: usize = 64 * 1024;

/// Requests that may wait to be taken up.
const QUEUE: usize = 256;

/// When it is worth another try.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where workers leave requests that are not for the backend.
#[derive(Clone, Debug)]
pub struct Calls(mpsc::Sender<Call>);

/// One request that is not for the backend, whole.
#[derive(Debug)]
pub struct Call {
    /// As the client sent it.
    pub request: Request<Bytes>,
    /// What is known beside it.
    pub caller: Caller,
    /// Where the answer goes; closed when the client has left.
    pub reply: oneshot::Sender<Response<Bytes>>,
}

/// Who sends a request, and by which address of ours.
#[derive(Clone, Debug)]
pub struct Caller {
    /// By the credential that came with it, if one did.
    pub identity: Option<Identity>,
    /// Beyond trusted proxies.
    pub client: IpAddr,
    /// How the client reaches us: `https` or `http`.
    pub scheme: &'static str,
    /// Whom the client addressed, as it wrote it.
    pub authority: String,
}

impl Calls {
    /// A queue, and who takes from it.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<Call>) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        (Self(sender), receiver)
    }

    /// Has a request answered, when its body is there.
    pub(super) async fn answer(
        &self,
        head: request::Parts,
        body: RequestBody,
        caller: Caller,
    ) -> Result<Response<Bytes>, Refusal> {
        let body = whole(body).await?;
        let (reply, answer) = oneshot::channel();
        let call = Call {
            request: Request::from_parts(head, body),
            caller,
            reply,
        };
        let busy = Refusal::Unavailable {
            retry_after: PATIENCE,
        };
        self.0.try_send(call).map_err(|_| busy)?;
        // It is dropped unanswered only with its thread.
        answer.await.map_err(|_| busy)
    }
}

impl Caller {
    pub(super) fn new(
        identity: Option<Identity>,
        client: IpAddr,
        scheme: Scheme,
        authority: &str,
    ) -> Self {
        Self {
            identity,
            client,
            scheme: scheme.as_str(),
            authority: authority.to_owned(),
        }
    }
}

async fn whole(mut body: RequestBody) -> Result<Bytes, Refusal> {
    let announced = http_body::Body::size_hint(&body).lower();
    if announced > LARGEST_BODY as u64 {
        return Err(Refusal::ContentTooLarge);
    }
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|fault| {
            Refusal::Failed(match fault {
                UploadFault::Stalled => Failure::RequestBodyTimeout,
                UploadFault::Broken | UploadFault::Ended => Failure::RequestBody,
            })
        })?;
        if let Ok(data) = frame.into_data() {
            if whole.len() + data.len() > LARGEST_BODY {
                return Err(Refusal::ContentTooLarge);
            }
            whole.extend_from_slice(&data);
        }
    }
    Ok(whole.freeze())
}
