//! [`KeySet`]: the keys that may have signed a token, parsed from a secret, a PEM or a JWK Set.

use std::fmt;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    AlgorithmFamily, DecodingKey,
    jwk::{Jwk, KeyOperations, PublicKeyUse},
};
use serde::Deserialize;

use super::{KeyDigest, claims::Object};
use crate::{
    auth::{SigningAlgorithm, SigningKey},
    secret::Secret,
};

pub use jsonwebtoken::Algorithm;

/// Verification keys, by `kid` where they have one (RFC 7517 §5).
#[derive(Debug, Clone, Default)]
pub struct KeySet {
    keys: Vec<VerifyingKey>,
    ignored: Vec<String>,
}

/// One key, which fixes the family of algorithms that it can verify.
#[derive(Clone)]
pub(super) struct VerifyingKey {
    kid: Option<Box<str>>,
    algorithm: Option<Algorithm>,
    key: DecodingKey,
    fingerprint: KeyFingerprint,
}

/// Which key it was, without being the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyFingerprint(KeyDigest);

/// The bytes hold no usable key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// An empty secret.
    #[error("the secret is empty")]
    EmptySecret,
    /// Not a PEM public key of a kind we verify.
    #[error("not a PEM public key (RSA, EC P-256 or P-384, or Ed25519)")]
    NotAPublicKey,
    /// Not a JWK Set.
    #[error("not a JWK Set: {0}")]
    NotAKeySet(String),
    /// A JWK Set, but with no key that can verify a token.
    #[error("no key in the set can verify a token")]
    NoUsableKey,
}

impl KeySet {
    /// An HMAC secret.
    ///
    /// # Errors
    /// When it is empty.
    pub fn from_secret(secret: &Secret) -> Result<Self, KeySetError> {
        if secret.is_empty() {
            return Err(KeySetError::EmptySecret);
        }
        Ok(Self::of(
            DecodingKey::from_secret(secret.expose()),
            secret.expose(),
        ))
    }

    /// A public key in PEM: RSA, EC (P-256, P-384) or Ed25519.
    ///
    /// # Errors
    /// When it is none of these.
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeySetError> {
        let key = DecodingKey::from_rsa_pem(pem)
            .or_else(|_| DecodingKey::from_ec_pem(pem))
            .or_else(|_| DecodingKey::from_ed_pem(pem))
            .map_err(|_| KeySetError::NotAPublicKey)?;
        let text = String::from_utf8_lossy(pem);
        if text.contains("PRIVATE KEY") {
            return Err(KeySetError::NotAPublicKey);
        }
        Ok(Self::of(key, pem))
    }

    /// A JWK Set (RFC 7517 §5). Keys that aren't for signatures, repeat a `kid`, or are of unknown
    /// kinds are left out and named by [`Self::ignored`].
    ///
    /// # Errors
    /// When it isn't a JWK Set or no key of it is usable.
    pub fn from_jwks(json: &[u8]) -> Result<Self, KeySetError> {
        #[derive(Deserialize)]
        struct Written {
            keys: Vec<serde_json::Value>,
        }
        Object::parse(json).map_err(|error| KeySetError::NotAKeySet(error.to_string()))?;
        let written: Written = serde_json::from_slice(json)
            .map_err(|error| KeySetError::NotAKeySet(error.to_string()))?;
        let mut set = Self::default();
        for (index, jwk) in written.keys.iter().enumerate() {
            match VerifyingKey::from_jwk(jwk) {
                Ok(key) if key.kid.is_some() && set.keys.iter().any(|k| k.kid == key.kid) => {
                    set.ignored.push(format!("keys[{index}]: its kid is taken"));
                }
                Ok(key) => set.keys.push(key),
                Err(why) => set.ignored.push(format!("keys[{index}]: {why}")),
            }
        }
        if set.keys.is_empty() {
            Err(KeySetError::NoUsableKey)
        } else {
            Ok(set)
        }
    }

    /// What was left out, and why: `keys[2]: its kid is taken`.
    #[must_use]
    pub fn ignored(&self) -> &[String] {
        &self.ignored
    }

    /// Whether any key belongs to the algorithm's family.
    #[must_use]
    pub fn serves(&self, algorithm: Algorithm) -> bool {
        self.keys.iter().any(|key| key.serves(algorithm))
    }

    /// The keys that may have made a signature by this algorithm, given the token's `kid`.
    ///
    /// A key without a `kid` of its own serves any; a token without one is tried on every key.
    pub(super) fn candidates<'s>(
        &'s self,
        algorithm: Algorithm,
        kid: Option<&'s str>,
    ) -> impl Iterator<Item = &'s VerifyingKey> {
        self.keys.iter().filter(move |key| {
            key.serves(algorithm)
                && match (&key.kid, kid) {
                    (Some(own), Some(wanted)) => **own == *wanted,
                    _ => true,
                }
        })
    }

    pub(super) fn holds(&self, fingerprint: KeyFingerprint) -> bool {
        self.keys.iter().any(|key| key.fingerprint == fingerprint)
    }

    fn of(key: DecodingKey, material: &[u8]) -> Self {
        let fingerprint = KeyFingerprint(KeyDigest::of(material));
        let key = VerifyingKey {
            kid: None,
            algorithm: None,
            key,
            fingerprint,
        };
        Self {
            keys: vec![key],
            ignored: Vec::new(),
        }
    }
}

