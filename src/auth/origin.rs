//! [`Origins`]: which web pages may open a WebSocket (RFC 6455 §10.2), and when a credential counts
//! that a browser sends by itself.

use http::{HeaderValue, Method, header, request::Parts};

use super::{Denial, Hosts, Transport, authority};

/// Pages of the public hosts, and of these origins. A client that is no browser sends no `Origin`.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    also: Vec<Box<str>>,
    security: Security,
}

/// How pages of ours come to a browser.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Security {
    /// Over TLS, which ends here.
    #[default]
    Tls,
    /// As whatever stands before us has it.
    Either,
}

impl Origins {
    /// Allows these origins (`https://app.example`) besides the public hosts; `*` allows any.
    #[must_use]
    pub fn new(also: impl IntoIterator<Item = String>) -> Self {
        Self {
            also: also
                .into_iter()
                .map(|origin| origin.to_ascii_lowercase().into())
                .collect(),
            security: Security::Tls,
        }
    }

    /// The same, where pages of ours come so.
    #[must_use]
    pub fn with(self, security: Security) -> Self {
        Self { security, ..self }
    }

    /// Whether a cookie counts on this request: one that a foreign page makes bears it as well
    /// (RFC 6265 §8.2).
    ///
    /// What only reads may also come from the address bar or a link that is followed; whatever may
    /// change something, and a WebSocket, has to come from a page of this very origin, and say so.
    pub(super) fn is_of_our_pages(&self, head: &Parts, transport: Transport) -> bool {
        let mut lines = head.headers.get_all(header::ORIGIN).iter();
        match (lines.next(), lines.next()) {
            (Some(origin), None) => {
                let origin = origin.to_str().unwrap_or("null");
                self.is_own(origin, head) && is_same_origin(head)
            }
            (None, _) => {
                let reads = head.method == Method::GET || head.method == Method::HEAD;
                transport == Transport::Http && reads && is_fetched_for_ours(head)
            }
            (Some(_), Some(_)) => false,
        }
    }

    /// Whether it is the origin that this request is addressed to (RFC 6454 §4).
    fn is_own(&self, origin: &str, head: &Parts) -> bool {
        let Some((scheme, authority)) = origin.split_once("://") else {
            return false;
        };
        let default_port = match (scheme.to_ascii_lowercase().as_str(), self.security) {
            ("https", _) => ":443",
            ("http", Security::Either) => ":80",
            _ => return false,
        };
        let bare = |text| str::strip_suffix(text, default_port).unwrap_or(text);
        authority::written(head).is_ok_and(|own| bare(own).eq_ignore_ascii_case(bare(authority)))
    }

    /// Checks the `Origin` of a handshake.
    ///
    /// # Errors
    /// `ForeignOrigin` when there is one that is neither a public host's nor listed.
    pub(super) fn check(&self, head: &Parts, hosts: &Hosts) -> Result<(), Denial> {
        let mut lines = head.headers.get_all(header::ORIGIN).iter();
        let origin = match (lines.next(), lines.next()) {
            (None, _) => return Ok(()),
            (Some(origin), None) => origin.to_str().unwrap_or("null").to_ascii_lowercase(),
            (Some(_), Some(_)) => return Err(Denial::ForeignOrigin),
        };
        let listed = self
            .also
            .iter()
            .any(|also| **also == *origin || **also == *"*");
        if listed || is_public(&origin, hosts) {
            Ok(())
        } else {
            Err(Denial::ForeignOrigin)
        }
    }
}

/// By Fetch Metadata: made by a page of the same origin, or typed by the user. A client that says
/// nothing of it is no browser of these days.
fn is_same_origin(head: &Parts) -> bool {
    let site = head.headers.get("sec-fetch-site");
    matches!(
        site.map(HeaderValue::as_bytes),
        None | Some(b"same-origin" | b"none")
    )
}

/// The same, or followed as a link of the whole page.
fn is_fetched_for_ours(head: &Parts) -> bool {
    let says = |name: &str, what| head.headers.get(name).is_some_and(|value| value == what);
    is_same_origin(head) || says("sec-fetch-mode", "navigate") && says("sec-fetch-dest", "document")
}

