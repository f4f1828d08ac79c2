//! `doorward key create`: a key, shown once; into the store, or as a block that declares it.

use std::{sync::Arc, time::Duration};

use serde::Serialize;

use super::check_shuts_nobody_out;
use crate::{
    accounts::ApiKey,
    auth::{
        Directory, InvalidGlob, InvalidPermission, InvalidUserId, KeyName, KeyOwner, Permission,
        Permissions, StoredKey, Transports, UserGlob, UserId,
    },
    cli::{
        Exit,
        configuration::ConfigArgument,
        output::{self, Format},
        store::OpenStore,
    },
    clock::Timestamp,
    config::Period,
    store::Change,
};

/// Makes a key, and prints it once: into the store, where the configuration has one, or else
/// together with the block that declares it.
///
/// The store and the block hold only the key's digest: the key itself cannot be recovered from it.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("for").required(true), after_help = "Examples:
  doorward key create --user alice
  doorward key create --acts-as 'visitor-*' --permission CONVERSATION:WRITE --expires 90d
  doorward key create --user ci --format json | jq -r .key > secrets/ci-key")]
pub(super) struct Create {
    #[command(flatten)]
    config: ConfigArgument,
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
    #[arg(long, value_name = "DURATION", value_parser = lifetime)]
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
    /// None of a key that is in the store.
    #[serde(skip_serializing_if = "Option::is_none")]
    block: Option<&'a str>,
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
    pub(super) fn run(self, now: Timestamp) -> anyhow::Result<Exit> {
        let key = ApiKey::generate()?;
        let sha256 = key.digest().to_string();
        let id = self.id.clone().unwrap_or_else(|| key.usual_name());
        let block = if self.is_stored()? {
            self.store(&key, &id, now)?;
            None
        } else {
            Some(self.block(&id, &sha256, now)?)
        };
        let created = Created {
            key: key.expose(),
            id: &id,
            sha256: &sha256,
            block: block.as_deref(),
        };
        output::print(self.format, &created, || {
            let key = key.expose();
            let shown =
                format!("# The key. It is shown this once: hand it to its user.\n{key}\n\n");
            shown
                + &match &block {
                    Some(block) => format!("# Its block for the configuration file.\n{block}"),
                    None => format!("# It is in the store as {id}, and in force within a second."),
                }
        })?;
        Ok(Exit::Done)
    }

    /// Whether the configuration has a store. Without a file there is none.
    fn is_stored(&self) -> anyhow::Result<bool> {
        let written = self.config.path().map(|_| self.config.read_sound());
        Ok(written
            .transpose()?
            .is_some_and(|it| it.config.accounts.is_some()))
    }

    fn store(&self, key: &ApiKey, id: &str, now: Timestamp) -> anyhow::Result<()> {
        let usable = self.config.usable(now)?;
        let store = OpenStore::of(&usable.config)?;
        let directory = store.directory()?;
        let owner = self.owner(&directory)?;
        check_shuts_nobody_out(&owner, &usable, directory)?;
        let base = match &owner {
            // Whatever its owner may do.
            KeyOwner::Account(_) => &["*:*".to_owned()][..],
            KeyOwner::Bound(_) | KeyOwner::Acting(_) => &usable.profile.permissions,
        };
        let permissions = if self.permissions.is_empty() {
            base
        } else {
            &self.permissions
        };
        let stored = StoredKey {
            name: KeyName::parse(id)?,
            digest: key.digest(),
            beginning: key.beginning().into(),
            owner,
            permissions: grants(permissions)?,
            transports: Transports::Both,
            created: now,
            expires: self.expires.map(|period| now.after(period.0)),
        };
        store.apply(Change::CreateKey(stored), now)?;
        Ok(())
    }

    /// The user of this name, if the store has one.
    fn owner(&self, directory: &Directory) -> anyhow::Result<KeyOwner> {
        let Some(user) = &self.user else {
            let globs = self.acts_as.iter().map(|glob| UserGlob::parse(glob));
            return Ok(KeyOwner::Acting(globs.collect::<Result<Arc<_>, _>>()?));
        };
        Ok(match directory.account_named(user) {
            Some(account) => KeyOwner::Account(account.id),
            None => KeyOwner::Bound(UserId::parse(user)?),
        })
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

fn lifetime(text: &str) -> Result<Period, String> {
    let period: Period = text.parse().map_err(|error| format!("{error}"))?;
    if period.0 < Duration::from_secs(1) {
        return Err("a key is good for a second at least".to_owned());
    }
    Ok(period)
}

fn grants(words: &[String]) -> Result<Permissions, InvalidPermission> {
    words.iter().map(|word| Permission::parse(word)).collect()
}

fn permission(text: &str) -> Result<String, InvalidPermission> {
    Permission::parse(text).map(|_| text.to_owned())
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
    use crate::{auth::KeyDigest, config::Config};

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        create: Create,
    }

    fn create(arguments: &[&str]) -> Result<Create, clap::Error> {
        Cli::try_parse_from([&["create"], arguments].concat()).map(|cli| cli.create)
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
