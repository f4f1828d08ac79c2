//! `GET /demo/events`: server-sent events (HTML Living Standard §9.2), one at a time.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use serde_json::json;

use super::{
    reply::{self, Body},
    target,
};

/// A stream of events for `user`. The query may say how many (`count`, default: no end) and how
/// far apart (`every`, in milliseconds, default 500).
pub(super) fn answer(user: String, query: Option<&str>) -> Response<Body> {
    let number = |name| target::last_parameter(query, name)?.parse::<u64>().ok();
    let last = number("count").unwrap_or(u64::MAX);
    let every = Duration::from_millis(number("every").unwrap_or(500));
    let events = stream::unfold(1, move |id| {
        let event = (id <= last).then(|| event(id, &user));
        async move {
            let event = event?;
            if id > 1 {
                tokio::time::sleep(every).await;
            }
            Some((Ok::<_, Infallible>(Frame::data(event)), id + 1))
        }
    });
    let mut response = reply::empty(StatusCode::OK).map(|_| StreamBody::new(events).boxed_unsync());
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn event(id: u64, user: &str) -> Bytes {
    let data = json!({"tick": id, "user_id": user});
    format!("id: {id}\nevent: tick\ndata: {data}\n\n").into()
}