impl VerifyingKey {
    fn from_jwk(json: &serde_json::Value) -> Result<Self, &'static str> {
        let jwk = Jwk::deserialize(json).map_err(|_| "not a JWK of a known kind")?;
        let common = &jwk.common;
        if common
            .public_key_use
            .as_ref()
            .is_some_and(|usage| *usage != PublicKeyUse::Signature)
        {
            return Err("not for signatures");
        }
        let operations = common.key_operations.as_ref();
        if operations.is_some_and(|ops| !ops.contains(&KeyOperations::Verify)) {
            return Err("not for verifying");
        }
        let algorithm = match json.get("alg").map(|alg| alg.as_str().map(str::parse)) {
            None => None,
            Some(Some(Ok(algorithm))) => Some(algorithm),
            Some(_) => return Err("for an algorithm we don't verify"),
        };
        let key = DecodingKey::from_jwk(&jwk).map_err(|_| "its parameters don't make a key")?;
        let fingerprint = KeyFingerprint(KeyDigest::of(json.to_string().as_bytes()));
        let kid = common.key_id.as_deref().map(Into::into);
        let key = Self {
            kid,
            algorithm,
            key,
            fingerprint,
        };
        match algorithm {
            Some(algorithm) if !key.serves(algorithm) => Err("its alg doesn't fit its kind"),
            _ => Ok(key),
        }
    }

    /// The counterpart of a key that we sign with; none when that isn't one for its algorithm.
    pub(super) fn of_ours(signing: &SigningKey) -> Option<Self> {
        let secret = signing.secret.expose();
        let (algorithm, key) = match signing.algorithm {
            SigningAlgorithm::EdDsa => {
                let pair = Ed25519KeyPair::from_pkcs8(secret).ok()?;
                let public = URL_SAFE_NO_PAD.encode(pair.public_key());
                (
                    Algorithm::EdDSA,
                    DecodingKey::from_ed_components(&public).ok()?,
                )
            }
            SigningAlgorithm::Hs256 => (Algorithm::HS256, DecodingKey::from_secret(secret)),
        };
        Some(Self {
            kid: Some(signing.kid.as_str().into()),
            algorithm: Some(algorithm),
            key,
            fingerprint: KeyFingerprint(KeyDigest::of(secret)),
        })
    }

    /// The key decides the algorithm, not the token: an HMAC token never meets a public key.
    fn serves(&self, algorithm: Algorithm) -> bool {
        self.algorithm.is_none_or(|only| only == algorithm)
            && self.key.family() == family(algorithm)
    }

    pub(super) fn fingerprint(&self) -> KeyFingerprint {
        self.fingerprint
    }

    /// Whether this key made the base64url `signature` over `message`.
    pub(super) fn verify(&self, algorithm: Algorithm, message: &str, signature: &str) -> bool {
        let verified =
            jsonwebtoken::crypto::verify(signature, message.as_bytes(), &self.key, algorithm);
        verified.unwrap_or_default()
    }
}

fn family(algorithm: Algorithm) -> AlgorithmFamily {
    match algorithm {
        Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => AlgorithmFamily::Hmac,
        Algorithm::ES256 | Algorithm::ES384 => AlgorithmFamily::Ec,
        Algorithm::EdDSA => AlgorithmFamily::Ed,
        _ => AlgorithmFamily::Rsa,
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({:?}, {:?})", self.kid, self.fingerprint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY";

    /// A set of one symmetric key with these members besides, and one that is fine in any case.
    fn set(members: &str) -> KeySet {
        let json = format!(
            r#"{{"keys":[{{"kty":"oct","k":"{BYTES}"{members}}},{{"kty":"oct","k":"{BYTES}","kid":"fine"}}]}}"#
        );
        KeySet::from_jwks(json.as_bytes()).unwrap()
    }

    #[test]
    fn a_key_is_for_what_it_says() {
        for fine in ["", r#","use":"sig""#, r#","key_ops":["sign","verify"]"#] {
            assert_eq!(set(fine).ignored(), [""; 0], "{fine}");
        }
        for (members, why) in [
            (r#","use":"enc""#, "not for signatures"),
            (r#","key_ops":["sign"]"#, "not for verifying"),
            (r#","alg":"RSA-OAEP""#, "for an algorithm we don't verify"),
            (r#","alg":"RS256""#, "its alg doesn't fit its kind"),
        ] {
            assert_eq!(set(members).ignored(), [format!("keys[0]: {why}")]);
        }
    }

    #[test]
    fn a_key_serves_its_family_or_its_one_algorithm() {
        let any = set("");
        assert!(any.serves(Algorithm::HS256) && any.serves(Algorithm::HS512));
        assert!(!any.serves(Algorithm::RS256) && !any.serves(Algorithm::ES256));
        assert_eq!(any.candidates(Algorithm::RS256, None).count(), 0);
        let one = set(r#","alg":"HS256""#);
        assert_eq!(one.candidates(Algorithm::HS256, None).count(), 2);
        assert_eq!(one.candidates(Algorithm::HS384, None).count(), 1);
    }
}
