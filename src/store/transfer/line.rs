//! [`Line`]: one thing of a store as it is written, and how it is read by the parsers of its parts.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::Map;

use crate::auth::{
    Account, AccountId, KeyDigest, KeyName, KeyOwner, Kid, OwnToken, PasswordHash, Permission,
    Permissions, Purpose, Revocation, SigningAlgorithm, SigningKey, Status, StoredKey, TokenId,
    TokenSubject, Transports, UserGlob, UserId,
};
use crate::clock::Timestamp;
use crate::secret::Secret;
use crate::store::Change;

/// How far ahead another machine's clock may have been.
const CLOCKS_DIFFER: Duration = Duration::from_hours(24);

/// A line. Times are milliseconds since 1970, in UTC.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Line {
    /// The first one.
    DoorwardStore {
        format: u32,
    },
    User {
        id: String,
        username: String,
        hash: String,
        permissions: Vec<String>,
        status: String,
        tokens_end: i64,
        created: i64,
    },
    Key {
        name: String,
        sha256: String,
        beginning: String,
        owner: Owner,
        permissions: Vec<String>,
        transports: String,
        created: i64,
        expires: Option<i64>,
    },
    Revocation {
        token: String,
        until: i64,
    },
    /// Everybody's tokens that were issued until then count no more.
    TokensEnd {
        issued_until: i64,
    },
    SigningKey {
        kid: String,
        purpose: String,
        algorithm: String,
        /// Base64 (RFC 4648 §4).
        secret: String,
        created: i64,
        retires: Option<i64>,
    },
    /// The last one: what was cut off has none.
    End {},
}

/// Whom a key speaks for.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Owner {
    Account(String),
    Bound(String),
    Acting(Vec<String>),
}

impl Line {
    /// The form of these lines.
    pub(super) const FORMAT: u32 = 1;

    /// What has to be done to have it; none for the first and the last line. What has happened did
    /// so until now.
    pub(super) fn change(self, now: Timestamp) -> Result<Option<Change>, String> {
        Ok(Some(match self {
            Self::DoorwardStore { .. } | Self::End {} => return Ok(None),
            Self::User {
                id,
                username,
                hash,
                permissions,
                status,
                tokens_end,
                created,
            } => Change::CreateAccount(Account {
                id: read("id", AccountId::parse(&id))?,
                username: said(UserId::parse(&username))?,
                password: PasswordHash::new(hash),
                permissions: grants(&permissions)?,
                status: read("status", Status::parse(&status))?,
                tokens_end: past("tokens_end", tokens_end, now)?,
                created: past("created", created, now)?,
            }),
            Self::Key {
                name,
                sha256,
                beginning,
                owner,
                permissions,
                transports,
                created,
                expires,
            } => Change::CreateKey(StoredKey {
                name: said(KeyName::parse(&name))?,
                digest: read("sha256", KeyDigest::parse(&sha256))?,
                beginning: read("beginning", visible(beginning))?,
                owner: owner.read()?,
                permissions: grants(&permissions)?,
                transports: read("transports", Transports::parse(&transports))?,
                created: past("created", created, now)?,
                expires: expires.map(Timestamp::from_millis),
            }),
            Self::Revocation { token, until } => Change::RevokeToken(Revocation {
                token: TokenId(read("token", token.parse().ok())?),
                until: Timestamp::from_millis(until),
            }),
            Self::TokensEnd { issued_until } => Change::RevokeAllTokens {
                issued_until: past("issued_until", issued_until, now)?,
            },
            Self::SigningKey {
                kid,
                purpose,
                algorithm,
                secret,
                created,
                retires,
            } => Change::AddSigningKey {
                key: usable(SigningKey {
                    kid: read("kid", kid_of_ours(&kid))?,
                    purpose: said(Purpose::parse(&purpose))?,
                    algorithm: read("algorithm", SigningAlgorithm::parse(&algorithm))?,
                    secret: Secret::new(read("secret", STANDARD.decode(secret).ok())?),
                    created: past("created", created, now)?,
                    retires: retires.map(Timestamp::from_millis),
                })?,
                // Each says itself when it does.
                others_retire: Timestamp::from_millis(i64::MAX),
            },
        }))
    }
}

impl From<&Account> for Line {
    fn from(account: &Account) -> Self {
        Self::User {
            id: account.id.to_string(),
            username: account.username.to_string(),
            hash: account.password.expose().to_owned(),
            permissions: words(account.permissions.iter()),
            status: account.status.as_str().to_owned(),
            tokens_end: account.tokens_end.as_millis(),
            created: account.created.as_millis(),
        }
    }
}

