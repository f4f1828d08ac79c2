//! `doorward key`: API keys, one action a file.

mod create;
mod list;
mod revoke;
mod rotate;

use aws_lc_rs::rand;
use clap::Subcommand;

use super::Exit;
use crate::{auth::StoredKey, clock::Timestamp, secret::Secret};

/// Makes API keys, and keeps those of a store.
#[derive(Debug, clap::Args)]
pub(super) struct Keys {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Create(create::Create),
    List(list::List),
    Rotate(rotate::Rotate),
    Revoke(revoke::Revoke),
}

impl Keys {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let now = Timestamp::now();
        match self.action {
            Action::Create(create) => create.run(now),
            Action::List(list) => list.run(),
            Action::Rotate(rotate) => rotate.run(now),
            Action::Revoke(revoke) => revoke.run(now),
        }
    }
}

/// How much of a key its holder knows it again by: `dw_` and five digits.
const SHOWN: usize = 8;

/// The beginning of a key that was generated.
fn beginning(key: &str) -> &str {
    key.get(..SHOWN).unwrap_or_default()
}

/// A new key: `dw_`, 32 random base62 digits (190 bits), and six more that are their CRC-32, by
/// which a scanner or a typist sees at once whether it can be one.
pub(in crate::cli) fn generate() -> anyhow::Result<Secret> {
    let mut key = StoredKey::PREFIX.as_bytes().to_vec();
    for _ in 0..32 {
        key.push(random_digit()?);
    }
    let checksum = crc32fast::hash(&key);
    key.extend(
        (0..6)
            .rev()
            .map(|place| digit(checksum / 62_u32.pow(place) % 62)),
    );
    Ok(Secret::new(key))
}

/// A base62 digit without bias: 248 is the largest multiple of 62 in a byte.
fn random_digit() -> anyhow::Result<u8> {
    loop {
        let mut byte = [0];
        rand::fill(&mut byte)?;
        let [value] = byte;
        if value < 248 {
            return Ok(digit(u32::from(value) % 62));
        }
    }
}

fn digit(value: u32) -> u8 {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    DIGITS.get(value as usize).copied().unwrap_or(b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_ends_with_the_checksum_of_the_rest() {
        let key = generate().unwrap();
        let (body, checksum) = key.expose().split_at(35);
        assert_eq!(checksum.len(), 6);
        assert!(body.starts_with(b"dw_") && body[3..].iter().all(u8::is_ascii_alphanumeric));
        let value = checksum.iter().fold(0_u64, |value, byte| {
            value * 62
                + (0..62)
                    .find(|&place| digit(place) == *byte)
                    .map(u64::from)
                    .unwrap()
        });
        assert_eq!(value, u64::from(crc32fast::hash(body)));
    }

    #[test]
    fn no_two_keys_are_alike() {
        assert_ne!(generate().unwrap(), generate().unwrap());
    }
}
