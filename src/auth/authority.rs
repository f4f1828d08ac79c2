//! [`Hosts`]: which authorities (RFC 9110 §7.2) a request may be addressed to.

use http::{header, request::Parts};

use super::Denial;

/// The host allow-list; whatever it doesn't name is answered 421.
#[derive(Clone, Debug, Default)]
pub struct Hosts(Vec<HostPattern>);

/// One allowed host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostPattern {
    /// This name or address, on any port; lower-case, IPv6 without brackets.
    Exact(Box<str>),
    /// One label before this suffix (`*.example.com` is held as `.example.com`).
    Wildcard(Box<str>),
    /// Any host; the operator has to say so.
    Any,
}

impl HostPattern {
    /// Parses `chat.example`, `*.example.com`, `[::1]`, `::1` or `*`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let text = text.to_ascii_lowercase();
        match text.strip_prefix('*') {
            Some("") => Self::Any,
            Some(suffix) => Self::Wildcard(suffix.into()),
            None => Self::Exact(text.trim_start_matches('[').trim_end_matches(']').into()),
        }
    }

    fn matches(&self, host: &str) -> bool {
        match self {
            Self::Exact(exact) => **exact == *host || exact.eq_ignore_ascii_case(host),
            Self::Wildcard(suffix) => host.split_once('.').is_some_and(|(label, _)| {
                !label.is_empty()
                    && host
                        .get(label.len()..)
                        .is_some_and(|rest| rest.eq_ignore_ascii_case(suffix))
            }),
            Self::Any => true,
        }
    }
}

impl Hosts {
    /// An allow-list of these patterns; of none, it allows nothing.
    #[must_use]
    pub fn new(patterns: Vec<HostPattern>) -> Self {
        Self(patterns)
    }

    /// One host that the list allows; none where it allows nothing.
    #[must_use]
    pub fn example(&self) -> Option<String> {
        self.0.first().map(|pattern| match pattern {
            HostPattern::Exact(host) if host.contains(':') => format!("[{host}]"),
            HostPattern::Exact(host) => host.to_string(),
            HostPattern::Wildcard(suffix) => format!("any{suffix}"),
            HostPattern::Any => "localhost".to_owned(),
        })
    }

    /// Whether the list names this host itself, not merely any.
    pub(super) fn allow_by_name(&self, host: &str) -> bool {
        self.0
            .iter()
            .any(|pattern| *pattern != HostPattern::Any && pattern.matches(host))
    }

    /// Whether the list names this host (no port).
    #[must_use]
    pub fn allow(&self, host: &str) -> bool {
        self.0.iter().any(|pattern| pattern.matches(host))
    }
}

/// The host that a request is addressed to, without port or brackets.
///
/// # Errors
/// As [`written`], and when it is not of that form.
pub(super) fn host(head: &Parts) -> Result<&str, Denial> {
    let (host, _) = split(written(head)?).ok_or(Denial::Malformed("invalid host"))?;
    Ok(host)
}

/// The one authority that a request is addressed to, as it is written: the `Host` line if there is
/// one.
///
/// # Errors
/// `Malformed` when it is missing, repeated, or said twice with a difference (absolute form or
/// `:authority` against `Host`, RFC 9112 §3.2, RFC 9113 §8.3.1).
pub(super) fn written(head: &Parts) -> Result<&str, Denial> {
    let mut lines = head.headers.get_all(header::HOST).iter();
    let line = match (lines.next().map(http::HeaderValue::to_str), lines.next()) {
        (_, Some(_)) => return Err(Denial::Malformed("repeated host")),
        (Some(Err(_)), None) => return Err(Denial::Malformed("invalid host")),
        (Some(Ok(line)), None) => Some(line),
        (None, None) => None,
    };
    match (head.uri.authority(), line) {
        (Some(target), Some(line)) if target.as_str().eq_ignore_ascii_case(line) => Ok(line),
        (Some(_), Some(_)) => Err(Denial::Malformed("host differs from the target")),
        (Some(target), None) if head.version == http::Version::HTTP_2 => Ok(target.as_str()),
        (None, Some(line)) => Ok(line),
        (_, None) => Err(Denial::Malformed("no host")),
    }
}

