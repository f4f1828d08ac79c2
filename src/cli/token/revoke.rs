//! `doorward token revoke`: tokens that doorward has signed count no more.

use std::time::Duration;

use anyhow::{Context as _, bail};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::{
    auth::{Directory, Kid, Revocation, TokenId},
    cli::{
        Exit, configuration::ConfigArgument, credential::Source, output, store::OpenStore,
        user::find,
    },
    clock::Timestamp,
    config::Accounts,
    store::Change,
};

/// Ends tokens that doorward has signed: one, a user's, or all. Whatever was opened with them is
/// closed within a second.
///
/// A token of an `[[issuer]]` is revoked in the configuration, by `revoked`.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("which").required(true), after_help = "Examples:
  doorward token revoke --file leaked.jwt
  pbpaste | doorward token revoke --file -
  doorward token revoke --id 5b2f7a1e-8c11-4c6e-9d34-7f3c9a520c0e
  doorward token revoke --user alice
  doorward token revoke --all")]
pub(super) struct Revoke {
    #[command(flatten)]
    config: ConfigArgument,
    /// The token in this file; `-` reads standard input. It is not shown
    #[arg(long, value_name = "FILE", group = "which")]
    file: Option<Source>,
    /// The token of this id: its `jti`
    #[arg(long, value_name = "JTI", group = "which")]
    id: Option<Uuid>,
    /// Every token that this user, by name or id, was given until now
    #[arg(long, value_name = "NAME", group = "which")]
    user: Option<String>,
    /// Every token of everybody until now
    #[arg(long, group = "which")]
    all: bool,
}

impl Revoke {
    pub(super) fn run(self, now: Timestamp) -> anyhow::Result<Exit> {
        let config = self.config.read_sound()?.config;
        let store = OpenStore::existing(&config)?;
        let accounts = config.accounts.as_ref();
        let longest = accounts.map_or(Duration::ZERO, Accounts::longest_lifetime);
        let (change, said) = self.change(&store.directory()?, longest, now)?;
        store.apply(change, now)?;
        output::line(&said)?;
        Ok(Exit::Done)
    }

    /// What is to be done, and how it is said; tokens last so long at most.
    fn change(
        self,
        directory: &Directory,
        longest: Duration,
        now: Timestamp,
    ) -> anyhow::Result<(Change, String)> {
        if let Some(name) = &self.user {
            let user = find(directory, name)?;
            let change = Change::RevokeTokensOf {
                id: user.id,
                issued_until: now,
            };
            return Ok((
                change,
                format!("the tokens of {} are revoked", user.username),
            ));
        }
        let revocation = match (self.file, self.id) {
            (Some(file), _) => revocation(&file, longest, now)?,
            (None, Some(id)) => Revocation::of(TokenId(id), longest, now),
            (None, None) => {
                let change = Change::RevokeAllTokens { issued_until: now };
                return Ok((change, "all tokens are revoked".to_owned()));
            }
        };
        let said = format!("the token {} is revoked", revocation.token);
        Ok((Change::RevokeToken(revocation), said))
    }
}

/// By which key a token says that it was signed (RFC 7515 §4.1.4).
#[derive(Deserialize)]
struct Header {
    kid: Option<String>,
}

/// What a token of ours says of itself; nobody has checked it.
#[derive(Deserialize)]
struct Claims {
    jti: String,
    exp: i64,
}

fn revocation(file: &Source, longest: Duration, now: Timestamp) -> anyhow::Result<Revocation> {
    let token = file.read()?;
    // No error repeats any of it.
    let (header, claims) = parts(token.expose())
        .with_context(|| format!("{file} holds no token that doorward has signed"))?;
    let kid = header.kid.unwrap_or_default();
    if !kid.starts_with(Kid::PREFIX) {
        bail!(
            "the token is an issuer's: `revoked` of its [[issuer]] takes the sha256 that \
             `token inspect` prints"
        );
    }
    let claims: Claims = part(claims).context("the token has no `jti` and `exp`")?;
    let token = TokenId(claims.jti.parse().context("its `jti` is no UUID")?);
    // One that was tampered with must not shorten the revocation of the true one.
    let end = Timestamp::from_secs(claims.exp);
    Ok(Revocation::of(token, longest, now).at_least_until(end))
}

/// The header of a compact token (RFC 7515 §3.1), and its claims as they are written.
fn parts(token: &[u8]) -> Option<(Header, &str)> {
    let mut parts = str::from_utf8(token).ok()?.trim().split('.');
    let (header, claims, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    let header = part(header)?;
    parts.next().is_none().then_some((header, claims))
}

fn part<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_token_says_of_its_end_never_shortens_its_revocation() {
        let now = Timestamp::from_secs(1_000_000);
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("token");
        let until = |exp: i64| {
            let header = URL_SAFE_NO_PAD.encode(r#"{"kid":"dw-1"}"#);
            let id = TokenId::random();
            let claims = URL_SAFE_NO_PAD.encode(format!(r#"{{"jti":"{id}","exp":{exp}}}"#));
            std::fs::write(&file, format!("{header}.{claims}.x\n")).unwrap();
            let longest = Duration::from_hours(400 * 24);
            let revocation = revocation(&Source::File(file.clone()), longest, now).unwrap();
            assert_eq!(revocation.token, id);
            (revocation.until, now.after(longest))
        };
        let (kept, longest) = until(0);
        assert_eq!(kept, longest);
        let late = longest.as_secs() * 2;
        assert_eq!(until(late).0, Timestamp::from_secs(late));
    }
}
