//! [`parse_cat`]: the users of a Cheshire Cat 1.x, whose settings are a `TinyDB` file.
//!
//! ```text
//! {"_default": {"1": {"name": "users", "value": {"<uuid>": {"id", "username", "password",
//!                                                "permissions": {"STATUS": ["READ", …], …}}}, …},
//!               "2": {another setting}, …}}
//! ```

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Fault, Found, Place};
use crate::auth::{Account, AccountId, PasswordHash, Permission, Permissions, Status, UserId};
use crate::clock::Timestamp;
use crate::store::Change;

/// A `TinyDB` file with its one table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Database {
    #[serde(rename = "_default")]
    table: BTreeMap<String, Setting>,
}

/// One setting of a Cat's: what is not its users' is no concern of ours.
#[derive(Deserialize)]
struct Setting {
    name: String,
    value: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct User {
    id: String,
    username: String,
    /// A bcrypt hash.
    password: String,
    permissions: BTreeMap<String, Vec<String>>,
}

/// Whether a text has the shape of a `TinyDB` file.
#[must_use]
pub fn is_of_a_cat(text: &str) -> bool {
    let start: String = text
        .chars()
        .filter(|char| !char.is_ascii_whitespace())
        .take(12)
        .collect();
    start == "{\"_default\":"
}

/// The users, with their ids, hashes and permissions. Tokens that were issued to the same ids until
/// now count no more: somebody may have been deleted here.
///
/// # Errors
/// With a fault for each user who is not understood.
pub fn parse_cat(text: &str, now: Timestamp) -> Result<Vec<Found>, Vec<Fault>> {
    let whole = |wrong: &str| vec![Fault::new(Place::Whole, wrong)];
    // What serde would say may hold a hash.
    let database: Database = serde_json::from_str(text)
        .map_err(|_| whole("it is not the metadata.json of a Cheshire Cat 1.x"))?;
    let mut users = database
        .table
        .into_values()
        .filter(|setting| setting.name == "users");
    let (Some(users), None) = (users.next(), users.next()) else {
        return Err(whole("it does not hold one setting `users`"));
    };
    let Value::Object(users) = users.value else {
        return Err(whole("its setting `users` holds no users"));
    };
    let (mut found, mut faults) = (Vec::new(), Vec::new());
    for (id, user) in users {
        let place = Place::User(id.clone());
        match account(&id, user, now) {
            Ok(account) => found.push(Found {
                place: Place::User(account.username.to_string()),
                change: Change::CreateAccount(account),
            }),
            Err(wrong) => faults.push(Fault { place, wrong }),
        }
    }
    if faults.is_empty() {
        Ok(found)
    } else {
        Err(faults)
    }
}

fn account(key: &str, user: Value, now: Timestamp) -> Result<Account, String> {
    let user: User = serde_json::from_value(user).map_err(|_| {
        "not `id`, `username`, `password` and `permissions`, and no more".to_owned()
    })?;
    if user.id != key {
        return Err("it is filed under another id".to_owned());
    }
    let id = AccountId::parse(&user.id).ok_or("its id is no UUID")?;
    let name = &user.username;
    let username =
        UserId::parse(name).map_err(|error| format!("it is called {name:?}: {error}"))?;
    let granted = user.permissions.iter();
    let granted = granted.flat_map(|(resource, actions)| {
        actions
            .iter()
            .map(move |action| Permission::new(resource, action))
    });
    let permissions: Result<Permissions, _> = granted.collect();
    Ok(Account {
        id,
        username,
        password: PasswordHash::new(user.password),
        permissions: permissions.map_err(|error| error.to_string())?,
        status: Status::Enabled,
        tokens_end: now,
        created: now,
    })
}
