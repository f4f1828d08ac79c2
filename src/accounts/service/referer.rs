//! [`Referer`]: where a browser goes after its login.

use http::uri::PathAndQuery;

use crate::auth::RequestPath;
use crate::snapshot::AccountsService;

/// A path and query of this very origin. What browsers read as another one (`//…`, `/\…`) is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Referer(String);

impl Referer {
    /// Nothing, when it leads anywhere else, or could be read so.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'#' && byte != b'\\';
        let is_ours = text.len() <= AccountsService::LONGEST_REFERER
            && RequestPath::parse(path).is_ok()
            && query.bytes().all(is_plain)
            && text.parse::<PathAndQuery>().is_ok();
        is_ours.then(|| Self(text.to_owned()))
    }

    /// The one that is asked for, or else home.
    pub(super) fn or_home(text: Option<&str>, settings: &AccountsService) -> Self {
        let home = || Self(settings.home.to_string());
        text.and_then(Self::parse).unwrap_or_else(home)
    }

    pub(super) const fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_path_of_ours_is_one() {
        for text in ["/", "/admin/", "/a/b?c=d&e=%2F/..//", "/a%20b?"] {
            assert_eq!(Referer::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn nothing_that_a_browser_reads_as_another_origin_is() {
        for text in [
            "",
            "admin/",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/%09/evil.example",
            "/\n/evil.example",
            " //evil.example",
            "https://evil.example/",
            "https:/evil.example",
            "javascript:alert(1)",
            "/..//evil.example",
            "/.//evil.example",
            "/a/..//evil.example",
            "/%2e%2e//evil.example",
            "/%2f/evil.example",
            "/%5cevil.example",
            "/a#b",
            "/a?b#c",
            "/a?b\r\nSet-Cookie: x=y",
            "/ä",
            "/a?\u{2028}",
        ] {
            assert_eq!(Referer::parse(text), None, "{text:?}");
        }
        let long = format!("/{}", "a".repeat(AccountsService::LONGEST_REFERER));
        assert_eq!(Referer::parse(&long), None);
    }

    proptest! {
        #[test]
        fn what_is_one_can_be_a_header_and_has_one_slash_in_front(text in "[/\\\\?#%.a-c:@\\x00-\\x20\\x7f]{0,12}") {
            if let Some(referer) = Referer::parse(&text) {
                let text = referer.as_str();
                prop_assert!(http::HeaderValue::try_from(text).is_ok());
                prop_assert!(text.starts_with('/'));
                prop_assert!(!text.starts_with("//") && !text.contains('\\'));
            }
        }
    }
}
