//! [`export`]: a directory as lines.

use std::io::{self, Write};

use super::line::Line;
use crate::auth::{Account, Directory, Revocation, StoredKey};
use crate::clock::Timestamp;

/// Whether what signs tokens goes along: who has it can be anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigningKeys {
    /// It does.
    With,
    /// It stays; whoever has a token logs in again.
    Without,
}

/// Writes all that a directory holds, the oldest first: of the same directory the same lines.
///
/// # Errors
/// When it can't be written.
pub fn export(directory: &Directory, keys: SigningKeys, out: &mut impl Write) -> io::Result<()> {
    let format = Line::FORMAT;
    write(&Line::DoorwardStore { format }, out)?;
    let mut accounts: Vec<&Account> = directory.accounts().collect();
    accounts.sort_by_key(|account| (account.created, account.id));
    for account in accounts {
        write(&account.into(), out)?;
    }
    let mut stored: Vec<&StoredKey> = directory.keys().collect();
    stored.sort_by_key(|key| (key.created, &key.name));
    for key in stored {
        write(&key.into(), out)?;
    }
    let mut revocations: Vec<Revocation> = directory.revocations().collect();
    revocations.sort_by_key(|revocation| revocation.token);
    for revocation in revocations {
        write(&revocation.into(), out)?;
    }
    if let Some(issued_until) = directory.tokens_end().map(Timestamp::as_millis) {
        write(&Line::TokensEnd { issued_until }, out)?;
    }
    if keys == SigningKeys::With {
        for key in directory.signing_keys() {
            write(&(&**key).into(), out)?;
        }
    }
    write(&Line::End {}, out)
}

fn write(line: &Line, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}
