//! Tokens, good and hostile, signed here and not by the code under test.

use aws_lc_rs::{
    encoding::AsDer,
    hmac,
    rand::SystemRandom,
    rsa,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
        RSA_PKCS1_SHA256,
    },
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};

/// The secret of the issuer that [`super::Setup::issuer`] writes.
pub const SECRET: &str = "spec-secret-spec-secret-spec-secret-0123456789";

/// The claims of a token.
pub struct Claims(pub Value);

impl Claims {
    /// Of this user, for an hour.
    pub fn of(user: &str) -> Self {
        Self(json!({"sub": user, "exp": in_seconds(3600)}))
    }

    pub fn with(mut self, claim: &str, value: impl Into<Value>) -> Self {
        self.0[claim] = value.into();
        self
    }

    /// With what the Cat's own tokens permit.
    pub fn chatting(self) -> Self {
        self.with("permissions", json!({"CONVERSATION": ["WRITE"]}))
    }

    pub fn without(mut self, claim: &str) -> Self {
        self.0.as_object_mut().unwrap().remove(claim);
        self
    }

    /// Signed with the usual secret.
    pub fn sign(&self) -> String {
        Signer::hs256(SECRET).sign(&json!({"alg": "HS256", "typ": "JWT"}), &self.0)
    }

    /// Signed with the usual secret under another header.
    pub fn under(&self, header: &Value) -> String {
        Signer::hs256(SECRET).sign(header, &self.0)
    }
}

/// A moment from now, in seconds since 1970.
pub fn in_seconds(seconds: i64) -> i64 {
    jiff::Timestamp::now().as_second() + seconds
}

/// What signs.
pub enum Signer {
    Hs256(Box<hmac::Key>),
    Hs512(Box<hmac::Key>),
    Rs256(rsa::KeyPair),
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

impl Signer {
    pub fn hs256(secret: impl AsRef<[u8]>) -> Self {
        Self::Hs256(Box::new(hmac::Key::new(hmac::HMAC_SHA256, secret.as_ref())))
    }

    pub fn hs512(secret: impl AsRef<[u8]>) -> Self {
        Self::Hs512(Box::new(hmac::Key::new(hmac::HMAC_SHA512, secret.as_ref())))
    }

    pub fn rs256() -> Self {
        Self::Rs256(rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap())
    }

    pub fn es256() -> Self {
        Self::Es256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    pub fn eddsa() -> Self {
        Self::EdDsa(Ed25519KeyPair::generate().unwrap())
    }

    /// The name of its algorithm (RFC 7518 §3.1).
    pub fn algorithm(&self) -> &'static str {
        match self {
            Self::Hs256(_) => "HS256",
            Self::Hs512(_) => "HS512",
            Self::Rs256(_) => "RS256",
            Self::Es256(_) => "ES256",
            Self::EdDsa(_) => "EdDSA",
        }
    }

    /// Its public key, in PEM.
    pub fn public_key(&self) -> String {
        let der = match self {
            Self::Hs256(_) | Self::Hs512(_) => panic!("a secret has no public key"),
            Self::Rs256(key) => key.public_key().as_der().unwrap().as_ref().to_vec(),
            Self::Es256(key) => key.public_key().as_der().unwrap().as_ref().to_vec(),
            Self::EdDsa(key) => key.public_key().as_der().unwrap().as_ref().to_vec(),
        };
        let lines = STANDARD.encode(der);
        format!("-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----\n")
    }

    /// A token of this user, for an hour.
    pub fn token(&self, user: &str) -> String {
        self.sign(&json!({"alg": self.algorithm()}), &Claims::of(user).0)
    }

    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        self.sign_message(&message)
    }

    /// Signs a header and claims that are encoded already.
    pub fn sign_message(&self, message: &str) -> String {
        let random = SystemRandom::new();
        let bytes = message.as_bytes();
        let signature = match self {
            Self::Hs256(key) | Self::Hs512(key) => hmac::sign(key, bytes).as_ref().to_vec(),
            Self::Rs256(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, bytes, &mut signature).unwrap();
                signature
            }
            Self::Es256(key) => key.sign(&random, bytes).unwrap().as_ref().to_vec(),
            Self::EdDsa(key) => key.sign(bytes).as_ref().to_vec(),
        };
        format!("{message}.{}", encode(signature))
    }
}

/// Base64url without padding (RFC 7515 §2).
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A token with an empty signature.
pub fn unsigned(header: &Value, claims: &Claims) -> String {
    format!("{}.{}.", encode(header.to_string()), encode(claims.0.to_string()))
}