/// Splits `host[:port]` (RFC 3986 §3.2, without userinfo); the host comes without brackets.
pub(super) fn split(authority: &str) -> Option<(&str, Option<u16>)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (address, rest) = rest.split_once(']')?;
        address.parse::<std::net::Ipv6Addr>().ok()?;
        return match rest {
            "" => Some((address, None)),
            _ => Some((address, Some(port(rest.strip_prefix(':')?)?))),
        };
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, digits)) => (host, Some(port(digits)?)),
        None => (authority, None),
    };
    (!host.is_empty() && host.bytes().all(is_of_a_name)).then_some((host, port))
}

fn port(digits: &str) -> Option<u16> {
    // `parse` would take a sign.
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten()
}

const fn is_of_a_name(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'.' | b'_')
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn of_hosts(uri: &str, hosts: &[&str]) -> Result<String, Denial> {
        let mut request = Request::builder().uri(uri);
        for host in hosts {
            request = request.header("host", *host);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        host(&head).map(str::to_owned)
    }

    #[test]
    fn a_request_has_exactly_one_well_formed_host() {
        let host = of_hosts("/", &["chat.example:8443"]);
        assert_eq!(host.unwrap(), "chat.example");
        assert_eq!(of_hosts("/", &["[::1]:8443"]).unwrap(), "::1");
        assert_eq!(
            of_hosts("http://A.example/", &["a.example"]).unwrap(),
            "a.example"
        );
        for (uri, hosts) in [
            ("/", &[][..]),
            ("/", &["a", "a"]),
            ("/", &["a, b"]),
            ("/", &["a b@c/d"]),
            ("/", &["user@a"]),
            ("/", &[""]),
            ("/", &["a:b"]),
            ("/", &["a:99999"]),
            ("/", &["[::zz]"]),
            ("http://evil/a", &["localhost"]),
        ] {
            assert!(of_hosts(uri, hosts).is_err(), "{uri} {hosts:?}");
        }
    }

    #[test]
    fn a_wildcard_stands_for_one_label() {
        let hosts = Hosts::new(vec![
            HostPattern::parse("*.Example.com"),
            HostPattern::parse("[::1]"),
        ]);
        assert!(hosts.allow("chat.example.com") && hosts.allow("CHAT.EXAMPLE.COM"));
        assert!(hosts.allow("::1"));
        for other in [
            "example.com",
            "a.b.example.com",
            ".example.com",
            "chat.example.com.evil",
        ] {
            assert!(!hosts.allow(other), "{other}");
        }
    }

    #[test]
    fn http_2_alone_may_leave_the_line_out() {
        for (version, is_enough) in [
            (http::Version::HTTP_2, true),
            (http::Version::HTTP_11, false),
            (http::Version::HTTP_10, false),
        ] {
            let request = Request::builder()
                .uri("https://a.example/")
                .version(version);
            let (head, ()) = request.body(()).unwrap().into_parts();
            assert_eq!(host(&head).is_ok(), is_enough, "{version:?}");
        }
    }

    #[test]
    fn an_authority_is_a_host_and_perhaps_a_port() {
        assert_eq!(split("[::1]"), Some(("::1", None)));
        assert_eq!(split("[::1]:80"), Some(("::1", Some(80))));
        assert_eq!(split("a"), Some(("a", None)));
        assert_eq!(split("a:80"), Some(("a", Some(80))));
        for none in ["[::1", "[::1]80", "[::1]:", "a:", "a:+80", ":80", ""] {
            assert_eq!(split(none), None, "{none}");
        }
    }

    #[test]
    fn a_name_is_a_name_in_any_case() {
        let hosts = Hosts::new(vec![HostPattern::parse("Chat.example")]);
        assert!(hosts.allow("chat.example") && hosts.allow("CHAT.example"));
        assert!(!hosts.allow("chat.example."));
    }

    #[test]
    fn any_host_is_allowed_but_not_by_name() {
        let hosts = Hosts::new(vec![HostPattern::Any, HostPattern::parse("a.example")]);
        assert!(hosts.allow("b.example") && !hosts.allow_by_name("b.example"));
        assert!(hosts.allow("a.example") && hosts.allow_by_name("a.example"));
    }

    #[test]
    fn a_list_has_an_example_that_it_allows() {
        for (pattern, example) in [
            ("chat.example", "chat.example"),
            ("::1", "[::1]"),
            ("*.example", "any.example"),
            ("*", "localhost"),
        ] {
            let hosts = Hosts::new(vec![HostPattern::parse(pattern)]);
            assert_eq!(hosts.example().as_deref(), Some(example));
        }
        assert_eq!(Hosts::default().example(), None);
    }

    #[test]
    fn an_empty_list_allows_nothing() {
        assert!(!Hosts::default().allow("localhost"));
    }
}
