//! `doorward secret`: a fresh signing secret, and a token signed with it.

use aws_lc_rs::{hmac, rand};
use base64::{
    Engine,
    engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD},
};
use serde::Serialize;

use super::{
    Exit,
    output::{self, Format},
};

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
        let pair = Pair {
            token: token_without_claims(&secret),
            secret,
        };
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

/// A compact JWS (RFC 7515 §3.1) over an empty claim set. The secret's text is the key as it is,
/// not what it would decode to.
fn token_without_claims(secret: &str) -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode("{}"));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signature = hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_the_one_that_zeps_own_tool_prints_for_the_secret() {
        assert_eq!(
            token_without_claims("do-not-use-this-secret-in-production"),
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.12zfcf0Bz8NTzH4bU58lst3WN8qQpKjqsm7D83exRvw"
        );
    }
}
