//! [`Pattern`]: the shape of the paths that a rule is for.

use crate::auth::{path::RequestPath, subject::UserId};

/// A path pattern: `*` is one segment, `**` the rest (and the bare prefix), `{id}` one segment
/// that must equal the verified id, `{id}.*` one that is the verified id, a dot, and a name without
/// dots: so that no segment belongs to two users, whatever dots are in their ids.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern(Vec<Segment>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Segment {
    Literal(Box<str>),
    One,
    Id,
    IdAndName,
    Rest,
}

/// The text is not a path pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPattern {
    /// It doesn't begin with `/`.
    #[error("a path pattern begins with `/`")]
    NoLeadingSlash,
    /// A segment is empty, `.`, `..`, or holds a character that no accepted path has.
    #[error("a path pattern has no empty, dot, or specially marked segments")]
    Segment,
    /// A `*` inside a segment, or a brace other than `{id}`.
    #[error("`*`, `**`, `{{id}}` and `{{id}}.*` stand for whole segments")]
    Wildcard,
    /// `**` before the end.
    #[error("`**` stands at the end")]
    RestNotLast,
}

impl Pattern {
    /// Parses a pattern; a slash at its end means nothing.
    ///
    /// # Errors
    /// When it could match no request, or isn't one of the forms above.
    pub fn parse(text: &str) -> Result<Self, InvalidPattern> {
        let inner = text
            .strip_prefix('/')
            .ok_or(InvalidPattern::NoLeadingSlash)?;
        let inner = inner.strip_suffix('/').unwrap_or(inner);
        if inner.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let segments: Vec<_> = inner
            .split('/')
            .map(Segment::parse)
            .collect::<Result<_, _>>()?;
        match segments
            .iter()
            .position(|segment| *segment == Segment::Rest)
        {
            Some(at) if at + 1 < segments.len() => Err(InvalidPattern::RestNotLast),
            _ => Ok(Self(segments)),
        }
    }

    /// Whether the path has this shape.
    #[must_use]
    pub fn matches(&self, path: &RequestPath<'_>) -> bool {
        let mut segments = path.segments();
        for wanted in &self.0 {
            let matched = match wanted {
                Segment::Rest => return true,
                Segment::Literal(literal) => segments.next() == Some(literal),
                Segment::One | Segment::Id | Segment::IdAndName => segments.next().is_some(),
            };
            if !matched {
                return false;
            }
        }
        segments.next().is_none()
    }

    /// Whether every `{id}` of the pattern stands over this id.
    pub(super) fn admits(&self, user: &UserId, path: &RequestPath<'_>) -> bool {
        let user = user.as_str();
        let admits = |(wanted, segment): (&Segment, &str)| match wanted {
            Segment::Id => segment == user,
            Segment::IdAndName => segment
                .rsplit_once('.')
                .is_some_and(|(id, name)| id == user && !name.is_empty()),
            Segment::Literal(_) | Segment::One | Segment::Rest => true,
        };
        self.0.iter().zip(path.segments()).all(admits)
    }

    /// The index of the segment that `{id}` stands for, if there is one.
    #[must_use]
    pub fn id_segment(&self) -> Option<usize> {
        self.0.iter().position(|segment| *segment == Segment::Id)
    }

    /// Whether every path that `other` matches is matched by this pattern too, so that a rule
    /// behind it would never be reached.
    #[must_use]
    pub fn hides(&self, other: &Self) -> bool {
        let mut theirs = other.0.iter();
        for ours in &self.0 {
            let covered = match (ours, theirs.next()) {
                (Segment::Rest, _) => return true,
                (_, None | Some(Segment::Rest)) => false,
                (Segment::One | Segment::Id | Segment::IdAndName, Some(_)) => true,
                (Segment::Literal(_), Some(their)) => ours == their,
            };
            if !covered {
                return false;
            }
        }
        theirs.next().is_none()
    }

    pub(super) fn first_literal(&self) -> Option<&str> {
        match self.0.first() {
            Some(Segment::Literal(literal)) => Some(literal),
            _ => None,
        }
    }
}

