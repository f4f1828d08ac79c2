//! How values are written into columns, and read from them by their own parsers.

use std::fmt;
use std::sync::Arc;

use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

use crate::auth::{
    AccountId, KeyDigest, KeyName, KeyOwner, Kid, PasswordHash, Permission, Permissions, Purpose,
    SigningAlgorithm, Status, TokenId, Transports, UserGlob, UserId,
};
use crate::clock::Timestamp;
use crate::secret::Secret;
use crate::store::Revision;

/// A column holds what its type's parser does not take: somebody else has written it. The value
/// is not in the message.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a column for `{0}` holds none")]
struct Unfit(&'static str);

/// A type that is a text in its column.
macro_rules! text {
    ($type:ty, $write:expr, $read:expr) => {
        impl ToSql for $type {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                let write: fn(&Self) -> String = $write;
                Ok(write(self).into())
            }
        }

        impl FromSql for $type {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                let read: fn(&str) -> Option<Self> = $read;
                let unfit = || FromSqlError::other(Unfit(stringify!($type)));
                read(value.as_str()?).ok_or_else(unfit)
            }
        }
    };
}

/// A type that is a number in its column.
macro_rules! number {
    ($type:ty, $write:expr, $read:expr) => {
        impl ToSql for $type {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                let write: fn(&Self) -> i64 = $write;
                Ok(write(self).into())
            }
        }

        impl FromSql for $type {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                value.as_i64().map($read)
            }
        }
    };
}

number!(Revision, |revision| revision.0, Self);
number!(Timestamp, |time| time.as_millis(), Self::from_millis);

text!(AccountId, ToString::to_string, Self::parse);
text!(UserId, ToString::to_string, |text| Self::parse(text).ok());
text!(PasswordHash, |hash| hash.expose().to_owned(), |text| {
    Some(Self::new(text))
});
text!(Permissions, |all| words(all.iter()), |text| {
    let grants = text.split_whitespace().map(Permission::parse);
    grants.collect::<Result<_, _>>().ok()
});
text!(KeyName, ToString::to_string, |text| Self::parse(text).ok());
text!(KeyDigest, ToString::to_string, Self::parse);
text!(Kid, ToString::to_string, |text| Some(Self::new(text)));
text!(TokenId, ToString::to_string, |text| {
    text.parse().ok().map(Self)
});
text!(Purpose, |purpose| purpose.as_str().to_owned(), |text| {
    Self::parse(text).ok()
});
text!(
    SigningAlgorithm,
    |algorithm| algorithm.as_str().to_owned(),
    Self::parse
);
text!(Status, |status| status.as_str().to_owned(), Self::parse);
text!(Transports, |it| it.as_str().to_owned(), Self::parse);

impl ToSql for Secret {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.expose().to_sql()
    }
}

impl FromSql for Secret {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_bytes().map(Self::new)
    }
}

/// Of the columns `account`, `bound` and `acting` one says whom a key speaks for.
pub(super) struct Owner {
    pub(super) account: Option<AccountId>,
    pub(super) bound: Option<UserId>,
    pub(super) acting: Option<String>,
}

impl Owner {
    pub(super) fn of(owner: &KeyOwner) -> Self {
        let mut columns = Self {
            account: None,
            bound: None,
            acting: None,
        };
        match owner {
            KeyOwner::Account(id) => columns.account = Some(*id),
            KeyOwner::Bound(user) => columns.bound = Some(user.clone()),
            KeyOwner::Acting(globs) => columns.acting = Some(words(globs.iter())),
        }
        columns
    }

    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<KeyOwner> {
        if let Some(id) = row.get("account")? {
            return Ok(KeyOwner::Account(id));
        }
        if let Some(user) = row.get("bound")? {
            return Ok(KeyOwner::Bound(user));
        }
        let Globs(globs) = row.get("acting")?;
        Ok(KeyOwner::Acting(globs))
    }
}

struct Globs(Arc<[UserGlob]>);

impl FromSql for Globs {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let globs = value.as_str()?.split_whitespace().map(UserGlob::parse);
        let globs: Result<Arc<[_]>, _> = globs.collect();
        globs.map(Self).map_err(FromSqlError::other)
    }
}

fn words(all: impl Iterator<Item = impl fmt::Display>) -> String {
    let all: Vec<_> = all.map(|one| one.to_string()).collect();
    all.join(" ")
}
