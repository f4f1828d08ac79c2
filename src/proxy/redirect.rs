//! The plain HTTP listener: everything goes to `https`, nothing is served.

use std::rc::Rc;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Request, Response, StatusCode, Uri, Version};
use hyper::body::Incoming;

use super::answer::AnswerBody;
use super::connection::Client;
use super::exchange::Exchange;
use super::headers::X_REQUEST_ID;
use crate::clock::Timestamp;
use crate::snapshot::Snapshot;

/// Answers a request with where to go instead.
pub(super) fn handle(
    client: &Rc<Client>,
    request: Request<Incoming>,
    https_port: u16,
) -> Response<AnswerBody> {
    let snapshot = client.worker.snapshot();
    let (head, _) = request.into_parts();
    let mut exchange = Exchange::begin(client, &head, snapshot.generation, Timestamp::now());
    let location = location(
        &head.headers,
        &head.uri,
        head.version,
        https_port,
        &snapshot,
    );
    let status = match location {
        Some(_) => StatusCode::PERMANENT_REDIRECT,
        None => StatusCode::BAD_REQUEST,
    };
    exchange.status = status.as_u16();
    let id = exchange.id.to_value();
    let mut response = Response::new(AnswerBody::own(Bytes::new(), exchange));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(X_REQUEST_ID, id);
    if let Some(location) = location {
        headers.insert(header::LOCATION, location);
    }
    response
}

/// The same resource over `https`; `None` when it isn't on one of our hosts, since a redirect
/// must not lead elsewhere.
fn location(
    headers: &HeaderMap,
    target: &Uri,
    version: Version,
    https_port: u16,
    snapshot: &Snapshot,
) -> Option<HeaderValue> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let authority = match (hosts.next(), hosts.next()) {
        (Some(only), None) => only.to_str().ok()?.parse::<http::uri::Authority>().ok()?,
        _ => return None,
    };
    if version < Version::HTTP_10 || authority.as_str().contains('@') {
        return None;
    }
    let host = authority.host();
    if !snapshot.gate.hosts.allow(host.trim_matches(['[', ']'])) {
        return None;
    }
    let path = target.path_and_query().map_or("/", |path| path.as_str());
    let path = if path.starts_with('/') { path } else { "/" };
    let port = if https_port == 443 {
        String::new()
    } else {
        format!(":{https_port}")
    };
    HeaderValue::try_from(format!("https://{host}{port}{path}")).ok()
}