impl From<&StoredKey> for Line {
    fn from(key: &StoredKey) -> Self {
        Self::Key {
            name: key.name.to_string(),
            sha256: key.digest.to_string(),
            beginning: key.beginning.to_string(),
            owner: match &key.owner {
                KeyOwner::Account(id) => Owner::Account(id.to_string()),
                KeyOwner::Bound(user) => Owner::Bound(user.to_string()),
                KeyOwner::Acting(globs) => Owner::Acting(words(globs.iter())),
            },
            permissions: words(key.permissions.iter()),
            transports: key.transports.as_str().to_owned(),
            created: key.created.as_millis(),
            expires: key.expires.map(Timestamp::as_millis),
        }
    }
}

impl From<Revocation> for Line {
    fn from(Revocation { token, until }: Revocation) -> Self {
        Self::Revocation {
            token: token.to_string(),
            until: until.as_millis(),
        }
    }
}

impl From<&SigningKey> for Line {
    fn from(key: &SigningKey) -> Self {
        Self::SigningKey {
            kid: key.kid.to_string(),
            purpose: key.purpose.as_str().to_owned(),
            algorithm: key.algorithm.as_str().to_owned(),
            secret: STANDARD.encode(key.secret.expose()),
            created: key.created.as_millis(),
            retires: key.retires.map(Timestamp::as_millis),
        }
    }
}

impl Owner {
    fn read(self) -> Result<KeyOwner, String> {
        Ok(match self {
            Self::Account(id) => KeyOwner::Account(read("owner", AccountId::parse(&id))?),
            Self::Bound(user) => KeyOwner::Bound(said(UserId::parse(&user))?),
            Self::Acting(globs) if globs.is_empty() => {
                return Err("the key acts for nobody: its `owner` names none".to_owned());
            }
            Self::Acting(globs) => {
                let globs = globs.iter().map(|glob| said(UserGlob::parse(glob)));
                KeyOwner::Acting(globs.collect::<Result<_, _>>()?)
            }
        })
    }
}

/// The value, or which field holds none. What stands there instead may be a secret.
fn read<T>(field: &str, value: Option<T>) -> Result<T, String> {
    value.ok_or_else(|| format!("`{field}` is not what it should be"))
}

/// A time at which something was. By one that is far ahead of all clocks no token would ever count.
fn past(field: &str, millis: i64, now: Timestamp) -> Result<Timestamp, String> {
    let time = Timestamp::from_millis(millis);
    if millis < 0 {
        Err(format!("`{field}` is before 1970"))
    } else if time > now.after(CLOCKS_DIFFER) {
        Err(format!("`{field}` is in the future"))
    } else {
        Ok(time)
    }
}

fn said<T, E: std::error::Error>(value: Result<T, E>) -> Result<T, String> {
    value.map_err(|error| error.to_string())
}

pub(super) fn grants(words: &[String]) -> Result<Permissions, String> {
    let grants = words.iter().map(|word| said(Permission::parse(word)));
    grants.collect()
}

fn words(all: impl Iterator<Item = impl ToString>) -> Vec<String> {
    all.map(|one| one.to_string()).collect()
}

/// What may be shown on a terminal, and is no whole key.
fn visible(beginning: String) -> Option<Box<str>> {
    let is_short = beginning.len() <= 16;
    let is_visible = beginning.bytes().all(|byte| byte.is_ascii_graphic());
    (is_short && is_visible).then(|| beginning.into())
}

/// A token with another is nobody's of ours.
fn kid_of_ours(kid: &str) -> Option<Kid> {
    let is_visible = kid.bytes().all(|byte| byte.is_ascii_graphic());
    (kid.starts_with(Kid::PREFIX) && kid.len() <= 64 && is_visible).then(|| Kid::new(kid))
}

/// A key that can't sign would be a key that no token counts by, and stand before one that can.
fn usable(key: SigningKey) -> Result<SigningKey, String> {
    let token = OwnToken {
        subject: TokenSubject::Account(AccountId::new(uuid::Uuid::nil())),
        id: TokenId(uuid::Uuid::nil()),
        issued: Timestamp::from_secs(0),
        expires: Timestamp::from_secs(0),
    };
    said(key.sign(&token, Map::new()))?;
    Ok(key)
}
