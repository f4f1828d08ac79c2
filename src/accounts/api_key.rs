//! [`ApiKey`]: a key that was just made, and is shown once.

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand;
use zeroize::Zeroizing;

use crate::auth::{KeyDigest, StoredKey};
use crate::secret::Secret;

/// A new key: `dw_`, 32 random base62 digits (190 bits), and six more that are their CRC-32, by
/// which a scanner or a typist sees at once whether it can be one.
pub struct ApiKey(Zeroizing<String>);

/// The system gives no randomness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no randomness for a key")]
pub struct NoRandomness;

impl From<Unspecified> for NoRandomness {
    fn from(_: Unspecified) -> Self {
        Self
    }
}

impl ApiKey {
    /// How much of a key its holder knows it again by: `dw_` and five digits.
    const SHOWN: usize = 8;

    /// A fresh one.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn generate() -> Result<Self, NoRandomness> {
        let mut key = Zeroizing::new(StoredKey::PREFIX.to_owned());
        for _ in 0..32 {
            key.push(random_digit()?);
        }
        let checksum = crc32fast::hash(key.as_bytes());
        let places = (0..6).rev();
        key.extend(places.map(|place| digit(checksum / 62_u32.pow(place) % 62)));
        Ok(Self(key))
    }

    /// The key; each caller is a place to review.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The same, for those who keep it with other secrets.
    #[must_use]
    pub fn to_secret(&self) -> Secret {
        Secret::new(self.expose())
    }

    /// What is stored of it.
    #[must_use]
    pub fn digest(&self) -> KeyDigest {
        KeyDigest::of(self.0.as_bytes())
    }

    /// Its first characters, by which its holder knows it again.
    #[must_use]
    pub fn beginning(&self) -> &str {
        self.0.get(..Self::SHOWN).unwrap_or_default()
    }

    /// What it is called when nobody has said it: by the first digits of its digest.
    #[must_use]
    pub fn usual_name(&self) -> String {
        let digest = self.digest().to_string();
        format!("key-{}", digest.get(..8).unwrap_or_default())
    }
}

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

/// A base62 digit without bias: 248 is the largest multiple of 62 in a byte.
fn random_digit() -> Result<char, NoRandomness> {
    loop {
        let mut byte = [0];
        rand::fill(&mut byte)?;
        let [value] = byte;
        if value < 248 {
            return Ok(digit(u32::from(value) % 62));
        }
    }
}

fn digit(value: u32) -> char {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    DIGITS.get(value as usize).copied().unwrap_or(b'0').into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_ends_with_the_checksum_of_the_rest() {
        let key = ApiKey::generate().unwrap();
        let (body, checksum) = key.expose().split_at(35);
        assert_eq!(checksum.len(), 6);
        assert!(body.starts_with("dw_") && body[3..].bytes().all(|b| b.is_ascii_alphanumeric()));
        let value = checksum.chars().fold(0_u64, |value, character| {
            let mut places = 0..62;
            value * 62 + u64::from(places.find(|&place| digit(place) == character).unwrap())
        });
        assert_eq!(value, u64::from(crc32fast::hash(body.as_bytes())));
    }

    #[test]
    fn no_two_keys_are_alike() {
        let [one, other] = [(); 2].map(|()| ApiKey::generate().unwrap());
        assert_ne!(one.expose(), other.expose());
        assert_ne!(one.usual_name(), other.usual_name());
    }
}
