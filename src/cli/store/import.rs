//! `doorward store import`: what an export holds, or a Cheshire Cat's users, into the store.

use std::{
    fs,
    io::{self, Read as _},
};

use anyhow::{Context as _, anyhow};
use serde::Serialize;

use super::OpenStore;
use crate::{
    accounts::{Hashing, Memory, Password, Username, Verdict},
    auth::{Account, Accounts, KeyOwner, Status},
    cli::{
        Exit,
        configuration::ConfigArgument,
        credential::Source,
        output::{self, Format},
        user::accounts,
    },
    clock::Timestamp,
    store::{
        Change, StoreError,
        transfer::{Existing, Fault, Found, is_of_a_cat, parse, parse_cat, plan},
    },
};

/// So many failures are told of one import.
const SHOWN: usize = 20;

/// Takes in what `store export` wrote, or the metadata.json of a Cheshire Cat 1.x.
///
/// Everything is looked at before anything is written. A Cat's users keep their ids and passwords;
/// whoever still has a password that every Cat is born with is disabled.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  doorward store import users.jsonl
  doorward store import cat/data/metadata.json --skip-existing
  age -d users.jsonl.age | doorward store import -")]
pub(super) struct Import {
    #[command(flatten)]
    config: ConfigArgument,
    /// What to read; `-` reads standard input
    #[arg(value_name = "FILE")]
    from: Source,
    /// Leave what the store has already as it is, instead of importing nothing
    #[arg(long)]
    skip_existing: bool,
    /// How to print what was done
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What is printed with `--format json`.
#[derive(Debug, Default, Serialize)]
struct Imported {
    users: usize,
    keys: usize,
    revocations: usize,
    signing_keys: usize,
    /// What was in the store already, and keys of users who are not these.
    skipped: usize,
    warnings: Vec<String>,
}

impl Import {
    pub(super) fn run(self, now: Timestamp) -> anyhow::Result<Exit> {
        let usable = self.config.usable(now)?;
        let text = self.text()?;
        let store = OpenStore::of(&usable.config)?;
        let form = Form::of(&text);
        let found = match form {
            Form::Ours => parse(&text, now),
            Form::Cat => parse_cat(&text, now),
        };
        let existing = if self.skip_existing {
            Existing::Skip
        } else {
            Existing::Refuse
        };
        let found = found.map_err(|faults| nothing(&faults))?;
        let directory = store.directory()?;
        let mut plan = plan(&directory, found, existing).map_err(|faults| nothing(&faults))?;
        let before = accounts(&usable, directory)?;
        let accounts = accounts(&usable, plan.expected)?;
        let mut imported = Imported {
            skipped: plan.skipped.len(),
            ..Imported::default()
        };
        let mut faults = shutting_out(&plan.changes, &before, now);
        faults.extend(imported.look_at(&mut plan.changes, form, &accounts, now)?);
        if !faults.is_empty() {
            return Err(nothing(&faults));
        }
        imported.count(&plan.changes);
        let refused = store.apply_all(plan.changes, now)?;
        if !refused.is_empty() {
            return Err(partly(&refused));
        }
        output::print(self.format, &imported, || imported.to_text())?;
        Ok(Exit::Done)
    }

    fn text(&self) -> anyhow::Result<String> {
        let bytes = match &self.from {
            Source::File(path) => fs::read(path),
            Source::Stdin => {
                let mut bytes = Vec::new();
                io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
            }
        };
        let bytes = bytes.with_context(|| format!("reading {}", self.from))?;
        String::from_utf8(bytes).with_context(|| format!("{} is not UTF-8", self.from))
    }
}

/// What the text is, by its shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Ours,
    Cat,
}

impl Form {
    fn of(text: &str) -> Self {
        if is_of_a_cat(text) {
            Self::Cat
        } else {
            Self::Ours
        }
    }
}

