//! [`OwnToken`]: what the tokens say that we sign ourselves (RFC 7519, RFC 9068).
//!
//! They name a user by the id in the store, and nothing that they say of name or permissions is
//! believed: that is looked up. Each purpose has keys and a `typ` of its own (RFC 8725 §3.11).

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    error::Unspecified,
    hmac,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Map, Value, json};

use super::{
    AccountId, KeyDigest, Purpose, SigningAlgorithm, SigningKey, TokenId, UserId,
    verify::{Algorithm, Object, Rejection},
};
use crate::{clock::Timestamp, secret::Secret};

/// Who made the token and whom it is for: us.
const OURS: &str = "doorward";

/// What of a token of ours decides anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnToken {
    /// Whom it stands for.
    pub subject: TokenSubject,
    /// Its `jti`; of a display token, that of the session.
    pub id: TokenId,
    /// When it was made, in milliseconds.
    pub issued: Timestamp,
    /// When it ends, in whole seconds.
    pub expires: Timestamp,
}

/// Whom a token of ours stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenSubject {
    /// A user of the store.
    Account(AccountId),
    /// A visitor whom an acting key has named.
    Visitor {
        /// The id that it named.
        user: UserId,
        /// The key; without it the token is nothing.
        key: KeyDigest,
    },
}

/// A token could not be signed: the key isn't one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signing key cannot be used")]
pub struct SigningError;

impl From<Unspecified> for SigningError {
    fn from(_: Unspecified) -> Self {
        Self
    }
}

impl Purpose {
    /// The `typ` of its tokens (RFC 7515 §4.1.9); an access token's is RFC 9068's.
    pub(super) const fn token_type(self) -> &'static str {
        match self {
            Self::Access => "at+jwt",
            Self::Session => "doorward-session+jwt",
            Self::Display => "doorward-display+jwt",
            Self::Visitor => "doorward-visitor+jwt",
        }
    }
}

impl SigningKey {
    /// A compact token (RFC 7515 §3.1). What is `shown` besides is for those who read it.
    ///
    /// # Errors
    /// When the key's secret isn't one for its algorithm.
    pub fn sign(
        &self,
        token: &OwnToken,
        shown: Map<String, Value>,
    ) -> Result<String, SigningError> {
        let (algorithm, key) = match self.algorithm {
            SigningAlgorithm::EdDsa => (
                Algorithm::EdDSA,
                EncodingKey::from_ed_der(self.secret.expose()),
            ),
            SigningAlgorithm::Hs256 => (
                Algorithm::HS256,
                EncodingKey::from_secret(self.secret.expose()),
            ),
        };
        let mut header = Header::new(algorithm);
        header.kid = Some(self.kid.to_string());
        header.typ = Some(self.purpose.token_type().to_owned());
        let mut claims = shown;
        let mut claim = |name: &str, value: Value| drop(claims.insert(name.to_owned(), value));
        claim("iss", OURS.into());
        claim("aud", OURS.into());
        claim("jti", token.id.to_string().into());
        claim("iat", seconds(token.issued));
        claim("exp", token.expires.as_secs().into());
        match &token.subject {
            TokenSubject::Account(id) => claim("sub", id.to_string().into()),
            TokenSubject::Visitor { user, key } => {
                claim("sub", user.as_str().into());
                claim("azp", Seal::of(&self.secret)?.close(key)?.into());
            }
        }
        encode(&header, &claims, &key).map_err(|_| SigningError)
    }
}

impl OwnToken {
    /// Reads the claims of a token whose signature was verified.
    pub(super) fn read(
        claims: &Object,
        purpose: Purpose,
        secret: &Secret,
    ) -> Result<Self, Rejection> {
        if claims.text("iss")? != Some(OURS) {
            return Err(Rejection::Issuer);
        }
        if claims.text("aud")? != Some(OURS) {
            return Err(Rejection::Audience);
        }
        let text = |name| claims.text(name)?.ok_or(Rejection::MissingClaim);
        let time = |name| claims.time(name)?.ok_or(Rejection::MissingClaim);
        let subject = text("sub")?;
        let subject = match purpose {
            Purpose::Access | Purpose::Session | Purpose::Display => {
                TokenSubject::Account(AccountId::parse(subject).ok_or(Rejection::User)?)
            }
            Purpose::Visitor => {
                let seal = Seal::of(secret).map_err(|_| Rejection::MalformedToken)?;
                TokenSubject::Visitor {
                    user: UserId::parse(subject).map_err(|_| Rejection::User)?,
                    key: seal.open(text("azp")?).ok_or(Rejection::MalformedToken)?,
                }
            }
        };
        let id = text("jti")?
            .parse()
            .map_err(|_| Rejection::MalformedToken)?;
        Ok(Self {
            subject,
            id: TokenId(id),
            issued: time("iat")?,
            expires: time("exp")?,
        })
    }
}

