//! The plain HTTP listener: everything goes to `https`, nothing is served.

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode, request};

use crate::auth::Hosts;

/// Answers a request with where to go instead.
pub(super) fn answer(head: &request::Parts, https_port: u16, hosts: &Hosts) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::BAD_REQUEST;
    if let Some(location) = location(head, https_port, hosts) {
        *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// The same resource over `https`; `None` when it isn't on one of our hosts, since a redirect
/// must not lead elsewhere.
fn location(head: &request::Parts, https_port: u16, hosts: &Hosts) -> Option<HeaderValue> {
    let mut lines = head.headers.get_all(header::HOST).iter();
    let authority = match (lines.next(), lines.next()) {
        (Some(only), None) => only.to_str().ok()?.parse::<http::uri::Authority>().ok()?,
        _ => return None,
    };
    if authority.as_str().contains('@') {
        return None;
    }
    let host = authority.host();
    if !hosts.allow(host.trim_matches(['[', ']'])) {
        return None;
    }
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let path = if path.starts_with('/') { path } else { "/" };
    let port = if https_port == 443 {
        String::new()
    } else {
        format!(":{https_port}")
    };
    HeaderValue::try_from(format!("https://{host}{port}{path}")).ok()
}