fn is_public(origin: &str, hosts: &Hosts) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else {
        return false;
    };
    let host = authority::split(authority).map(|(host, _)| host);
    matches!(scheme, "https" | "http") && host.is_some_and(|host| hosts.allow_by_name(host))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::auth::HostPattern;

    fn check(origins: &[&str]) -> Result<(), Denial> {
        let hosts = Hosts::new(vec![HostPattern::parse("chat.example")]);
        let mut request = Request::builder();
        for origin in origins {
            request = request.header("origin", *origin);
        }
        let head = request.body(()).unwrap().into_parts().0;
        Origins::new(["https://App.example".to_owned()]).check(&head, &hosts)
    }

    #[test]
    fn pages_of_ours_listed_ones_and_non_browsers_may_open_a_websocket() {
        for origins in [
            &[][..],
            &["https://chat.example:8443"],
            &["https://app.example"],
        ] {
            assert_eq!(check(origins), Ok(()), "{origins:?}");
        }
    }

    fn counts(method: &str, transport: Transport, headers: &[(&str, &str)]) -> bool {
        let mut request = Request::builder()
            .method(method)
            .header("host", "chat.example:8443");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let head = request.body(()).unwrap().into_parts().0;
        Origins::default().is_of_our_pages(&head, transport)
    }

    const OURS: (&str, &str) = ("origin", "https://Chat.example:8443");
    const NAVIGATED: [(&str, &str); 3] = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
    ];

    #[test]
    fn a_cookie_counts_on_requests_of_our_pages() {
        let same = ("sec-fetch-site", "same-origin");
        let typed = ("sec-fetch-site", "none");
        for headers in [&[][..], &[same], &[typed], &[OURS], &NAVIGATED] {
            assert!(counts("GET", Transport::Http, headers), "{headers:?}");
        }
        assert!(counts("POST", Transport::Http, &[OURS, same]));
        assert!(counts("GET", Transport::WebSocket, &[OURS]));
    }

    #[test]
    fn a_cookie_does_not_count_on_requests_of_other_pages() {
        let foreign = ("origin", "https://evil.example");
        let cross = ("sec-fetch-site", "cross-site");
        let site = ("sec-fetch-site", "same-site");
        let framed = [NAVIGATED[0], NAVIGATED[1], ("sec-fetch-dest", "iframe")];
        for headers in [&[foreign][..], &[cross], &[site], &framed, &[OURS, OURS]] {
            assert!(!counts("GET", Transport::Http, headers), "{headers:?}");
        }
        for headers in [&[][..], &[("sec-fetch-site", "same-origin")], &NAVIGATED] {
            assert!(!counts("POST", Transport::Http, headers), "{headers:?}");
            assert!(!counts("GET", Transport::WebSocket, headers), "{headers:?}");
        }
        for other in [
            "https://chat.example",
            "https://chat.example:9999",
            "http://chat.example:8443",
            "https://evil.chat.example:8443",
            "https://chat.example:8443.evil",
            "null",
            "",
        ] {
            assert!(
                !counts("POST", Transport::Http, &[("origin", other)]),
                "{other}"
            );
        }
        for site in [cross, site] {
            assert!(!counts("POST", Transport::Http, &[OURS, site]), "{site:?}");
        }
    }

    #[test]
    fn a_port_that_goes_without_saying_is_the_same_as_none() {
        let own = |security, host, origin| {
            let request = Request::builder().header("host", host);
            let head = request.body(()).unwrap().into_parts().0;
            Origins::default().with(security).is_own(origin, &head)
        };
        assert!(own(Security::Tls, "a.example:443", "https://a.example"));
        assert!(own(Security::Tls, "a.example", "https://A.example:443"));
        assert!(!own(Security::Tls, "a.example", "http://a.example"));
        assert!(own(Security::Either, "a.example", "http://a.example:80"));
        assert!(!own(Security::Either, "a.example", "ws://a.example"));
    }

    #[test]
    fn other_pages_may_not() {
        for origins in [
            &["https://evil.example"][..],
            &["null"],
            &["https://chat.example.evil"],
            &["https://chat.example@evil.example"],
            &["https://app.example:444"],
            &["chat.example"],
            &["https://chat.example", "https://chat.example"],
        ] {
            assert_eq!(check(origins), Err(Denial::ForeignOrigin), "{origins:?}");
        }
    }
}
