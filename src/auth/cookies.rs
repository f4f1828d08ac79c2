//! The `Cookie` header (RFC 6265 §5.4): one line, without the cookies that carry a login.

use http::{HeaderMap, HeaderValue, header};

/// Joins the cookie lines into one (HTTP/2 splits them, RFC 9113 §8.2.3) and takes out the named
/// cookies.
pub(super) fn strip(headers: &mut HeaderMap, names: &[Box<str>]) {
    let lines = headers.get_all(header::COOKIE);
    let several = match lines.iter().take(2).count() {
        0 => return,
        lines => lines > 1,
    };
    let mut changed = several;
    let listed = |cookie: &[u8]| {
        let name = cookie.split(|byte| *byte == b'=').next().unwrap_or(cookie);
        let name = trim(name);
        names.iter().any(|listed| listed.as_bytes() == name)
    };
    let mut kept: Vec<u8> = Vec::new();
    for line in lines {
        for cookie in line.as_bytes().split(|byte| *byte == b';') {
            let cookie = cookie.trim_ascii();
            if cookie.is_empty() || listed(cookie) {
                changed = true;
                continue;
            }
            if !kept.is_empty() {
                kept.extend_from_slice(b"; ");
            }
            kept.extend_from_slice(cookie);
        }
    }
    if !changed {
        return;
    }
    match HeaderValue::from_maybe_shared(bytes::Bytes::from(kept)) {
        Ok(value) if !value.is_empty() => drop(headers.insert(header::COOKIE, value)),
        _ => drop(headers.remove(header::COOKIE)),
    }
}

/// What the cookies of this very name hold; `None` for what can't be a credential.
///
/// A name in disguise is taken out like the name itself, and never believed: a browser guards names
/// such as `__Host-…` by their letters (RFC 6265bis §4.1.3), and anybody beside us sets another.
pub(super) fn values<'h>(
    headers: &'h HeaderMap,
    name: &str,
) -> impl Iterator<Item = Option<&'h str>> {
    let lines = headers.get_all(header::COOKIE).iter();
    let cookies = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    cookies.filter_map(move |cookie| {
        let at = cookie.iter().position(|byte| *byte == b'=')?;
        let (written, value) = cookie.split_at_checked(at)?;
        (written.trim_ascii() == name.as_bytes()).then(|| {
            let value = value.get(1..)?.trim_ascii();
            let quoted = value
                .strip_prefix(b"\"")
                .and_then(|it| it.strip_suffix(b"\""));
            let value = str::from_utf8(quoted.unwrap_or(value)).ok()?;
            value
                .bytes()
                .all(|byte| byte.is_ascii_graphic())
                .then_some(value)
        })
    })
}

/// The name without whatever no name begins or ends with (RFC 6265 §4.1.1): parsers trim more than
/// blanks, as `0xA0` where they take bytes for Latin-1.
fn trim(mut name: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = name
        && !is_of_a_token(*first)
    {
        name = rest;
    }
    while let [rest @ .., last] = name
        && !is_of_a_token(*last)
    {
        name = rest;
    }
    name
}

/// Whether a token is made of such bytes: `tchar` (RFC 9110 §5.6.2).
#[must_use]
pub fn is_of_a_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(lines: &[&str]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::COOKIE, line.parse().unwrap());
        }
        strip(&mut headers, &["ccat_user_token".into()]);
        let left = headers.get_all(header::COOKIE).iter();
        left.map(|value| value.to_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn login_cookies_are_taken_out_and_the_rest_stays() {
        assert_eq!(stripped(&["ccat_user_token=x; a=1"]), ["a=1"]);
        assert_eq!(stripped(&["a=1; ccat_user_token = x ;b=2"]), ["a=1; b=2"]);
        assert_eq!(stripped(&["ccat_user_token=x"]), Vec::<String>::new());
        assert_eq!(stripped(&["a=1;b=2"]), ["a=1;b=2"]);
        assert_eq!(stripped(&[]), Vec::<String>::new());
    }

    #[test]
    fn no_blank_of_any_parser_disguises_a_login_cookie() {
        for blank in [
            &b"\xa0"[..],
            b"\x85",
            b"\xe3\x80\x80",
            b"\xc2\xa0",
            b"\t",
            b"\"",
            b"(",
        ] {
            for line in [
                [b"a=1; ", blank, b"ccat_user_token=x"].concat(),
                [b"a=1; ccat_user_token", blank, b"=x"].concat(),
            ] {
                let mut headers = HeaderMap::new();
                headers.insert(header::COOKIE, HeaderValue::from_bytes(&line).unwrap());
                strip(&mut headers, &["ccat_user_token".into()]);
                assert_eq!(headers.get(header::COOKIE).unwrap(), "a=1", "{line:?}");
            }
        }
    }

    #[test]
    fn a_cookie_is_found_by_its_name() {
        let mut headers = HeaderMap::new();
        for line in ["jwt=a; jwtx=b", " jwt = \"c\" ;xjwt=d", "jwt=e f", "jwt"] {
            headers.append(header::COOKIE, line.parse().unwrap());
        }
        let found: Vec<_> = values(&headers, "jwt").collect();
        assert_eq!(found, [Some("a"), Some("c"), None]);
        for disguised in [
            &b"\xa0jwt=x"[..],
            b"jwt\x85=x",
            b"\"jwt\"=x",
            b"\xc2\xa0jwt=x",
        ] {
            headers.insert(header::COOKIE, HeaderValue::from_bytes(disguised).unwrap());
            assert_eq!(values(&headers, "jwt").count(), 0, "{disguised:?}");
        }
    }

    #[test]
    fn crumbs_become_one_line() {
        assert_eq!(stripped(&["a=1", "b=2", "c=3"]), ["a=1; b=2; c=3"]);
    }
}
