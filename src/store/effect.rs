//! [`effect`]: what a change does to rows, whatever the rows are kept in.

use super::{AccountEdit, Change};
use crate::auth::{
    Account, AccountId, KeyDigest, KeyName, KeyOwner, Kid, Record, Revocation, SigningKey,
    StoredKey, TokenId, UserId,
};
use crate::clock::Timestamp;

/// The rows as they are while a change is made: nobody else's change comes between.
pub trait Rows {
    /// What keeps a row from being read.
    type Error;

    /// The account of this id.
    ///
    /// # Errors
    /// When the row can't be read.
    fn account(&self, id: AccountId) -> Result<Option<Account>, Self::Error>;
    /// Whose this name is, case-folded.
    ///
    /// # Errors
    /// When the row can't be read.
    fn account_named(&self, username: &UserId) -> Result<Option<AccountId>, Self::Error>;
    /// The key of this name.
    ///
    /// # Errors
    /// When the row can't be read.
    fn key(&self, name: &KeyName) -> Result<Option<StoredKey>, Self::Error>;
    /// The name of the key of this digest.
    ///
    /// # Errors
    /// When the row can't be read.
    fn key_of_digest(&self, digest: KeyDigest) -> Result<Option<KeyName>, Self::Error>;
    /// The names of an account's own keys.
    ///
    /// # Errors
    /// When the row can't be read.
    fn keys_of(&self, id: AccountId) -> Result<Vec<KeyName>, Self::Error>;
    /// Every signing key.
    ///
    /// # Errors
    /// When the row can't be read.
    fn signing_keys(&self) -> Result<Vec<SigningKey>, Self::Error>;
    /// The revocation of this token.
    ///
    /// # Errors
    /// When the row can't be read.
    fn revocation(&self, token: TokenId) -> Result<Option<Revocation>, Self::Error>;
    /// Revocations of tokens whose time was over by then anyway.
    ///
    /// # Errors
    /// When the row can't be read.
    fn revocations_over(&self, by: Timestamp) -> Result<Vec<Revocation>, Self::Error>;
    /// Tokens issued until then count no more, whoever's they are.
    ///
    /// # Errors
    /// When the row can't be read.
    fn tokens_end(&self) -> Result<Option<Timestamp>, Self::Error>;
}

/// Why a change makes no sense as things are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Somebody has this username already, case-folded.
    #[error("there is a user of this name already")]
    NameTaken,
    /// There is an account of this id.
    #[error("there is a user of this id already")]
    IdTaken,
    /// There is no such user.
    #[error("there is no such user")]
    NoSuchUser,
    /// There is a key of this name, or the same key under another.
    #[error("there is such a key already")]
    KeyTaken,
    /// There is no such key.
    #[error("there is no such key")]
    NoSuchKey,
    /// The key counts no more, so nothing can take its place.
    #[error("the key has ended: make a new one")]
    KeyEnded,
    /// There is a signing key of this name.
    #[error("there is such a signing key already")]
    SigningKeyTaken,
}

/// What comes of a change: each thing that is another one now.
///
/// # Errors
/// The outer error is the rows', the inner one says why the change makes no sense; then nothing is
/// to be written.
pub fn effect<R: Rows>(
    change: &Change,
    rows: &R,
) -> Result<Result<Vec<Record>, Refusal>, R::Error> {
    match change {
        Change::CreateAccount(account) => create_account(account, rows),
        Change::EditAccount { id, edit } => edit_account(*id, edit, rows),
        Change::DeleteAccount(id) => delete_account(*id, rows),
        Change::Rehash { id, from, to } => with_account(*id, rows, |mut account| {
            if account.password != *from {
                return Vec::new();
            }
            account.password = to.clone();
            vec![Record::Account(account)]
        }),
        Change::CreateKey(key) => create_key(key, rows),
        Change::RotateKey { name, ends, next } => rotate_key(name, *ends, next, rows),
        Change::RevokeKey(name) => Ok(match rows.key(name)? {
            Some(_) => Ok(vec![Record::KeyGone(name.clone())]),
            None => Err(Refusal::NoSuchKey),
        }),
        Change::RevokeToken(revocation) => {
            let mut kept = *revocation;
            // Whoever revokes it again may know less of its end.
            if let Some(earlier) = rows.revocation(kept.token)? {
                kept.until = kept.until.max(earlier.until);
            }
            Ok(Ok(vec![Record::Revoked(kept)]))
        }
        Change::RevokeTokensOf { id, issued_until } => with_account(*id, rows, |mut account| {
            account.tokens_end = account.tokens_end.max(*issued_until);
            vec![Record::Account(account)]
        }),
        Change::RevokeAllTokens { issued_until } => {
            // `None` is before every time.
            let end = rows.tokens_end()?.max(Some(*issued_until));
            Ok(Ok(end.map(Record::TokensEnd).into_iter().collect()))
        }
        Change::AddSigningKey { key, others_retire } => add_signing_key(key, *others_retire, rows),
        Change::Prune { over } => prune(*over, rows),
    }
}

