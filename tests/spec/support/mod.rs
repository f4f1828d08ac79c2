//! The words the specs are written in: a [`Backend`] that shows every byte it received, a
//! [`Sidecar`] that runs the real binary in front of it, and clients that send what no decent
//! client would.

mod accounts;
mod admin;
mod backend;
mod browser;
mod certificates;

mod chat;
mod exchange;
mod http2;
mod http2_frames;
mod process;
mod raw;
mod request;
mod script;
mod setup;
mod sidecar;
mod table;
mod tokens;
mod wire;

use std::time::Duration;

pub use accounts::PASSWORD;
pub use backend::{Backend, Seen};
pub use certificates::Authority;
pub use chat::{Chat, Frames, Handshake};
pub use process::{doorward, run};
pub use raw::Raw;
pub use request::{Answer, Request};
pub use script::{Feed, Script};
pub use setup::{CAT_HTTP_KEY, CAT_WS_KEY, HOST, Setup, digest, key_of};
pub use sidecar::Sidecar;
pub use table::differs_on_purpose;
pub use tokens::{Claims, SECRET, Signer, encode, in_seconds, unsigned};
pub use wire::End;

/// No step of a spec takes longer, or it will never happen.
const PATIENCE: Duration = Duration::from_secs(15);

/// The result of a step that must come to its end.
pub async fn soon<T>(what: &str, step: impl Future<Output = T>) -> T {
    within(PATIENCE, what, step).await
}

/// The result of a step that must end within a given time.
pub async fn within<T>(limit: Duration, what: &str, step: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(limit, step).await;
    done.unwrap_or_else(|_| panic!("not within {limit:?}: {what}"))
}

/// Asks again and again, until the answer is yes.
pub async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    soon(what, async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}
