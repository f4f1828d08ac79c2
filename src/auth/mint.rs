//! [`Mint`]: tokens that tell the backend who is calling, signed with the backend's own secret.

use std::time::Duration;

use http::HeaderValue;
pub use jsonwebtoken::Algorithm as SignatureAlgorithm;
use jsonwebtoken::{EncodingKey, Header, encode};
use quick_cache::unsync::Cache;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Identity, Permission, UserId};
use crate::{clock::Timestamp, secret::Secret};

/// The namespace of the ids that users have towards a backend which wants UUIDs (RFC 9562 §5.5).
/// Our own: in a well-known one a user could be given the id of a backend's built-in account.
const NAMESPACE: Uuid = Uuid::from_u128(0x8c1e_5f0a_34d7_4b52_9e86_d1f2_6b7a_c903);

/// Signs a token for each user with the backend's own secret.
pub struct Mint {
    key: EncodingKey,
    header: Header,
    settings: MintSettings,
}

/// What a minted token says, and for how long.
#[derive(Debug, Clone)]
pub struct MintSettings {
    /// `HS256`, `HS384` or `HS512`.
    pub algorithm: SignatureAlgorithm,
    /// How long a token is good for, if its user's credential does not end before.
    pub lifetime: Duration,
    /// Its claims beside `exp`.
    pub claims: Vec<(Box<str>, MintedClaim)>,
    /// The backend's words for what a user may do, and the permission that stands for each.
    pub roles: Vec<(Box<str>, Permission)>,
    /// Of the snapshot: what an earlier one minted is not used again.
    pub generation: u64,
}

/// What a claim of a minted token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MintedClaim {
    /// The user id.
    User,
    /// A UUID made of the user id.
    Uuid,
    /// An array of the roles that the user's permissions stand for.
    Roles,
    /// The same text for everybody.
    Text(Box<str>),
}

impl MintedClaim {
    /// Whether it tells one user from another.
    #[must_use]
    pub fn names_the_user(&self) -> bool {
        matches!(self, Self::User | Self::Uuid)
    }
}

/// Tokens of one worker that are good for some time yet.
pub(super) struct Minted {
    generation: u64,
    tokens: Cache<(Option<UserId>, u64), MintedToken>,
}

#[derive(Clone)]
struct MintedToken {
    authorization: HeaderValue,
    expires: Timestamp,
}

impl Minted {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            generation: 0,
            tokens: Cache::new(capacity),
        }
    }
}

impl Mint {
    /// Mints with this secret, whose bytes are the key as they are.
    #[must_use]
    pub fn new(secret: &Secret, settings: MintSettings) -> Self {
        Self {
            key: EncodingKey::from_secret(secret.expose()),
            header: Header::new(settings.algorithm),
            settings,
        }
    }

    /// Whether its tokens tell one user from another.
    #[must_use]
    pub fn names_users(&self) -> bool {
        let mut claims = self.settings.claims.iter();
        claims.any(|(_, claim)| claim.names_the_user())
    }

    /// `Bearer` and a token for this caller; nothing where a token has to name somebody and there
    /// is nobody to name.
    pub(super) fn authorization(
        &self,
        identity: Option<&Identity>,
        minted: &mut Minted,
        now: Timestamp,
    ) -> Option<HeaderValue> {
        let settings = &self.settings;
        let names_users = self.names_users();
        if names_users && identity.is_none() {
            return None;
        }
        if minted.generation != settings.generation {
            minted.tokens.clear();
            minted.generation = settings.generation;
        }
        let longest = now.after(settings.lifetime);
        let ends = identity.and_then(Identity::expires);
        let expires = ends.map_or(longest, |ends| ends.min(longest));
        let user = identity.filter(|_| names_users).map(Identity::user);
        let key = (user.cloned(), self.roles_of(identity));
        // In its second half a token may end while the backend works on what it was shown with.
        let renewed_at = now.after(settings.lifetime / 2);
        if let Some(token) = minted.tokens.get(&key)
            && token.expires >= renewed_at
            && ends.is_none_or(|ends| token.expires <= ends)
        {
            return Some(token.authorization.clone());
        }
        let authorization = self.sign(user, key.1, expires)?;
        let token = MintedToken {
            authorization: authorization.clone(),
            expires,
        };
        minted.tokens.insert(key, token);
        Some(authorization)
    }

