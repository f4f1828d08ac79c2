//! `GET /who`: the request head as it reached the backend, to see what a proxy before it did.

use http::request::Parts;
use serde_json::json;

use super::authentication::latin1;

/// A JSON object of method, target and every header line, duplicates included, one a line for
/// people to read; names are in lower case.
pub(super) fn describe(head: &Parts) -> String {
    let headers: Vec<String> = head
        .headers
        .iter()
        .map(|(name, value)| json!([name.as_str(), latin1(value.as_bytes())]).to_string())
        .collect();
    format!(
        "{{\"method\":{},\"target\":{},\"headers\":[\n  {}\n]}}\n",
        json!(head.method.as_str()),
        json!(head.uri.to_string()),
        headers.join(",\n  "),
    )
}
