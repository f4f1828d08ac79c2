//! [`Secret`]: bytes that never show themselves.

use std::fmt;

use zeroize::Zeroizing;

/// A secret value: redacted when formatted, wiped when dropped, compared in constant time.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes as they are.
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// Takes the bytes of a file: literally, one trailing newline (LF or CRLF) apart.
    #[must_use]
    pub fn from_file(mut bytes: Vec<u8>) -> Self {
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
            if bytes.last() == Some(&b'\r') {
                bytes.pop();
            }
        }
        Self::new(bytes)
    }

    /// The bytes themselves; each caller is a place to review.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_show_itself() {
        assert!(!format!("{:?}", Secret::new("hunter2")).contains("hunter2"));
    }

    #[test]
    fn one_trailing_newline_is_not_part_of_a_secret_file() {
        assert_eq!(Secret::from_file(b"key\n".to_vec()).expose(), b"key");
        assert_eq!(Secret::from_file(b"key\r\n".to_vec()).expose(), b"key");
        assert_eq!(Secret::from_file(b"key\n\n".to_vec()).expose(), b"key\n");
        assert_eq!(Secret::from_file(b" key ".to_vec()).expose(), b" key ");
    }
}
