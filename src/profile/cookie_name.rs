//! [`CookieName`]: a cookie as a profile names it.

use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

use crate::auth::is_of_a_token;
use crate::config::FromText;

/// A token (RFC 6265 §4.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieName(Box<str>);

/// Not the name of a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a cookie")]
pub struct InvalidCookieName;

impl CookieName {
    /// As it is written.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CookieName {
    type Err = InvalidCookieName;

    fn from_str(text: &str) -> Result<Self, InvalidCookieName> {
        let is_name = !text.is_empty() && text.bytes().all(is_of_a_token);
        is_name.then(|| Self(text.into())).ok_or(InvalidCookieName)
    }
}

impl<'de> Deserialize<'de> for CookieName {
    fn deserialize<D: Deserializer<'de>>(text: D) -> Result<Self, D::Error> {
        text.deserialize_str(FromText(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_break_out_of_its_header() {
        assert_eq!(
            "ccat_user_token".parse::<CookieName>().unwrap().as_str(),
            "ccat_user_token"
        );
        for bad in ["", "a b", "a=b", "a;b", "a\r\n", "ä"] {
            assert_eq!(bad.parse::<CookieName>(), Err(InvalidCookieName), "{bad:?}");
        }
    }
}
