//! [`Protected`]: the headers that a client may not set, in any spelling.

use std::{
    collections::HashSet,
    hash::{BuildHasherDefault, Hasher},
};

use http::{HeaderMap, HeaderName, header};

/// Names compared with case, `-`, `_` and `.` folded, since backends fold them too: CGI the first
/// three, some servers whatever is no letter.
#[derive(Debug, Clone)]
pub struct Protected {
    names: HashSet<Box<[u8]>, BuildHasherDefault<NameHasher>>,
    beginnings: Beginnings,
}

/// Credential, framing, hop-by-hop (RFC 9110 §7.6.1) and forwarding headers, and those that some
/// servers take for the real target; whatever the profile adds comes on top.
const ALWAYS: [&str; 26] = [
    "authorization",
    "access-token",
    "x-api-key",
    "api-key",
    "proxy-authorization",
    "proxy-authenticate",
    "content-length",
    "transfer-encoding",
    "te",
    "trailer",
    "host",
    "connection",
    "keep-alive",
    "proxy-connection",
    "upgrade",
    "http2-settings",
    "expect",
    "sec-websocket-protocol",
    "sec-websocket-accept",
    "forwarded",
    "x-real-ip",
    "x-original-url",
    "x-rewrite-url",
    "x-http-method-override",
    "x-request-id",
    "user-id",
];

/// However a name goes on that begins so, it tells of the way a request came.
const FORWARDING: &[u8] = b"x-forwarded-";

/// A longer name is protected only by how it begins.
const LONGEST: usize = 64;

impl Protected {
    /// The headers that are always protected, and these, of at most 64 bytes each.
    pub fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let folded = |name: &str| name.bytes().map(fold).collect();
        let names: HashSet<Box<[u8]>, _> = ALWAYS.into_iter().chain(names).map(folded).collect();
        let mut beginnings = Beginnings::default();
        for name in &names {
            beginnings.add(name);
        }
        Self { names, beginnings }
    }

    /// Whether a client may not set this header.
    #[must_use]
    pub fn holds(&self, name: &HeaderName) -> bool {
        let name = name.as_str().as_bytes();
        self.beginnings.may_hold(name) && self.holds_folded(name)
    }

    fn holds_folded(&self, name: &[u8]) -> bool {
        let mut buffer = [0; LONGEST];
        let length = name.len().min(LONGEST);
        let Some(folded) = buffer.get_mut(..length) else {
            return false;
        };
        for (to, from) in folded.iter_mut().zip(name) {
            *to = fold(*from);
        }
        folded.starts_with(FORWARDING) || (length == name.len() && self.names.contains(&*folded))
    }

    /// Removes the protected headers, and those that a `Connection` line nominates.
    pub(super) fn strip(&self, headers: &mut HeaderMap) {
        let mut gone: Vec<HeaderName> = Vec::with_capacity(8);
        gone.extend(headers.keys().filter(|name| self.holds(name)).cloned());
        let options = headers.get_all(header::CONNECTION).iter();
        let options = options.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
        let options = options.map(<[u8]>::trim_ascii);
        for option in options.filter(|option| !is_usual(option)) {
            if let Ok(name) = HeaderName::try_from(option)
                && headers.contains_key(&name)
                && !is_of_the_handshake(&name)
            {
                gone.push(name);
            }
        }
        for name in &gone {
            headers.remove(name);
        }
    }
}

/// For each length, with which letters protected names of it begin: tells most others apart at a
/// glance.
#[derive(Debug, Clone)]
struct Beginnings([u32; LONGEST + 1]);

impl Default for Beginnings {
    fn default() -> Self {
        Self([0; LONGEST + 1])
    }
}

impl Beginnings {
    fn add(&mut self, name: &[u8]) {
        if let Some(letters) = self.0.get_mut(name.len()) {
            *letters |= letter(name);
        }
    }

    /// Whether a name may be protected.
    fn may_hold(&self, name: &[u8]) -> bool {
        let letters = self.0.get(name.len()).copied().unwrap_or(0);
        // What tells of the way a request came has any length.
        (letters | letter(FORWARDING)) & letter(name) != 0
    }
}

/// A bit for the first letter; other characters share the letters' bits.
fn letter(name: &[u8]) -> u32 {
    name.first().map_or(0, |first| 1 << (fold(*first) & 31))
}

/// Options that nominate no header.
fn is_usual(option: &[u8]) -> bool {
    [&b"keep-alive"[..], b"close", b"upgrade"]
        .iter()
        .any(|usual| usual.eq_ignore_ascii_case(option))
}

/// A handshake's own headers are end-to-end, whatever a client nominates.
fn is_of_the_handshake(name: &HeaderName) -> bool {
    *name == header::SEC_WEBSOCKET_KEY || *name == header::SEC_WEBSOCKET_VERSION
}

/// FNV-1a: the names in the table are the operator's, so nobody else can choose what collides.
#[derive(Debug, Clone)]
struct NameHasher(u64);

impl Default for NameHasher {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for NameHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn write_usize(&mut self, length: usize) {
        self.0 ^= length as u64;
    }
}

fn fold(byte: u8) -> u8 {
    match byte {
        b'_' | b'.' => b'-',
        other => other.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_protected_header_is_stripped() {
        let protected = Protected::new(["user_id", "x-tenant"]);
        let mut headers = HeaderMap::new();
        for name in [
            "user_id",
            "user-id",
            "User-Id",
            "USER_ID",
            "x_forwarded_for",
            "X-Tenant",
            "Transfer_Encoding",
            "content_length",
            "access_token",
            "x-api_key",
            "user.id",
        ] {
            headers.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                "evil".parse().unwrap(),
            );
        }
        headers.append("x_custom", "kept".parse().unwrap());
        headers.append("user-idx", "kept".parse().unwrap());
        protected.strip(&mut headers);
        assert_eq!(headers.len(), 2, "{headers:?}");
    }

    #[test]
    fn a_name_too_long_to_fold_is_protected_by_its_beginning() {
        let protected = Protected::new([]);
        let name = |text: &str| HeaderName::from_bytes(text.as_bytes()).unwrap();
        assert!(protected.holds(&name(&format!("x_forwarded_{}", "y".repeat(100)))));
        assert!(!protected.holds(&name(&"user-id".repeat(20))));
    }

    #[test]
    fn a_glance_overlooks_no_protected_name() {
        let own = ["user_id", "_x", "9-lives"];
        let protected = Protected::new(own);
        for name in ALWAYS
            .into_iter()
            .chain(own)
            .chain(["x-forwarded-anything"])
        {
            for spelling in [name.to_owned(), name.replace('-', "_")] {
                let name = HeaderName::from_bytes(spelling.as_bytes()).unwrap();
                assert!(protected.holds(&name), "{name}");
            }
        }
        for name in ["accept", "user-agent", "x-custom", "content-type"] {
            assert!(!protected.holds(&HeaderName::from_static(name)), "{name}");
        }
    }

    #[test]
    fn what_a_connection_line_nominates_goes_too() {
        let protected = Protected::new(["user_id"]);
        let mut headers = HeaderMap::new();
        headers.append("connection", "close, x-a".parse().unwrap());
        let line = http::HeaderValue::from_bytes(b"\xff, x-b").unwrap();
        headers.append("connection", line);
        headers.append("x-a", "1".parse().unwrap());
        headers.append("x-b", "1".parse().unwrap());
        headers.append("x-c", "1".parse().unwrap());
        protected.strip(&mut headers);
        assert_eq!(headers.keys().collect::<Vec<_>>(), ["x-c"]);
    }
}
