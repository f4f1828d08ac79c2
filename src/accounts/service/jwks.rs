//! `/.well-known/jwks.json`: the public keys that tokens of ours verify with (RFC 7517 §5).

use std::sync::Arc;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use axum::Json;
use axum::extract::State;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::answer::{Fault, Refused};
use super::desk::Desk;
use crate::auth::{Purpose, SigningAlgorithm, SigningKey};

pub(super) fn routes() -> OpenApiRouter<Arc<Desk>> {
    OpenApiRouter::new().routes(routes!(jwks))
}

/// A key set.
#[derive(Serialize, ToSchema)]
struct KeySet {
    keys: Vec<PublicKey>,
}

/// A public key (RFC 8037 §2).
#[derive(Serialize, ToSchema)]
struct PublicKey {
    kty: &'static str,
    crv: &'static str,
    x: String,
    kid: String,
    alg: &'static str,
    #[serde(rename = "use")]
    usage: &'static str,
}

/// The public keys of bearer tokens. Empty where they are signed with a secret.
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "auth", security(()),
    responses(
        (status = 200, body = KeySet),
        (status = 503, description = "No store; see Retry-After", body = Refused),
    ))]
async fn jwks(State(desk): State<Arc<Desk>>) -> Result<Json<KeySet>, Fault> {
    let directory = desk.directory()?;
    let keys = directory.signing_keys().iter();
    let keys = keys.filter(|key| matches!(key.purpose, Purpose::Access | Purpose::Visitor));
    Ok(Json(KeySet {
        keys: keys.filter_map(|key| public(key)).collect(),
    }))
}

fn public(key: &SigningKey) -> Option<PublicKey> {
    if key.algorithm != SigningAlgorithm::EdDsa {
        return None;
    }
    let pair = Ed25519KeyPair::from_pkcs8(key.secret.expose()).ok()?;
    Some(PublicKey {
        kty: "OKP",
        crv: "Ed25519",
        x: URL_SAFE_NO_PAD.encode(pair.public_key()),
        kid: key.kid.to_string(),
        alg: key.algorithm.as_str(),
        usage: "sig",
    })
}
