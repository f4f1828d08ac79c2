//! The normal form of a path.

use crate::auth::{EncodedSlash, RequestPath};

/// The bytes are a path: accepted only when every way to read it yields the same segments.
pub fn path(bytes: &[u8]) {
    let Ok(raw) = str::from_utf8(bytes) else {
        return;
    };
    let Ok(path) = RequestPath::parse(raw) else {
        return;
    };
    let segments: Vec<&str> = path.segments().collect();
    // Decoded segment by segment instead of whole.
    let split = raw.strip_prefix('/').unwrap();
    let split = split.strip_suffix('/').unwrap_or(split);
    let decoded = split.split('/').filter(|_| !split.is_empty()).map(decode);
    if path.encoded_slash() == EncodedSlash::Absent {
        assert_eq!(segments, decoded.collect::<Vec<_>>());
    }
    for segment in &segments {
        assert!(![".", "..", ""].contains(segment), "{raw}");
        let is_clean = |c: char| !c.is_ascii_control() && c != '\\';
        assert!(
            segment
                .replace("%2F", "")
                .chars()
                .all(|c| is_clean(c) && c != '/'),
            "{raw}"
        );
    }
    // Written anew from its segments, it is the same path.
    let anew: Vec<String> = segments.iter().map(|segment| encode(segment)).collect();
    let anew = format!("/{}", anew.join("/"));
    if path.encoded_slash() == EncodedSlash::Absent {
        let again = RequestPath::parse(&anew).unwrap();
        assert_eq!(again.segments().collect::<Vec<_>>(), segments);
    }
}

fn decode(segment: &str) -> String {
    let mut bytes = Vec::new();
    for (at, part) in segment.split('%').enumerate() {
        if at == 0 {
            bytes.extend(part.bytes());
        } else {
            let (digits, rest) = part.split_at(2);
            bytes.push(u8::from_str_radix(digits, 16).unwrap());
            bytes.extend(rest.bytes());
        }
    }
    String::from_utf8(bytes).unwrap()
}

fn encode(segment: &str) -> String {
    let escapes = segment.bytes().map(|byte| format!("%{byte:02x}"));
    escapes.collect::<Vec<_>>().concat()
}