impl Imported {
    /// Looks at what parsers can't: hashes, names, and passwords that everybody knows.
    fn look_at(
        &mut self,
        changes: &mut [Found],
        form: Form,
        accounts: &Accounts,
        now: Timestamp,
    ) -> anyhow::Result<Vec<Fault>> {
        let mut faults = Vec::new();
        for Found { place, change } in changes {
            let Change::CreateAccount(account) = change else {
                continue;
            };
            if !Hashing::understands(&account.password) {
                faults.push(Fault::new(
                    place.clone(),
                    "nobody could check the password's hash",
                ));
            }
            let name = &account.username;
            match (form, Username::parse(name.as_str(), accounts, now)) {
                (Form::Cat, Err(error)) => faults.push(Fault::new(place.clone(), error)),
                // A store may hold such a one, since a key may be declared later than a user is made.
                (Form::Ours, _) if accounts.reserves(name, now) => self.warnings.push(format!(
                    "{place}: {name} counts for nobody: the name is kept for others"
                )),
                (Form::Ours, _) if accounts.binds(name) => self.warnings.push(format!(
                    "{place}: {name} is also whom a key speaks for: to the backend they are one"
                )),
                _ => {}
            }
            if form == Form::Cat && has_known_password(account)? {
                account.status = Status::Disabled;
                self.warnings.push(format!(
                    "{name} is disabled: the password is the one that every Cat is born with; \
                     `user update {name} --password --enable` gives another"
                ));
            }
        }
        Ok(faults)
    }

    fn count(&mut self, changes: &[Found]) {
        for found in changes {
            match found.change {
                Change::CreateAccount(_) => self.users += 1,
                Change::CreateKey(_) => self.keys += 1,
                Change::RevokeToken(_) => self.revocations += 1,
                Change::AddSigningKey { .. } => self.signing_keys += 1,
                _ => {}
            }
        }
    }

    fn to_text(&self) -> String {
        let mut text = format!(
            "imported {} users, {} keys, {} revocations, {} signing keys; skipped {}",
            self.users, self.keys, self.revocations, self.signing_keys, self.skipped
        );
        for warning in &self.warnings {
            text += "\nwarning: ";
            text += warning;
        }
        text
    }
}

/// Keys that would shut out users whom the store has already.
fn shutting_out(changes: &[Found], before: &Accounts, now: Timestamp) -> Vec<Fault> {
    let acting = changes.iter().filter_map(|found| match &found.change {
        Change::CreateKey(key) if !key.has_ended(now) => match &key.owner {
            KeyOwner::Acting(globs) => Some((found, globs)),
            KeyOwner::Account(_) | KeyOwner::Bound(_) => None,
        },
        _ => None,
    });
    let faults = acting.filter_map(|(found, globs)| {
        let user = &before.shut_out_by(globs)?.username;
        let why = format!("it may name {user}, a user of the store, who would be shut out");
        Some(Fault::new(found.place.clone(), why))
    });
    faults.collect()
}

/// Whether it is `admin` with the password `admin`, or `user` with `user`.
fn has_known_password(account: &Account) -> anyhow::Result<bool> {
    let name = account.username.as_str().to_ascii_lowercase();
    if !["admin", "user"].contains(&&*name) {
        return Ok(false);
    }
    let (hashing, mut memory) = (Hashing::default(), Memory::new());
    let password = Password::presented(name)?;
    let verdict = hashing.verify(&password, Some(&account.password), &mut memory)?;
    Ok(verdict != Verdict::Wrong)
}

fn nothing(faults: &[Fault]) -> anyhow::Error {
    let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
    anyhow!("nothing was imported:\n{}", faults.join("\n"))
}

/// Somebody was faster, or the disk is full: then it is the same for many.
fn partly(refused: &[(Found, StoreError)]) -> anyhow::Error {
    let lines = refused.iter().take(SHOWN);
    let lines = lines.map(|(found, why)| format!("{}: {why}", found.place));
    let lines: Vec<String> = lines.collect();
    anyhow!(
        "{} could not be imported, the rest was; with --skip-existing they can be tried again:\n{}",
        refused.len(),
        lines.join("\n")
    )
}
