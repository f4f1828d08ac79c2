//! `GET /who`: the request head as it reached the backend, to see what a proxy before it did.

use http::request::Parts;
use serde_json::{Value, json};

use super::authentication::latin1;

/// Method, target and every header line, duplicates included; names are in lower case.
pub(super) fn describe(head: &Parts) -> Value {
    let headers: Vec<[String; 2]> = head
        .headers
        .iter()
        .map(|(name, value)| [name.as_str().to_owned(), latin1(value.as_bytes())])
        .collect();
    json!({
        "method": head.method.as_str(),
        "target": head.uri.to_string(),
        "headers": headers,
    })
}
