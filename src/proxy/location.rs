//! Redirects of a backend that doesn't know where the public finds it.

use http::header::{self, HeaderMap, HeaderValue};

use crate::snapshot::Backend;

/// Makes a `Location` that points at the backend's own origin, or at the public host over plain
/// HTTP, point at the public origin. Others stay.
///
/// A backend that hears of TLS before it, and not of its port, leaves the port out; who followed
/// such a redirect would send its credential in clear text.
pub(super) fn make_public(
    headers: &mut HeaderMap,
    backend: &Backend,
    scheme: &str,
    authority: &str,
) {
    let location = headers.get(header::LOCATION);
    let target = location
        .and_then(|location| location.to_str().ok())
        .and_then(|location| target_of_ours(location, backend, scheme, authority))
        .map(|target| HeaderValue::try_from(format!("{scheme}://{authority}{target}")));
    if let Some(Ok(public)) = target {
        headers.insert(header::LOCATION, public);
    }
}

/// What stands behind the origin, when that is one of ours.
fn target_of_ours<'l>(
    location: &'l str,
    backend: &Backend,
    public_scheme: &str,
    authority: &str,
) -> Option<&'l str> {
    let (scheme, rest) = location.split_once("://")?;
    let is_http = scheme.eq_ignore_ascii_case("http");
    if !is_http && !scheme.eq_ignore_ascii_case("https") {
        return None;
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, target) = rest.split_at_checked(end)?;
    let default_port = if is_http { ":80" } else { ":443" };
    let is = |other: &str| is_same_authority(host, other, default_port);
    let name = authority
        .rsplit_once(':')
        .map_or(authority, |(name, _)| name);
    let is_downgrade = is_http && (is(authority) || (public_scheme == "https" && is(name)));
    (is(&backend.authority) || is_downgrade).then_some(target)
}

fn is_same_authority(one: &str, other: &str, default_port: &str) -> bool {
    let bare = |text| str::strip_suffix(text, default_port).unwrap_or(text);
    bare(one).eq_ignore_ascii_case(bare(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Address;

    fn relocated(location: &str, scheme: &str) -> String {
        let address = Address::Name {
            host: "backend".to_owned(),
            port: 1865,
        };
        let backend = Backend {
            address,
            tls: None,
            authority: "backend:1865".to_owned(),
        };
        let mut headers = HeaderMap::new();
        headers.insert("location", HeaderValue::from_str(location).unwrap());
        make_public(&mut headers, &backend, scheme, "chat.example:8443");
        headers
            .get("location")
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    }

    #[test]
    fn locations_of_the_backend_become_public() {
        assert_eq!(
            relocated("http://backend:1865/users/", "https"),
            "https://chat.example:8443/users/"
        );
        assert_eq!(
            relocated("http://BACKEND:1865", "https"),
            "https://chat.example:8443"
        );
        assert_eq!(
            relocated("http://chat.example:8443/a?b#c", "https"),
            "https://chat.example:8443/a?b#c"
        );
        for plain in ["http://chat.example/a", "http://Chat.Example:80/a"] {
            assert_eq!(relocated(plain, "https"), "https://chat.example:8443/a");
            assert_eq!(relocated(plain, "http"), plain);
        }
        assert_eq!(
            relocated("http://backend:1865/x", "http"),
            "http://chat.example:8443/x"
        );
    }

    #[test]
    fn other_locations_stay() {
        for location in [
            "/users/",
            "https://other.example/",
            "http://backend:1866/",
            "http://chat.example:9000/",
            "http://chat.example.evil/",
            "https://chat.example/",
            "ftp://backend:1865/",
        ] {
            assert_eq!(relocated(location, "https"), location);
        }
    }

    #[test]
    fn a_default_port_is_the_same_as_none() {
        assert!(is_same_authority("a.example:80", "A.example", ":80"));
        assert!(!is_same_authority("a.example:8080", "a.example", ":80"));
    }
}