/// A `NumericDate` with the milliseconds as its fraction (RFC 7519 §2).
fn seconds(time: Timestamp) -> Value {
    #[expect(
        clippy::cast_precision_loss,
        reason = "exact until long after the year 9999"
    )]
    let seconds = time.as_millis() as f64 / 1000.0;
    json!(seconds)
}

/// Keeps the digest of a visitor's key from the visitor: a weak key could be guessed from it.
struct Seal(RandomizedNonceKey);

impl Seal {
    fn of(secret: &Secret) -> Result<Self, Unspecified> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose());
        let key = hmac::sign(&key, b"the key that named a visitor");
        RandomizedNonceKey::new(&AES_256_GCM, key.as_ref()).map(Self)
    }

    fn close(&self, digest: &KeyDigest) -> Result<String, Unspecified> {
        let mut sealed = digest.as_bytes().to_vec();
        let nonce = self.0.seal_in_place_append_tag(Aad::empty(), &mut sealed)?;
        Ok(URL_SAFE_NO_PAD.encode([&nonce.as_ref()[..], &sealed].concat()))
    }

    fn open(&self, text: &str) -> Option<KeyDigest> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = sealed.to_vec();
        let digest = self
            .0
            .open_in_place(nonce, Aad::empty(), &mut sealed)
            .ok()?;
        Some(KeyDigest::from_bytes(*digest.first_chunk()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Kid;

    pub(crate) fn key(purpose: Purpose) -> SigningKey {
        SigningKey {
            kid: Kid::random(),
            purpose,
            algorithm: SigningAlgorithm::Hs256,
            secret: Secret::new([7; 32]),
            created: Timestamp::from_secs(0),
            retires: None,
        }
    }

    fn claims_of(token: &str) -> Object {
        let payload = token.split('.').nth(1).unwrap();
        Object::parse(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
    }

    fn of(subject: TokenSubject) -> OwnToken {
        OwnToken {
            subject,
            id: TokenId::random(),
            issued: Timestamp::from_millis(1_763_927_000_123),
            expires: Timestamp::from_secs(1_763_928_000),
        }
    }

    #[test]
    fn what_is_signed_is_read_to_the_millisecond() {
        let token = of(TokenSubject::Account(AccountId::random()));
        let key = key(Purpose::Access);
        let text = key.sign(&token, Map::new()).unwrap();
        let read = OwnToken::read(&claims_of(&text), Purpose::Access, &key.secret);
        assert_eq!(read, Ok(token));
    }

    #[test]
    fn a_visitors_token_names_its_key_to_us_alone() {
        let digest = KeyDigest::of(b"a key");
        let user = UserId::parse("visitor-1").unwrap();
        let token = of(TokenSubject::Visitor { user, key: digest });
        let key = key(Purpose::Visitor);
        let text = key.sign(&token, Map::new()).unwrap();
        let claims = claims_of(&text);
        assert_eq!(
            OwnToken::read(&claims, Purpose::Visitor, &key.secret),
            Ok(token.clone())
        );
        assert!(!text.contains(&URL_SAFE_NO_PAD.encode(digest.as_bytes())));
        let other = Secret::new([8; 32]);
        let read = OwnToken::read(&claims, Purpose::Visitor, &other);
        assert_eq!(read, Err(Rejection::MalformedToken));
        assert_ne!(
            key.sign(&token, Map::new()).unwrap(),
            text,
            "sealed twice, alike"
        );
    }

    #[test]
    fn what_is_shown_cannot_say_what_decides() {
        let token = of(TokenSubject::Account(AccountId::random()));
        let key = key(Purpose::Session);
        let shown = json!({"sub": "somebody else", "exp": 9, "username": "alice"});
        let text = key
            .sign(&token, shown.as_object().cloned().unwrap())
            .unwrap();
        let claims = claims_of(&text);
        assert_eq!(
            OwnToken::read(&claims, Purpose::Session, &key.secret),
            Ok(token)
        );
        assert_eq!(claims.text("username"), Ok(Some("alice")));
    }
}
