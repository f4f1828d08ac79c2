//! One request: find the route, check the key, answer.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, header, request::Parts};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::{
    State, authentication, chat, cors, events,
    reply::{self, Body},
    socket::Handshake,
    target, who,
};
use crate::clock::Timestamp;

/// Largest request body taken, in bytes.
const BODY: usize = 32 << 20;

/// What the paths lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    Status,
    Message,
    Who,
    Events,
    IngestUrl,
    Settings(&'static str),
    Users,
    Collections,
    History,
}

impl Route {
    /// The route of a decoded path. Some are written with a slash at the end, some without, and
    /// only the written form is the route.
    fn find(path: &str) -> Option<Self> {
        Some(match path {
            "/" => Self::Status,
            "/message" => Self::Message,
            "/who" => Self::Who,
            "/demo/events" => Self::Events,
            "/rabbithole/web" => Self::IngestUrl,
            "/llm/settings" => Self::Settings("LLMDefaultConfig"),
            "/embedder/settings" => Self::Settings("EmbedderDumbConfig"),
            "/users/" => Self::Users,
            "/memory/collections" => Self::Collections,
            "/memory/conversation_history" => Self::History,
            _ => return None,
        })
    }

    /// The path that would be a route, were its final slash there or not.
    fn redirect(path: &str) -> Option<String> {
        let other = path
            .strip_suffix('/')
            .map_or_else(|| format!("{path}/"), str::to_owned);
        Self::find(&other).map(|_| other)
    }

    const fn method(self) -> &'static str {
        match self {
            Self::Message | Self::IngestUrl => "POST",
            _ => "GET",
        }
    }

    /// Whether the backend's own keys guard it. `/who` is for looking, at denials too.
    fn is_guarded(self) -> bool {
        self != Self::Who
    }
}

/// One request from one peer.
pub(super) struct Visit<'s> {
    pub(super) state: &'s State,
    pub(super) peer: SocketAddr,
}

impl Visit<'_> {
    /// The answer, and the handshake to continue with when it is a `101`.
    pub(super) async fn answer(
        &self,
        mut request: Request<Incoming>,
    ) -> (Response<Body>, Option<Handshake>) {
        if Handshake::is_asked_for(request.headers()) {
            return Handshake::answer(&mut request, &self.state.settings.keys);
        }
        let (head, body) = request.into_parts();
        if let Some(response) = cors::preflight(&head) {
            return (response, None);
        }
        let mut response = self.route(&head, body).await;
        cors::decorate(&head.headers, response.headers_mut());
        (response, None)
    }

    async fn route(&self, head: &Parts, body: Incoming) -> Response<Body> {
        let path = target::decoded_path(head.uri.path());
        let Some(route) = Route::find(&path) else {
            return Route::redirect(&path).map_or_else(reply::not_found, |other| {
                reply::temporary_redirect(&self.absolute(head, &other))
            });
        };
        // A route belongs to one method; HEAD does not go with GET here.
        if head.method.as_str() != route.method() {
            return reply::method_not_allowed(route.method());
        }
        if route.is_guarded() && !self.state.settings.keys.admit_http(&head.headers) {
            return reply::invalid_credentials();
        }
        let user = authentication::http_user(&head.headers);
        match route {
            Route::Status => reply::ok(&json!({
                "status": "We're all mad here, dear!",
                "version": "1.9.2",
            })),
            Route::Message => self.message(&user, body).await,
            Route::Who => reply::json(who::describe(head)),
            Route::Events => events::answer(user, head.uri.query()),
            Route::IngestUrl => self.ingest(&user, body).await,
            Route::Settings(selected) => reply::ok(&settings(selected)),
            Route::Users => reply::ok(&users()),
            Route::Collections => reply::ok(&collections()),
            Route::History => reply::ok(&json!({"history": []})),
        }
    }

    /// `POST /message`: one question, one whole answer. No body is a greeting.
    async fn message(&self, user: &str, body: Incoming) -> Response<Body> {
        let message = match read_json(body).await {
            Ok(message) => message.unwrap_or_else(|| json!({"text": "hello!"})),
            Err(_) => return reply::invalid_body("JSON decode error"),
        };
        match chat::Exchange::read(user, &message) {
            Ok(exchange) => {
                reply::ok(&exchange.chat(self.state.settings.embedding, Timestamp::now()))
            }
            Err(chat::Misread::NotAnObject) => {
                reply::invalid_body("Input should be a valid dictionary")
            }
            Err(chat::Misread::NoText) => reply::internal_error(),
        }
    }

    /// `POST /rabbithole/web`: pretends to read an address, and tells the user's open sockets.
    async fn ingest(&self, user: &str, body: Incoming) -> Response<Body> {
        let url = match read_json(body).await {
            Ok(Some(Value::Object(mut fields))) => fields.remove("url"),
            _ => None,
        };
        let Some(Value::String(url)) = url else {
            return reply::invalid_body("url: Field required");
        };
        let notice = chat::notification(&format!("Finished reading {url}"));
        self.state.rooms.notify(user, &notice);
        reply::ok(&json!({"url": url, "info": "URL is being ingested asynchronously"}))
    }

    /// The same place under another path, with scheme and host as the request had them. The
    /// scheme that a proxy reports is believed from loopback only.
    fn absolute(&self, head: &Parts, path: &str) -> String {
        let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
        let forwarded = header("x-forwarded-proto").filter(|_| self.peer.ip().is_loopback());
        let scheme = forwarded.unwrap_or("http");
        let host = header(header::HOST.as_str()).unwrap_or_default();
        let query = head
            .uri
            .query()
            .map(|query| format!("?{query}"))
            .unwrap_or_default();
        format!("{scheme}://{host}{path}{query}")
    }
}

/// The body as JSON; `None` when there is none.
async fn read_json(body: Incoming) -> Result<Option<Value>, UnreadableBody> {
    let bytes: Bytes = Limited::new(body, BODY)
        .collect()
        .await
        .map_err(|_| UnreadableBody)?
        .to_bytes();
    if bytes.is_empty() {
        return Ok(None);
    }
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|_| UnreadableBody)
}

/// The body broke off, is too large, or is not JSON.
struct UnreadableBody;

/// A list of settings with one choice, in the shape that the Cat's clients expect.
fn settings(selected: &str) -> Value {
    json!({
        "settings": [{
            "name": selected,
            "value": {},
            "schema": {
                "title": selected,
                "type": "object",
                "properties": {},
                "languageModelName": selected,
            },
        }],
        "selected_configuration": selected,
    })
}

fn users() -> Value {
    json!([
        {"id": "2f0d5f1e-0c53-4f0c-9f0b-6b1b4d3c5a10", "username": "admin", "permissions": {}},
        {"id": "8f8a3c53-8e0e-4a86-a2a5-0d9c8b1a2f47", "username": "user", "permissions": {}},
    ])
}

fn collections() -> Value {
    let collection = |name| json!({"name": name, "vectors_count": 0});
    let all = ["episodic", "declarative", "procedural"].map(collection);
    json!({"collections": all})
}

/// Whether a header is there and says so, as one of its comma-separated words.
pub(super) fn header_says(headers: &HeaderMap, name: header::HeaderName, word: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|part| part.trim().eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_too_many_or_too_few_is_a_redirect() {
        assert_eq!(
            Route::redirect("/llm/settings/").as_deref(),
            Some("/llm/settings")
        );
        assert_eq!(Route::redirect("/users").as_deref(), Some("/users/"));
        assert_eq!(Route::redirect("/nothing"), None);
    }
}
