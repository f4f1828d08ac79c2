//! [`Fields`]: the fields of a body, in JSON or as a form.

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, FailedToBufferBody};
use axum::extract::{FromRequest, Request};
use http::{HeaderMap, header};
use serde::de::DeserializeOwned;

use super::answer::{Fault, Problem};

/// A body as JSON.
#[derive(Debug)]
pub struct Fields<T>(pub T);

/// A body as JSON, or as a form (`application/x-www-form-urlencoded`).
pub(super) struct Submitted<T>(pub(super) T);

/// A body as a form.
pub(super) struct Form<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Fields<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, state: &S) -> Result<Self, Fault> {
        let kind = Kind::of(request.headers());
        let body = whole(request, state).await?;
        match kind {
            Some(Kind::Json) => json(&body).map(Self),
            Some(Kind::Form) | None => Err(Fault::MediaType),
        }
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Submitted<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, state: &S) -> Result<Self, Fault> {
        let kind = Kind::of(request.headers());
        let body = whole(request, state).await?;
        match kind {
            Some(Kind::Json) => json(&body).map(Self),
            Some(Kind::Form) => form(&body).map(Self),
            None => Err(Fault::MediaType),
        }
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Form<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, state: &S) -> Result<Self, Fault> {
        let kind = Kind::of(request.headers());
        let body = whole(request, state).await?;
        match kind {
            Some(Kind::Form) => form(&body).map(Self),
            Some(Kind::Json) | None => Err(Fault::MediaType),
        }
    }
}

/// What a body is (RFC 9110 §8.3).
#[derive(Clone, Copy)]
enum Kind {
    Json,
    Form,
}

impl Kind {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
        let essence = kind.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case("application/json") {
            Some(Self::Json)
        } else if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            Some(Self::Form)
        } else {
            None
        }
    }
}

async fn whole<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Fault> {
    let whole = Bytes::from_request(request, state).await;
    whole.map_err(|rejection| match rejection {
        BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => {
            Fault::TooLarge
        }
        _ => problem("body_invalid", &[], "The body cannot be read"),
    })
}

fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Fault> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let fields = serde_path_to_error::deserialize(&mut reader);
    let fields = fields.map_err(|error| {
        // The library's own words, and names of fields that there are not, repeat what was submitted.
        let is_unknown = error.inner().to_string().starts_with("unknown field");
        let path = error.path().iter().take(1).map(ToString::to_string);
        let path: Vec<_> = path.filter(|_| !is_unknown).collect();
        match error.inner().classify() {
            serde_json::error::Category::Data => problem(
                "value_error",
                &path,
                "The field is missing, unknown, or not valid",
            ),
            _ => problem("json_invalid", &[], "The body is not JSON"),
        }
    })?;
    let ended = reader.end();
    ended.map_err(|_| problem("json_invalid", &[], "The body is not JSON"))?;
    Ok(fields)
}

fn form<T: DeserializeOwned>(body: &[u8]) -> Result<T, Fault> {
    // Escapes may stand for bytes that are no text: those would be replaced, and nobody told.
    let is_text = form_urlencoded::parse(body)
        .all(|(name, value)| !name.contains('\u{fffd}') && !value.contains('\u{fffd}'));
    let fields = is_text.then(|| serde_urlencoded::from_bytes(body).ok());
    fields.flatten().ok_or_else(|| {
        problem(
            "value_error",
            &[],
            "A field is missing, unknown, or not valid",
        )
    })
}

fn problem(kind: &'static str, path: &[String], msg: &str) -> Fault {
    let body = std::iter::once("body".to_owned());
    let loc = body.chain(path.iter().cloned()).collect();
    Fault::Invalid(vec![Problem::at(kind, loc, msg)])
}