impl Segment {
    fn parse(text: &str) -> Result<Self, InvalidPattern> {
        match text {
            "*" => Ok(Self::One),
            "**" => Ok(Self::Rest),
            "{id}" => Ok(Self::Id),
            "{id}.*" => Ok(Self::IdAndName),
            _ if text.contains(['*', '{', '}']) => Err(InvalidPattern::Wildcard),
            "" | "." | ".." => Err(InvalidPattern::Segment),
            _ if text.contains(['\\', ';', '?', '#']) || text.contains(char::is_control) => {
                Err(InvalidPattern::Segment)
            }
            _ => Ok(Self::Literal(text.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        Pattern::parse(pattern)
            .unwrap()
            .matches(&RequestPath::parse(path).unwrap())
    }

    #[test]
    fn a_pattern_matches_whole_decoded_segments() {
        for (pattern, path) in [
            ("/", "/"),
            ("/status", "/status"),
            ("/status", "/status/"),
            ("/status/", "/status"),
            ("/ws/*", "/ws/bob"),
            ("/ws/*", "/%77s/b%6fb"),
            ("/ws/{id}", "/ws/bob"),
            ("/a/**", "/a"),
            ("/a/**", "/a/b/c"),
            ("/**", "/"),
            ("/**", "/x/y"),
        ] {
            assert!(matches(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("/", "/a"),
            ("/status", "/STATUS"),
            ("/status", "/status/x"),
            ("/status", "/statusx"),
            ("/ws/*", "/ws"),
            ("/ws/*", "/ws/a/b"),
            ("/a/**", "/ab"),
        ] {
            assert!(!matches(pattern, path), "{pattern} {path}");
        }
    }

    #[test]
    fn a_segment_belongs_to_the_user_before_its_last_dot() {
        let admits = |user: &str, segment: &str| {
            let pattern = Pattern::parse("/sessions/{id}.*/**").unwrap();
            let path = format!("/sessions/{segment}/memory");
            let path = RequestPath::parse(&path).unwrap();
            pattern.matches(&path) && pattern.admits(&UserId::parse(user).unwrap(), &path)
        };
        assert!(admits("alice", "alice.1"));
        assert!(admits("alice.smith", "alice.smith.1"));
        assert!(admits("alice", "alice.d%C3%A9j%C3%A0"));
        for (user, segment) in [
            ("alice", "alice.smith.1"),
            ("alice", "alice"),
            ("alice", "alice."),
            ("alice", "alicex.1"),
            ("alice", "bob.1"),
            ("alice", "Alice.1"),
            ("alice", ".1"),
        ] {
            assert!(!admits(user, segment), "{user} {segment}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_segment_belongs_to_two_users(
            one in "[a-c.]{1,6}", other in "[a-c.]{1,6}", segment in "[a-c.]{1,8}",
        ) {
            let users = [&one, &other].map(|text| UserId::parse(text));
            let path = format!("/{segment}");
            if let ([Ok(one), Ok(other)], Ok(path)) = (users, RequestPath::parse(&path))
                && one != other
            {
                for pattern in ["/{id}", "/{id}.*"] {
                    let pattern = Pattern::parse(pattern).unwrap();
                    let both = pattern.admits(&one, &path) && pattern.admits(&other, &path);
                    proptest::prop_assert!(!both);
                }
            }
        }
    }

    #[test]
    fn a_wrong_pattern_says_what_is_wrong() {
        for (pattern, error) in [
            ("a", InvalidPattern::NoLeadingSlash),
            ("/a//b", InvalidPattern::Segment),
            ("/a/../b", InvalidPattern::Segment),
            ("/a*", InvalidPattern::Wildcard),
            ("/{user}", InvalidPattern::Wildcard),
            ("/**/a", InvalidPattern::RestNotLast),
            ("/a;b", InvalidPattern::Segment),
            ("/a\tb", InvalidPattern::Segment),
        ] {
            assert_eq!(Pattern::parse(pattern), Err(error), "{pattern}");
        }
    }

    #[test]
    fn the_place_of_the_id_is_counted_from_the_first_segment() {
        for (pattern, place) in [("/{id}", Some(0)), ("/a/b/{id}/c", Some(2)), ("/a/*", None)] {
            assert_eq!(
                Pattern::parse(pattern).unwrap().id_segment(),
                place,
                "{pattern}"
            );
        }
    }

    #[test]
    fn a_wider_pattern_hides_a_narrower_one() {
        let hides = |a, b| {
            Pattern::parse(a)
                .unwrap()
                .hides(&Pattern::parse(b).unwrap())
        };
        for (wide, narrow) in [
            ("/**", "/a"),
            ("/a/**", "/a"),
            ("/a/*", "/a/b"),
            ("/a", "/a/"),
        ] {
            assert!(hides(wide, narrow), "{wide} {narrow}");
        }
        for (a, b) in [
            ("/a", "/a/*"),
            ("/a/*", "/a/**"),
            ("/a/b", "/a/*"),
            ("/a/*", "/a"),
        ] {
            assert!(!hides(a, b), "{a} {b}");
        }
    }
}
