//! [`UserId`]: who a request speaks for, as the backend is told.

use std::{fmt, sync::Arc};

/// A user id fit to be written into a header or a path segment.
///
/// `[A-Za-z0-9._@+=|:~-]{1,128}`, and neither `.` nor `..`: visible ASCII without any character
/// that a header (RFC 9110 §5.5) or a path (RFC 3986 §3.3) could read as structure.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(Arc<str>);

/// The text is not a user id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a user id is 1 to 128 of A-Z a-z 0-9 . _ @ + = | : ~ - and neither `.` nor `..`")]
pub struct InvalidUserId;

impl UserId {
    /// The longest id, in bytes.
    pub const MAX_LENGTH: usize = 128;

    /// What every visitor's id begins with.
    pub const VISITOR_PREFIX: &str = "anon-";

    /// Parses an id.
    ///
    /// # Errors
    /// When a character or the length is outside the alphabet above.
    pub fn parse(text: &str) -> Result<Self, InvalidUserId> {
        let sized = (1..=Self::MAX_LENGTH).contains(&text.len());
        if sized && text.bytes().all(allowed) && text != "." && text != ".." {
            Ok(Self(text.into()))
        } else {
            Err(InvalidUserId)
        }
    }

    /// A fresh id for a caller without a credential, in the namespace `anon-` that is kept for
    /// them.
    #[must_use]
    pub fn visitor() -> Self {
        Self(format!("{}{}", Self::VISITOR_PREFIX, uuid::Uuid::now_v7().simple()).into())
    }

    /// Whether the id lies in the namespace of visitors, case-folded.
    #[must_use]
    pub fn is_visitor(&self) -> bool {
        let beginning = self.0.get(..Self::VISITOR_PREFIX.len());
        beginning.is_some_and(|it| it.eq_ignore_ascii_case(Self::VISITOR_PREFIX))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._@+=|:~-".contains(&byte)
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserId({})", self.0)
    }
}

/// Which ids an acting key may name, or a namespace reserves: a literal, a prefix, or any.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum UserGlob {
    /// Exactly this id.
    Literal(UserId),
    /// Every id that begins so (`visitor-*`).
    Prefix(Arc<str>),
    /// Every id (`*`).
    Any,
}

/// The text is not a glob over user ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`*` stands alone or at the end, after characters of a user id")]
pub struct InvalidGlob;

impl UserGlob {
    /// Parses `alice`, `visitor-*` or `*`.
    ///
    /// # Errors
    /// When `*` stands elsewhere or the rest isn't made of a user id's characters.
    pub fn parse(text: &str) -> Result<Self, InvalidGlob> {
        match text.strip_suffix('*') {
            Some("") => Ok(Self::Any),
            Some(prefix) if prefix.len() <= UserId::MAX_LENGTH && prefix.bytes().all(allowed) => {
                Ok(Self::Prefix(prefix.into()))
            }
            Some(_) => Err(InvalidGlob),
            None => UserId::parse(text)
                .map(Self::Literal)
                .map_err(|InvalidUserId| InvalidGlob),
        }
    }

    /// Whether some id could be of both, case-folded.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) | (_, Self::Any) => true,
            (Self::Literal(id), glob) | (glob, Self::Literal(id)) => glob.reserves(id),
            (Self::Prefix(one), Self::Prefix(other)) => {
                let mut pairs = one.bytes().zip(other.bytes());
                pairs.all(|(one, other)| one.eq_ignore_ascii_case(&other))
            }
        }
    }

    /// Whether the glob names this id, letter by letter.
    #[must_use]
    pub fn matches(&self, id: &UserId) -> bool {
        match self {
            Self::Literal(literal) => literal == id,
            Self::Prefix(prefix) => id.as_str().starts_with(&**prefix),
            Self::Any => true,
        }
    }

    /// Whether the glob reserves this id: as [`Self::matches`], but case-folded, since a backend
    /// may fold what we don't.
    #[must_use]
    pub fn reserves(&self, id: &UserId) -> bool {
        match self {
            Self::Literal(literal) => literal.as_str().eq_ignore_ascii_case(id.as_str()),
            Self::Prefix(prefix) => id
                .as_str()
                .get(..prefix.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(prefix)),
            Self::Any => true,
        }
    }
}

impl fmt::Display for UserGlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(id) => write!(f, "{id}"),
            Self::Prefix(prefix) => write!(f, "{prefix}*"),
            Self::Any => f.write_str("*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_alphabet_makes_a_user_id() {
        for good in ["a", "alice", "A.b_c@d+e=f|g:h~i-j", "...", &"x".repeat(128)] {
            assert!(UserId::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "", ".", "..", "a b", "a/b", "é", "a\n", "a%", "a?", "a#", "a;", "a,b",
        ] {
            assert!(UserId::parse(bad).is_err(), "{bad}");
        }
        assert!(UserId::parse(&"x".repeat(129)).is_err());
    }

    #[test]
    fn a_glob_is_a_literal_a_prefix_or_any() {
        let id = |text| UserId::parse(text).unwrap();
        let glob = |text| UserGlob::parse(text).unwrap();
        assert!(glob("visitor-*").matches(&id("visitor-1")));
        assert!(!glob("visitor-*").matches(&id("Visitor-1")));
        assert!(glob("visitor-*").reserves(&id("Visitor-1")));
        assert!(!glob("visitor-*").reserves(&id("visit")));
        assert!(glob("*").matches(&id("alice")));
        assert!(glob("alice").matches(&id("alice")) && !glob("alice").matches(&id("alice2")));
        let meet = |one, other| glob(one).meets(&glob(other)) && glob(other).meets(&glob(one));
        assert!(meet("guest-*", "Guest-a*") && meet("*", "a") && meet("a*", "Alice"));
        assert!(!meet("guest-*", "visitor-*") && !meet("a", "b") && !meet("ab*", "a"));
        for written in ["visitor-*", "*", "alice"] {
            assert_eq!(glob(written).to_string(), written);
        }
        for bad in ["**", "a*b", "*a", "", "é*", "a/*"] {
            assert!(UserGlob::parse(bad).is_err(), "{bad}");
        }
    }
}
