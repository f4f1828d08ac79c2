//! Tokens of ours, signed: for a user who has logged in, or for a visitor whom a key names.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::Fault;
use super::desk::{Desk, LoggedIn};
use super::users::permission_map;
use crate::auth::{Account, OwnToken, Purpose, SigningKey, TokenId, TokenSubject};
use crate::clock::Timestamp;

impl Desk {
    /// A bearer token of a user.
    pub(super) fn access_token(&self, user: &LoggedIn) -> Result<(String, Duration), Fault> {
        let settings = self.settings();
        let lifetime = settings.access_lifetime;
        let token = self.token_of(user, lifetime, TokenId::random());
        Ok((
            self.sign(Purpose::Access, &token, self.shown(&user.account))?,
            lifetime,
        ))
    }

    /// What a token of a user says that decides anything.
    pub(super) fn token_of(&self, user: &LoggedIn, lifetime: Duration, id: TokenId) -> OwnToken {
        // Later than what has ended the tokens before it, or it would end with them.
        let millisecond = Duration::from_millis(1);
        let ended = self.directory().ok().and_then(|all| all.tokens_end());
        let ended = ended.max(Some(user.account.tokens_end));
        let after = ended.map_or(user.since, |ended| ended.after(millisecond));
        OwnToken {
            subject: TokenSubject::Account(user.account.id),
            id,
            issued: user.since.max(after),
            expires: Timestamp::now().after(lifetime),
        }
    }

    /// Signs a token with the newest key of its purpose.
    pub(super) fn sign(
        &self,
        purpose: Purpose,
        token: &OwnToken,
        shown: Map<String, Value>,
    ) -> Result<String, Fault> {
        let key = self.signing_key(purpose).ok_or(Fault::StoreGone)?;
        key.sign(token, shown).map_err(|error| {
            tracing::error!(%error, kid = %key.kid, "a token could not be signed");
            Fault::StoreGone
        })
    }

    /// The key that signs tokens of this purpose now.
    pub(super) fn signing_key(&self, purpose: Purpose) -> Option<Arc<SigningKey>> {
        let directory = self.directory().ok()?;
        let keys = directory.signing_keys().iter().rev();
        let mut signing = keys.filter(|key| key.purpose == purpose && key.retires.is_none());
        signing.next().cloned()
    }

    /// What a page or a client may read of its user in a token: nothing here decides anything.
    pub(super) fn shown(&self, account: &Account) -> Map<String, Value> {
        let permissions = permission_map(&account.permissions, &self.settings().vocabulary);
        let shown = json!({ "username": account.username.as_str(), "permissions": permissions });
        match shown {
            Value::Object(shown) => shown,
            _ => Map::new(),
        }
    }
}