type Effect<E> = Result<Result<Vec<Record>, Refusal>, E>;

fn create_account<R: Rows>(account: &Account, rows: &R) -> Effect<R::Error> {
    if rows.account_named(&account.username)?.is_some() {
        return Ok(Err(Refusal::NameTaken));
    }
    if rows.account(account.id)?.is_some() {
        return Ok(Err(Refusal::IdTaken));
    }
    Ok(Ok(vec![Record::Account(account.clone())]))
}

fn edit_account<R: Rows>(id: AccountId, edit: &AccountEdit, rows: &R) -> Effect<R::Error> {
    if let Some(username) = &edit.username
        && rows
            .account_named(username)?
            .is_some_and(|other| other != id)
    {
        return Ok(Err(Refusal::NameTaken));
    }
    with_account(id, rows, |mut account| {
        let AccountEdit {
            username,
            password,
            permissions,
            status,
        } = edit.clone();
        account.username = username.unwrap_or(account.username);
        account.permissions = permissions.unwrap_or(account.permissions);
        account.status = status.unwrap_or(account.status);
        if let Some((hash, issued_until)) = password {
            account.password = hash;
            account.tokens_end = account.tokens_end.max(issued_until);
        }
        vec![Record::Account(account)]
    })
}

fn delete_account<R: Rows>(id: AccountId, rows: &R) -> Effect<R::Error> {
    let keys = rows.keys_of(id)?;
    with_account(id, rows, |_| {
        let keys = keys.into_iter().map(Record::KeyGone);
        keys.chain([Record::AccountGone(id)]).collect()
    })
}

fn with_account<R: Rows>(
    id: AccountId,
    rows: &R,
    change: impl FnOnce(Account) -> Vec<Record>,
) -> Effect<R::Error> {
    let account = rows.account(id)?;
    Ok(account.map(change).ok_or(Refusal::NoSuchUser))
}

fn create_key<R: Rows>(key: &StoredKey, rows: &R) -> Effect<R::Error> {
    if rows.key(&key.name)?.is_some() || rows.key_of_digest(key.digest)?.is_some() {
        return Ok(Err(Refusal::KeyTaken));
    }
    if let KeyOwner::Account(owner) = key.owner
        && rows.account(owner)?.is_none()
    {
        return Ok(Err(Refusal::NoSuchUser));
    }
    Ok(Ok(vec![Record::Key(key.clone())]))
}

fn rotate_key<R: Rows>(
    name: &KeyName,
    ends: Timestamp,
    next: &StoredKey,
    rows: &R,
) -> Effect<R::Error> {
    let Some(mut key) = rows.key(name)? else {
        return Ok(Err(Refusal::NoSuchKey));
    };
    if key.has_ended(next.created) {
        return Ok(Err(Refusal::KeyEnded));
    }
    let created = create_key(next, rows)?;
    Ok(created.map(|mut records| {
        key.expires = Some(key.ends_by(ends));
        records.push(Record::Key(key));
        records
    }))
}

fn add_signing_key<R: Rows>(
    key: &SigningKey,
    others_retire: Timestamp,
    rows: &R,
) -> Effect<R::Error> {
    let known = rows.signing_keys()?;
    if known.iter().any(|other| other.kid == key.kid) {
        return Ok(Err(Refusal::SigningKeyTaken));
    }
    let others = known
        .into_iter()
        .filter(|other| other.purpose == key.purpose);
    let others = others.map(|mut other| {
        let retires = other
            .retires
            .map_or(others_retire, |at| at.min(others_retire));
        other.retires = Some(retires);
        Record::SigningKey(other)
    });
    Ok(Ok(others
        .chain([Record::SigningKey(key.clone())])
        .collect()))
}

fn prune<R: Rows>(over: Timestamp, rows: &R) -> Effect<R::Error> {
    let revocations = rows.revocations_over(over)?.into_iter();
    let revocations = revocations.map(|revocation| Record::RevocationGone(revocation.token));
    let keys = rows.signing_keys()?.into_iter();
    let keys = keys.filter(|key| key.retires.is_some_and(|at| at <= over));
    let keys = keys
        .map(|key: SigningKey| -> Kid { key.kid })
        .map(Record::SigningKeyGone);
    Ok(Ok(revocations.chain(keys).collect()))
}
