//! Requests as a client means them, over HTTP/1.1 or HTTP/2, and what came back.

use serde_json::Value;

use super::{
    HOST, Sidecar, http2, key_of,
    wire::{End, Head},
};

/// A request to be sent.
pub struct Request<'s> {
    pub(super) sidecar: &'s Sidecar,
    pub(super) method: String,
    pub(super) target: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl<'s> Request<'s> {
    pub(super) fn new(sidecar: &'s Sidecar, method: &str, target: &str) -> Self {
        Self {
            sidecar,
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With the key of that name as its bearer.
    pub fn key(self, name: &str) -> Self {
        self.bearer(&key_of(name))
    }

    pub fn bearer(self, credential: &str) -> Self {
        self.header("Authorization", &format!("Bearer {credential}"))
    }

    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }

    pub fn json(self, body: &Value) -> Self {
        self.header("Content-Type", "application/json").body(body.to_string())
    }

    /// As a form sends it; the values are of letters and digits.
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let fields: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        self.header("Content-Type", "application/x-www-form-urlencoded").body(fields.join("&"))
    }

    /// Its bytes in HTTP/1.1, to be written by a client of the spec's own.
    pub fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        let named =
            |name: &str| self.headers.iter().any(|(header, _)| header.eq_ignore_ascii_case(name));
        if !named("host") {
            text += &format!("Host: {HOST}\r\n");
        }
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        if !self.body.is_empty() {
            text += &format!("Content-Length: {}\r\n", self.body.len());
        }
        let mut bytes = (text + "\r\n").into_bytes();
        bytes.extend(&self.body);
        bytes
    }

    /// Sends it over HTTP/1.1 on a connection of its own.
    pub async fn send(self) -> Answer {
        let mut raw = self.sidecar.raw().await;
        raw.write(self.bytes()).await;
        raw.answer_to(&self.method).await
    }

    /// Sends it over HTTP/2 on a connection of its own.
    pub async fn send_over_http2(self) -> Answer {
        http2::send(self).await
    }

    /// The status alone.
    pub async fn status(self) -> u16 {
        self.send().await.status
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub head: Head,
    pub body: Vec<u8>,
    pub trailers: String,
    pub end: End,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.field(name)
    }

    /// Head and body without what differs from one answer to the next by its nature.
    pub fn lasting(&self) -> (u16, Vec<(String, String)>, String) {
        let own = |name: &str| !["date", "x-request-id"].contains(&name);
        let fields =
            self.head.fields().map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
        (self.status, fields.filter(|(name, _)| own(name)).collect(), self.text())
    }
}
