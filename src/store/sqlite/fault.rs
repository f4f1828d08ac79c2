//! SQLite's errors as the store's.

use rusqlite::{Error, ErrorCode, ffi};

use crate::store::StoreError;

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::ReadOnly) => Self::ReadOnly,
            _ => Self::Unavailable(words(&error)),
        }
    }
}

/// What the system says. The library adds the file's path to what could not be opened; that is
/// left out.
fn words(error: &Error) -> String {
    match error {
        Error::SqliteFailure(code, Some(message)) if code.code != ErrorCode::CannotOpen => {
            format!("{message} ({})", code.extended_code)
        }
        Error::SqliteFailure(code, _) => format!(
            "{} ({})",
            ffi::code_to_str(code.extended_code).to_lowercase(),
            code.extended_code
        ),
        other => other.to_string(),
    }
}

/// The thread that would have answered is no more.
pub(super) fn gone() -> StoreError {
    StoreError::Unavailable("its thread has ended".to_owned())
}

/// What the system says of a file, without its path.
pub(super) fn of_the_system(error: &std::io::Error) -> StoreError {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    match error.kind() {
        StorageFull | QuotaExceeded | FileTooLarge => StoreError::Full,
        ReadOnlyFilesystem => StoreError::ReadOnly,
        _ => StoreError::Unavailable(error.to_string()),
    }
}
