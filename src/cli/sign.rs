//! Signing compact tokens (RFC 7515 §3.1) with a shared secret.

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use crate::{config::Algorithm, secret::Secret};

/// A token over these claims. The secret's bytes are the key as they are, not what they would
/// decode to. `None` when the algorithm signs with something else than a shared secret.
pub(super) fn sign(
    algorithm: Algorithm,
    claims: &Map<String, Value>,
    secret: &Secret,
) -> Option<String> {
    let (name, hmac) = match algorithm {
        Algorithm::HS256 => ("HS256", hmac::HMAC_SHA256),
        Algorithm::HS384 => ("HS384", hmac::HMAC_SHA384),
        Algorithm::HS512 => ("HS512", hmac::HMAC_SHA512),
        _ => return None,
    };
    let header = format!(r#"{{"alg":"{name}","typ":"JWT"}}"#);
    let claims = Value::Object(claims.clone()).to_string();
    let message = [header, claims]
        .map(|part| URL_SAFE_NO_PAD.encode(part))
        .join(".");
    let signature = hmac::sign(&hmac::Key::new(hmac, secret.expose()), message.as_bytes());
    Some(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_token_is_the_one_that_zeps_own_tool_prints_for_the_secret() {
        let secret = Secret::new("do-not-use-this-secret-in-production");
        assert_eq!(
            sign(Algorithm::HS256, &Map::new(), &secret).unwrap(),
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.12zfcf0Bz8NTzH4bU58lst3WN8qQpKjqsm7D83exRvw"
        );
    }

    #[test]
    fn every_shared_secret_algorithm_verifies() {
        use jsonwebtoken::{Algorithm as Named, DecodingKey, Validation, decode};
        let secret =
            Secret::new("a secret of this length is long enough for HS512, by far; 64 bytes");
        let claims = Map::from_iter([("sub".to_owned(), "alice".into())]);
        let pairs = [
            (Algorithm::HS256, Named::HS256),
            (Algorithm::HS384, Named::HS384),
            (Algorithm::HS512, Named::HS512),
        ];
        for (ours, theirs) in pairs {
            let token = sign(ours, &claims, &secret).unwrap();
            let mut validation = Validation::new(theirs);
            validation.required_spec_claims.clear();
            let key = DecodingKey::from_secret(secret.expose());
            let decoded = decode::<Map<String, Value>>(token, &key, &validation).unwrap();
            assert_eq!(decoded.claims, claims);
        }
        assert_eq!(sign(Algorithm::ES256, &claims, &secret), None);
    }
}
