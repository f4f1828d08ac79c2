//! `doorward key`: API keys.

use aws_lc_rs::rand;
use clap::Subcommand;
use serde::Serialize;

use super::{
    Exit,
    output::{self, Format},
};
use crate::{
    auth::{
        InvalidGlob, InvalidPermission, InvalidUserId, KeyDigest, Permission, UserGlob, UserId,
    },
    clock::Timestamp,
    config::Period,
    secret::Secret,
};

/// Makes API keys.
#[derive(Debug, clap::Args)]
pub(super) struct Keys {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Create(Create),
}

impl Keys {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        match self.action {
            Action::Create(create) => create.run(Timestamp::now()),
        }
    }
}

/// Makes a key, and prints it once together with the block that declares it.
///
/// The block holds only the key's digest: the key itself cannot be recovered from it.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("for").required(true), after_help = "Examples:
  doorward key create --user alice
  doorward key create --acts-as 'visitor-*' --permission CONVERSATION:WRITE --expires 90d
  doorward key create --user ci --format json | jq -r .key > secrets/ci-key")]
struct Create {
    /// Bind the key to this user: whoever presents it is that user
    #[arg(long, value_name = "USER", group = "for", value_parser = user)]
    user: Option<String>,
    /// Let the key act for others: the ids its holder may name; `*` only at the end, or alone
    #[arg(long, value_name = "GLOB", num_args = 1.., group = "for", value_parser = glob)]
    acts_as: Vec<String>,
    /// A permission, RESOURCE:ACTION, may be repeated; without any, the profile's base set
    #[arg(long = "permission", value_name = "R:A", value_parser = permission)]
    permissions: Vec<String>,
    /// How long it is good for: 90d, 12h; without it, for ever
    #[arg(long, value_name = "DURATION")]
    expires: Option<Period>,
    /// Its name in logs; without it, the first digits of its digest
    #[arg(long)]
    id: Option<String>,
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What is printed with `--format json`.
#[derive(Serialize)]
struct Created<'a> {
    key: &'a str,
    id: &'a str,
    sha256: &'a str,
    block: &'a str,
}

/// A `[[key]]`, in the order of its settings in the documentation.
#[derive(Serialize)]
struct Block<'a> {
    id: &'a str,
    sha256: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    acts_as: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    permissions: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<toml::value::Datetime>,
}

#[derive(Serialize)]
struct Document<'a> {
    key: [Block<'a>; 1],
}

impl Create {
    fn run(self, now: Timestamp) -> anyhow::Result<Exit> {
        let key = generate()?;
        let sha256 = KeyDigest::of(key.expose()).to_string();
        let id = self
            .id
            .clone()
            .unwrap_or_else(|| format!("key-{}", sha256.split_at(8).0));
        let block = self.block(&id, &sha256, now)?;
        let key = std::str::from_utf8(key.expose())?;
        let created = Created {
            key,
            id: &id,
            sha256: &sha256,
            block: &block,
        };
        output::print(self.format, &created, || {
            format!(
                "# The key. It is shown this once: hand it to its user.\n{key}\n\n\
                 # Its block for the configuration file.\n{block}"
            )
        })?;
        Ok(Exit::Done)
    }

    fn block(&self, id: &str, sha256: &str, now: Timestamp) -> anyhow::Result<String> {
        let expires = self
            .expires
            .map(|period| moment(now.after(period.0)))
            .transpose()?;
        let block = Block {
            id,
            sha256,
            user: self.user.as_deref(),
            acts_as: &self.acts_as,
            permissions: &self.permissions,
            expires,
        };
        Ok(toml::to_string(&Document { key: [block] })?)
    }
}

fn user(text: &str) -> Result<String, InvalidUserId> {
    UserId::parse(text).map(|_| text.to_owned())
}

fn glob(text: &str) -> Result<String, InvalidGlob> {
    UserGlob::parse(text).map(|_| text.to_owned())
}

fn permission(text: &str) -> Result<String, InvalidPermission> {
    Permission::parse(text).map(|_| text.to_owned())
}

/// A new key: `dw_`, 32 random base62 digits (190 bits), and six more that are their CRC-32, by
/// which a scanner or a typist sees at once whether it can be one.
pub(super) fn generate() -> anyhow::Result<Secret> {
    let mut key = b"dw_".to_vec();
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

/// A TOML date and time, in UTC and whole seconds.
fn moment(time: Timestamp) -> anyhow::Result<toml::value::Datetime> {
    let time = jiff::Timestamp::from_second(time.as_millis() / 1000)?;
    Ok(time.to_string().parse()?)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::config::Config;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        create: Create,
    }

    fn create(arguments: &[&str]) -> Result<Create, clap::Error> {
        Cli::try_parse_from([&["create"], arguments].concat()).map(|cli| cli.create)
    }

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

    #[test]
    fn the_block_is_one_that_the_configuration_reads() {
        let arguments = [
            "--acts-as",
            "visitor-*",
            "--permission",
            "CONVERSATION:WRITE",
        ];
        let create = create(&[&arguments[..], &["--expires", "1d"]].concat()).unwrap();
        let digest = KeyDigest::of(b"k").to_string();
        let block = create
            .block("we\"b", &digest, Timestamp::from_secs(0))
            .unwrap();
        let config: Config = toml::from_str(&block).unwrap();
        let key = &config.key[0];
        assert_eq!(key.id, "we\"b");
        assert_eq!(key.sha256.unwrap().0.to_string(), digest);
        assert_eq!(key.acts_as, ["visitor-*"]);
        assert_eq!(
            key.permissions.as_deref(),
            Some(&["CONVERSATION:WRITE".to_owned()][..])
        );
        assert_eq!(key.expires.unwrap().0, Timestamp::from_secs(86_400));
    }

    #[test]
    fn a_key_is_bound_or_acting_and_never_both() {
        assert!(create(&["--user", "alice"]).is_ok());
        assert!(create(&[]).is_err());
        assert!(create(&["--user", "alice", "--acts-as", "*"]).is_err());
    }
}