    /// `Bearer` and a token, where no token names anybody.
    #[must_use]
    pub fn authorization_for_nobody(&self, now: Timestamp) -> Option<HeaderValue> {
        self.sign(None, 0, now.after(self.settings.lifetime))
    }

    /// The roles whose permission the caller holds, one bit each.
    fn roles_of(&self, identity: Option<&Identity>) -> u64 {
        let held = |permission| identity.is_some_and(|it| it.permissions().allow(permission));
        let roles = self.settings.roles.iter().enumerate();
        roles
            .filter(|(_, (_, permission))| held(permission))
            .fold(0, |bits, (index, _)| bits | 1 << index)
    }

    fn sign(&self, user: Option<&UserId>, roles: u64, expires: Timestamp) -> Option<HeaderValue> {
        let mut claims = Map::new();
        for (name, claim) in &self.settings.claims {
            let value = match claim {
                MintedClaim::User => user?.as_str().into(),
                MintedClaim::Uuid => Uuid::new_v5(&NAMESPACE, user?.as_str().as_bytes())
                    .to_string()
                    .into(),
                MintedClaim::Roles => self.words(roles),
                MintedClaim::Text(text) => (**text).into(),
            };
            claims.insert(name.to_string(), value);
        }
        claims.insert("exp".to_owned(), expires.as_secs().into());
        let token = encode(&self.header, &claims, &self.key).ok()?;
        let mut value = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    fn words(&self, roles: u64) -> Value {
        let named = self.settings.roles.iter().enumerate();
        named
            .filter(|(index, _)| roles & 1 << index != 0)
            .map(|(_, (word, _))| Value::from(&**word))
            .collect()
    }
}

impl std::fmt::Debug for Mint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mint({:?})", self.settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Permissions;

    const NOON: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn permission(text: &str) -> Permission {
        Permission::parse(text).unwrap()
    }

    fn mint(generation: u64, claims: &[(&str, MintedClaim)]) -> Mint {
        let claims = claims.iter().map(|(name, it)| ((*name).into(), it.clone()));
        let settings = MintSettings {
            algorithm: SignatureAlgorithm::HS256,
            lifetime: Duration::from_mins(5),
            claims: claims.collect(),
            roles: vec![
                ("admin".into(), permission("*:*")),
                ("writer".into(), permission("CHAT:WRITE")),
                ("reader".into(), permission("CHAT:READ")),
            ],
            generation,
        };
        Mint::new(&Secret::new("a secret of the backend's own"), settings)
    }

    fn cat(generation: u64) -> Mint {
        let claims = [
            ("sub", MintedClaim::Uuid),
            ("username", MintedClaim::User),
            ("roles", MintedClaim::Roles),
        ];
        mint(generation, &claims)
    }

    fn identity(user: &str, permissions: &str, expires: Option<Timestamp>) -> Identity {
        let permissions: Permissions = std::iter::once(permission(permissions)).collect();
        Identity::unverified(UserId::parse(user).unwrap(), permissions, expires)
    }

    fn claims(value: &HeaderValue) -> Map<String, Value> {
        let token = value.to_str().unwrap().strip_prefix("Bearer ").unwrap();
        let mut validation = jsonwebtoken::Validation::new(SignatureAlgorithm::HS256);
        validation.validate_exp = false;
        validation.required_spec_claims.clear();
        let key = jsonwebtoken::DecodingKey::from_secret(b"a secret of the backend's own");
        jsonwebtoken::decode(token, &key, &validation)
            .unwrap()
            .claims
    }

