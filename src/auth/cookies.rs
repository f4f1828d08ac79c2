//! The `Cookie` header (RFC 6265 §5.4): one line, without the cookies that carry a login.

use http::{HeaderMap, HeaderValue, header};

/// Joins the cookie lines into one (HTTP/2 splits them, RFC 9113 §8.2.3) and takes out the named
/// cookies.
pub(super) fn strip(headers: &mut HeaderMap, names: &[Box<str>]) {
    let lines = headers.get_all(header::COOKIE);
    let mut count = lines.iter().take(2).count();
    if count == 0 {
        return;
    }
    let listed = |cookie: &str| {
        let name = cookie
            .split_once('=')
            .map_or(cookie, |(name, _)| name)
            .trim();
        names.iter().any(|listed| **listed == *name)
    };
    let mut kept: Vec<u8> = Vec::new();
    for line in lines {
        for cookie in line.as_bytes().split(|byte| *byte == b';') {
            let cookie = cookie.trim_ascii();
            // Names are ASCII; a cookie that isn't text can't be one of ours by name alone.
            if cookie.is_empty() || listed(&String::from_utf8_lossy(cookie)) {
                count = 2;
                continue;
            }
            if !kept.is_empty() {
                kept.extend_from_slice(b"; ");
            }
            kept.extend_from_slice(cookie);
        }
    }
    if count == 1 {
        return;
    }
    match HeaderValue::from_maybe_shared(bytes::Bytes::from(kept)) {
        Ok(value) if !value.is_empty() => drop(headers.insert(header::COOKIE, value)),
        _ => drop(headers.remove(header::COOKIE)),
    }
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
    fn crumbs_become_one_line() {
        assert_eq!(stripped(&["a=1", "b=2", "c=3"]), ["a=1; b=2; c=3"]);
    }
}
