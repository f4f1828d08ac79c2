//! [`RequestPath`]: the one normal form of a request path (RFC 3986 §3.3).
//!
//! Rules match the decoded path, the original bytes are forwarded; so everything that another
//! parser might read differently is refused here, before anybody decides on it.

use std::borrow::Cow;

/// A path that decodes in one way only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestPath<'r> {
    decoded: Cow<'r, str>,
    encoded_slash: EncodedSlash,
}

/// Whether a segment of the path holds an encoded `/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncodedSlash {
    /// None does.
    Absent,
    /// One does; only a route that says `encoded_slash = "allow"` takes it.
    Present,
}

/// Why a path is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It doesn't begin with `/`.
    #[error("path does not begin with a slash")]
    NoLeadingSlash,
    /// Two slashes follow each other.
    #[error("path has an empty segment")]
    EmptySegment,
    /// `.` or `..`, plain or encoded.
    #[error("path has a dot segment")]
    DotSegment,
    /// A backslash, a semicolon, a fragment, a control or raw 8-bit character.
    #[error("path has a forbidden character")]
    ForbiddenCharacter,
    /// `%` without two hex digits.
    #[error("path has a bad escape")]
    BadEscape,
    /// The decoded bytes aren't UTF-8.
    #[error("path is not UTF-8")]
    NotUtf8,
}

impl<'r> RequestPath<'r> {
    /// Parses the raw path (no query).
    ///
    /// # Errors
    /// When a part of it could be read in two ways.
    pub fn parse(raw: &'r str) -> Result<Self, PathError> {
        if !raw.starts_with('/') {
            return Err(PathError::NoLeadingSlash);
        }
        if raw.bytes().any(forbidden) {
            return Err(PathError::ForbiddenCharacter);
        }
        let (decoded, encoded_slash) = decode(raw)?;
        let path = Self {
            decoded,
            encoded_slash,
        };
        check_segments(&path.decoded)?;
        if encoded_slash == EncodedSlash::Present {
            // Where a route takes it, a backend may split there too.
            check_segments(&path.decoded.replace("%2F", "/"))?;
        }
        Ok(path)
    }

    /// Whether a segment holds an encoded slash (kept as `%2F` in the decoded form).
    #[must_use]
    pub fn encoded_slash(&self) -> EncodedSlash {
        self.encoded_slash
    }

    /// The decoded segments, without the empty one after an optional trailing slash.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        let inner = self.decoded.strip_prefix('/').unwrap_or(&self.decoded);
        let inner = inner.strip_suffix('/').unwrap_or(inner);
        let absent = inner.is_empty();
        inner.split('/').filter(move |_| !absent)
    }
}

fn forbidden(byte: u8) -> bool {
    !(0x21..=0x7e).contains(&byte) || matches!(byte, b'\\' | b';' | b'#' | b'?')
}

fn decode(raw: &str) -> Result<(Cow<'_, str>, EncodedSlash), PathError> {
    if !raw.contains('%') {
        return Ok((Cow::Borrowed(raw), EncodedSlash::Absent));
    }
    let mut decoded = Vec::with_capacity(raw.len());
    let mut encoded_slash = EncodedSlash::Absent;
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        match escaped(&mut bytes).ok_or(PathError::BadEscape)? {
            b'/' => {
                encoded_slash = EncodedSlash::Present;
                decoded.extend_from_slice(b"%2F");
            }
            b'\\' | 0..=0x1f | 0x7f => return Err(PathError::ForbiddenCharacter),
            plain => decoded.push(plain),
        }
    }
    let decoded = String::from_utf8(decoded).map_err(|_| PathError::NotUtf8)?;
    Ok((Cow::Owned(decoded), encoded_slash))
}

fn check_segments(decoded: &str) -> Result<(), PathError> {
    let mut pairs = decoded.as_bytes().windows(2);
    if !pairs.any(|pair| matches!(pair, b"//" | b"/.")) {
        return Ok(());
    }
    let mut segments = decoded.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        match segment {
            "." | ".." => return Err(PathError::DotSegment),
            "" if segments.peek().is_some() => return Err(PathError::EmptySegment),
            _ => {}
        }
    }
    Ok(())
}

/// The byte that two hex digits after a `%` stand for (RFC 3986 §2.1).
pub(super) fn escaped(bytes: &mut impl Iterator<Item = u8>) -> Option<u8> {
    let mut digit = || bytes.next().and_then(|b| char::from(b).to_digit(16));
    let (high, low) = (digit()?, digit()?);
    u8::try_from(high * 16 + low).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn segments(raw: &str) -> Vec<String> {
        RequestPath::parse(raw)
            .unwrap()
            .segments()
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn a_path_decodes_into_its_segments() {
        assert_eq!(segments("/"), Vec::<String>::new());
        assert_eq!(segments("/a/b"), ["a", "b"]);
        assert_eq!(segments("/a/b/"), ["a", "b"]);
        assert_eq!(segments("/.well-known/a/"), [".well-known", "a"]);
        assert_eq!(segments("/%77s/b%6fb"), ["ws", "bob"]);
        assert_eq!(segments("/caf%C3%A9"), ["café"]);
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for (raw, error) in [
            ("a", PathError::NoLeadingSlash),
            ("", PathError::NoLeadingSlash),
            ("//a", PathError::EmptySegment),
            ("/a//", PathError::EmptySegment),
            ("/a/../b", PathError::DotSegment),
            ("/a/%2e%2E/b", PathError::DotSegment),
            ("/.", PathError::DotSegment),
            ("/a\\b", PathError::ForbiddenCharacter),
            ("/a%5Cb", PathError::ForbiddenCharacter),
            ("/a;b", PathError::ForbiddenCharacter),
            ("/a%00", PathError::ForbiddenCharacter),
            ("/a%0d%0a", PathError::ForbiddenCharacter),
            ("/a#b", PathError::ForbiddenCharacter),
            ("/a b", PathError::ForbiddenCharacter),
            ("/é", PathError::ForbiddenCharacter),
            ("/a%2F..%2Fb", PathError::DotSegment),
            ("/a%2F%2Fb", PathError::EmptySegment),
            ("/%zz", PathError::BadEscape),
            ("/%2", PathError::BadEscape),
            ("/%c0%af", PathError::NotUtf8),
        ] {
            assert_eq!(RequestPath::parse(raw), Err(error), "{raw}");
        }
    }

    #[test]
    fn an_encoded_slash_is_noted_and_splits_nothing() {
        let path = RequestPath::parse("/ws%2Fbob").unwrap();
        assert_eq!(path.encoded_slash(), EncodedSlash::Present);
        assert_eq!(path.segments().count(), 1);
    }

    proptest! {
        #[test]
        fn no_accepted_path_holds_a_dot_or_empty_segment(raw in "/[a-z./%25EeFf0-9;]{0,24}") {
            if let Ok(path) = RequestPath::parse(&raw) {
                prop_assert!(path.segments().all(|s| !s.is_empty() && s != "." && s != ".."));
            }
        }
    }
}