    #[test]
    fn a_token_names_its_user_and_what_it_may_do() {
        let (cat, mut minted) = (cat(1), Minted::new(8));
        let mut said = |who: &Identity| {
            let value = cat.authorization(Some(who), &mut minted, NOON).unwrap();
            assert!(value.is_sensitive());
            claims(&value)
        };
        let alice = said(&identity("alice", "CONVERSATION:WRITE", None));
        assert_eq!(alice["username"], "alice");
        assert_eq!(alice["roles"], Value::Array(Vec::new()));
        assert_eq!(alice["exp"], 1_800_000_300);
        let root = said(&identity("root", "*:*", None));
        assert_eq!(
            root["roles"],
            Value::from(vec!["admin", "writer", "reader"])
        );
        let reader = said(&identity("bob", "CHAT:READ", None));
        assert_eq!(reader["roles"], Value::from(vec!["reader"]));
        assert_ne!(root["sub"], alice["sub"]);
        // A change of rights is not hidden by what is remembered.
        let promoted = said(&identity("alice", "*:*", None));
        assert_eq!(promoted["roles"], root["roles"]);
        assert_eq!(promoted["sub"], alice["sub"]);
    }

    #[test]
    fn no_user_has_the_id_that_a_backend_gives_its_own_administrator() {
        let (cat, mut minted) = (cat(1), Minted::new(8));
        let admin = identity("admin", "*:*", None);
        let value = cat.authorization(Some(&admin), &mut minted, NOON).unwrap();
        let theirs = Uuid::new_v5(&Uuid::NAMESPACE_DNS, b"admin");
        assert_ne!(claims(&value)["sub"], theirs.to_string());
    }

    #[test]
    fn a_token_ends_with_the_credential_it_stands_for() {
        let (cat, mut minted) = (cat(1), Minted::new(8));
        let mut exp = |ends: Option<u64>| {
            let ends = ends.map(|ends| NOON.after(Duration::from_millis(ends)));
            let alice = identity("alice", "A:B", ends);
            let value = cat.authorization(Some(&alice), &mut minted, NOON).unwrap();
            claims(&value)["exp"].as_i64().unwrap() - NOON.as_secs()
        };
        assert_eq!(exp(None), 300);
        assert_eq!(exp(Some(10_900)), 10);
        assert_eq!(exp(Some(200_000)), 200);
        assert_eq!(
            exp(Some(3_600_000)),
            200,
            "what is good for long enough is used again"
        );
        assert_eq!(exp(Some(150_000)), 150);
    }

    #[test]
    fn a_token_is_minted_once_in_the_first_half_of_its_life_and_a_generation() {
        let mut minted = Minted::new(8);
        let alice = identity("alice", "A:B", None);
        let mut at = |cat: &Mint, seconds| {
            let now = NOON.after(Duration::from_secs(seconds));
            cat.authorization(Some(&alice), &mut minted, now).unwrap()
        };
        let first = at(&cat(1), 0);
        assert_eq!(at(&cat(1), 150), first);
        let second = at(&cat(1), 151);
        assert_ne!(second, first);
        assert_ne!(at(&cat(2), 152), second);
    }

    #[test]
    fn nobody_gets_a_token_that_has_to_name_somebody() {
        let mut minted = Minted::new(8);
        assert!(cat(1).authorization(None, &mut minted, NOON).is_none());
        let nameless = mint(1, &[("typ", MintedClaim::Text("x".into()))]);
        let value = nameless.authorization(None, &mut minted, NOON).unwrap();
        assert_eq!(claims(&value)["typ"], "x");
        let alone = nameless.authorization_for_nobody(NOON);
        assert_eq!(alone.as_ref(), Some(&value));
        assert!(cat(1).authorization_for_nobody(NOON).is_none());
        let alice = identity("alice", "A:B", None);
        let same = nameless.authorization(Some(&alice), &mut minted, NOON);
        assert_eq!(same.unwrap(), value);
    }
}
