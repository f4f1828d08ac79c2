//! [`Denial`]: why a request may not pass. The reason is for the log; the client gets its class.

use std::sync::Arc;

use super::{
    Transport,
    path::PathError,
    verify::{Identity, Rejection},
};

/// Why not. `proxy/reply` alone turns it into a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// The request could be read in two ways, or in none.
    Malformed(&'static str),
    /// Two different explicit credentials.
    Ambiguous,
    /// CONNECT or TRACE.
    MethodNotAllowed,
    /// An `Expect` other than `100-continue`.
    ExpectationFailed,
    /// A `Sec-WebSocket-Version` other than 13.
    UnsupportedWebSocketVersion,
    /// Addressed to a host that isn't ours.
    WrongHost,
    /// No credential where one is needed.
    NoCredential,
    /// A credential that doesn't do.
    Unauthenticated(Rejection),
    /// Known, but not permitted.
    Forbidden,
    /// An acting key that may not act as the user it names.
    MayNotActAs,
    /// A WebSocket from a web page that isn't ours.
    ForeignOrigin,
    /// The path has no place where the backend would read the identity.
    NoPlaceForIdentity,
    /// A session's cookie on a request that may change something, without its display token.
    SessionAlone,
    /// It may be good: the store that knows could not be read yet.
    StoreUnread,
}

impl Denial {
    /// The reason in the log and in metrics; one of a fixed set.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Malformed(reason) => reason,
            Self::Ambiguous => "several credentials",
            Self::MethodNotAllowed => "method not allowed",
            Self::ExpectationFailed => "expectation failed",
            Self::UnsupportedWebSocketVersion => "unsupported websocket version",
            Self::WrongHost => "host not allowed",
            Self::NoCredential => "no credential",
            Self::Unauthenticated(rejection) => rejection.reason(),
            Self::Forbidden => "not permitted",
            Self::MayNotActAs => "may not act as this user",
            Self::ForeignOrigin => "foreign origin",
            Self::SessionAlone => "session without its display token",
            Self::StoreUnread => "store not read yet",
            Self::NoPlaceForIdentity => "no place for the identity",
        }
    }
}

impl From<Rejection> for Denial {
    fn from(rejection: Rejection) -> Self {
        Self::Unauthenticated(rejection)
    }
}

impl From<PathError> for Denial {
    fn from(error: PathError) -> Self {
        Self::Malformed(match error {
            PathError::NoLeadingSlash => "target does not begin with a slash",
            PathError::EmptySegment => "empty path segment",
            PathError::DotSegment => "dot segment in the path",
            PathError::ForbiddenCharacter => "forbidden character in the path",
            PathError::BadEscape => "bad escape in the path",
            PathError::NotUtf8 => "path is not utf-8",
        })
    }
}

/// A denied request, with what was known of it when it was denied.
#[derive(Debug)]
pub struct Denied {
    /// Why.
    pub denial: Denial,
    /// How it talked.
    pub transport: Transport,
    /// The rule that matched, if any.
    pub rule: Option<Arc<str>>,
    /// The caller, where a credential was good but didn't suffice.
    pub identity: Option<Identity>,
    /// Path and query of the page that was to be opened in a browser, if a login would help.
    pub page: Option<Box<str>>,
}

impl Default for Denied {
    fn default() -> Self {
        Self {
            denial: Denial::NoCredential,
            transport: Transport::Http,
            rule: None,
            identity: None,
            page: None,
        }
    }
}

impl Denied {
    pub(super) fn because(self, denial: Denial) -> Self {
        Self { denial, ..self }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_reason_is_told_from_the_others() {
        let denials = [
            Denial::Malformed("its own"),
            Denial::Ambiguous,
            Denial::MethodNotAllowed,
            Denial::ExpectationFailed,
            Denial::UnsupportedWebSocketVersion,
            Denial::WrongHost,
            Denial::NoCredential,
            Denial::Unauthenticated(Rejection::Expired),
            Denial::Forbidden,
            Denial::MayNotActAs,
            Denial::ForeignOrigin,
            Denial::NoPlaceForIdentity,
        ];
        let reasons: HashSet<&str> = denials.iter().map(|denial| denial.reason()).collect();
        assert_eq!(reasons.len(), denials.len());
        assert!(reasons.contains("its own") && reasons.contains(Rejection::Expired.reason()));
    }
}
