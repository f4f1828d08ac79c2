//! The file that a `[[keys_file]]` names: one SHA-256 digest a line.

use super::key::Digest;
use crate::auth::KeyDigest;

/// The digests of a key file, in its order.
///
/// Blank lines and lines that start with `#` say nothing; whatever follows a digest and a space
/// (the `-` of `sha256sum`, a comment) is ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyFile(pub Vec<KeyDigest>);

/// A line that is no digest. The line itself is not repeated: it may be a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} is not a SHA-256 digest: 64 hex digits, as `sha256sum` prints them")]
pub struct KeyFileError {
    /// The line's number, from 1.
    pub line: usize,
}

impl KeyFile {
    /// Reads the bytes of a key file.
    ///
    /// # Errors
    /// The first line that is no digest: a damaged file must not pass for a shorter one.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyFileError> {
        let lines = bytes.split(|byte| *byte == b'\n').zip(1..);
        let digests = lines.filter_map(|(line, number)| match std::str::from_utf8(line) {
            Ok(text) => digest_of(text).map(|digest| digest.ok_or(KeyFileError { line: number })),
            Err(_) => Some(Err(KeyFileError { line: number })),
        });
        digests.collect::<Result<_, _>>().map(Self)
    }
}

/// Nothing for a line without a digest; `Some(None)` for a bad one.
#[expect(
    clippy::option_option,
    reason = "no digest here, and no valid digest here"
)]
fn digest_of(line: &str) -> Option<Option<KeyDigest>> {
    let word = line.split_ascii_whitespace().next()?;
    (!word.starts_with('#')).then(|| word.parse().ok().map(|Digest(digest)| digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";

    #[test]
    fn a_digest_a_line_with_comments_and_what_sha256sum_adds() {
        let text = format!("# keys of June\n\n{DIGEST}\r\n  {DIGEST}  -\n{DIGEST} # web");
        assert_eq!(KeyFile::parse(text.as_bytes()).unwrap().0.len(), 3);
    }

    #[test]
    fn a_damaged_line_is_named_by_its_number_and_not_repeated() {
        let text = format!("{DIGEST}\nsk-live-hunter2\n");
        let error = KeyFile::parse(text.as_bytes()).unwrap_err();
        assert_eq!(error, KeyFileError { line: 2 });
        assert!(!error.to_string().contains("hunter2"));
    }

    #[test]
    fn half_a_file_is_an_error_wherever_it_is_cut_inside_a_digest() {
        let text = format!("{DIGEST}\n{DIGEST}\n");
        for cut in 1..64 {
            assert!(KeyFile::parse(&text.as_bytes()[..cut]).is_err(), "{cut}");
        }
    }
}
