//! Key sets: what is taken from one can verify, and nothing else is taken.

use crate::auth::{Algorithm, KeySet};

/// The bytes are a JWK Set, and a PEM file.
pub fn key_set(bytes: &[u8]) {
    let secret_kinds = [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
    if let Ok(set) = KeySet::from_pem(bytes) {
        let text = String::from_utf8_lossy(bytes);
        assert!(text.contains("-----BEGIN") && !text.contains("PRIVATE KEY"));
        assert!(secret_kinds.iter().all(|kind| !set.serves(*kind)));
    }
    if let Ok(set) = KeySet::from_jwks(bytes) {
        let read: serde_json::Value = serde_json::from_slice(bytes).unwrap();
        let written = read.get("keys").and_then(|keys| keys.as_array()).unwrap();
        let is_secret = |key: &serde_json::Value| key.get("kty").is_some_and(|kty| kty == "oct");
        // Nothing that others may read is ever taken for a secret.
        let serves_secret = secret_kinds.iter().any(|kind| set.serves(*kind));
        assert!(!serves_secret || written.iter().any(is_secret));
        assert!(set.ignored().len() < written.len());
    }
}
