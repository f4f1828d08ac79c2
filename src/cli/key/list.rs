//! `doorward key list`: the keys of the store.

use std::{collections::HashMap, fmt::Write as _};

use serde::Serialize;

use crate::{
    auth::{Directory, KeyOwner, StoredKey},
    cli::{
        Exit,
        configuration::ConfigArgument,
        output::{self, Format},
        store::OpenStore,
    },
    clock::Timestamp,
};

/// Lists the keys of the store, the oldest first. The keys themselves are nowhere.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  doorward key list
  doorward key list --format json | jq -r '.[] | select(.expires == null) | .id'")]
pub(super) struct List {
    #[command(flatten)]
    config: ConfigArgument,
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// A key, as it is printed with `--format json`.
#[derive(Serialize)]
struct Listed {
    id: String,
    beginning: String,
    /// What it is: of a user of the store, bound to an id that nobody logs in by, or acting for others.
    owner: Owner,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    acts_as: Vec<String>,
    permissions: Vec<String>,
    created: String,
    expires: Option<String>,
    /// To the minute; none of a key that was never used.
    last_used: Option<String>,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
enum Owner {
    Account,
    Bound,
    Acting,
}

impl List {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let store = OpenStore::existing(&self.config.read_sound()?.config)?;
        let directory = store.directory()?;
        let uses = store.uses()?;
        let uses: HashMap<_, _> = uses.iter().map(|it| (&it.key, it.at)).collect();
        let mut keys: Vec<&StoredKey> = directory.keys().collect();
        keys.sort_by_key(|key| (key.created, key.name.clone()));
        let listed: Vec<Listed> = keys
            .into_iter()
            .map(|key| Listed::new(key, &directory, uses.get(&key.name).copied()))
            .collect();
        output::print(self.format, &listed, || table(&listed))?;
        Ok(Exit::Done)
    }
}

impl Listed {
    fn new(key: &StoredKey, directory: &Directory, last_used: Option<Timestamp>) -> Self {
        let (owner, user, acts_as) = match &key.owner {
            KeyOwner::Account(id) => {
                let user = directory.account(*id);
                let name = user.map(|user| user.username.to_string());
                (Owner::Account, name, Vec::new())
            }
            KeyOwner::Bound(user) => (Owner::Bound, Some(user.to_string()), Vec::new()),
            KeyOwner::Acting(globs) => {
                let globs = globs.iter().map(ToString::to_string).collect();
                (Owner::Acting, None, globs)
            }
        };
        Self {
            id: key.name.to_string(),
            beginning: key.beginning.to_string(),
            owner,
            user,
            acts_as,
            permissions: key.permissions.iter().map(ToString::to_string).collect(),
            created: key.created.to_string(),
            expires: key.expires.map(|at| at.to_string()),
            last_used: last_used.map(|at| at.to_string()),
        }
    }
}

/// One line a key: id, beginning, for whom, when it ends, and when it was used last.
fn table(keys: &[Listed]) -> String {
    let width = keys.iter().map(|key| key.id.len()).max().unwrap_or(0);
    let mut text = String::new();
    for key in keys {
        let whom = match (key.owner, &key.user) {
            (Owner::Account, Some(user)) => format!("of {user}"),
            (Owner::Bound, Some(user)) => format!("bound to {user}"),
            _ => format!("acts as {}", key.acts_as.join(" ")),
        };
        let ends = key.expires.as_deref().unwrap_or("never");
        let used = key.last_used.as_deref().unwrap_or("never");
        // A string takes everything.
        let _ = writeln!(
            text,
            "{:width$}  {}…  {whom}  ends {ends}  last used {used}",
            key.id, key.beginning
        );
    }
    text
}
