//! `doorward secret`: a fresh signing secret, and a token signed with it.

use anyhow::Context;
use aws_lc_rs::rand;
use base64::{Engine, engine::general_purpose::URL_SAFE};
use serde::Serialize;
use serde_json::Map;

use super::{
    Exit,
    output::{self, Format},
    sign::sign,
};
use crate::{config::Algorithm, secret::Secret};

/// Makes a signing secret, and a token signed with it.
///
/// The secret is 64 random bytes in URL-safe base64; the token is HS256 and carries no claims, so
/// it never expires and ends only with its secret. This is what Zep expects of
/// `ZEP_AUTH_SECRET` and of its clients' API key.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  doorward secret
  doorward secret --format json | jq -r .secret > secrets/jwt")]
pub(super) struct Secrets {
    /// How to print them
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Serialize)]
struct Pair {
    secret: String,
    token: String,
}

impl Secrets {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let mut random = [0; 64];
        rand::fill(&mut random)?;
        let secret = URL_SAFE.encode(random);
        let key = Secret::new(secret.as_str());
        let token = sign(Algorithm::HS256, &Map::new(), &key).context("HS256 signs")?;
        let pair = Pair { secret, token };
        output::print(self.format, &pair, || {
            format!(
                "# The secret. It signs tokens: give it to the sidecar (secret_file of an [[issuer]], or\n\
                 # ZEP_AUTH_SECRET), never to a client.\n{}\n\n\
                 # A token. Give it to clients as their API key.\n{}",
                pair.secret, pair.token
            )
        })?;
        Ok(Exit::Done)
    }
}
