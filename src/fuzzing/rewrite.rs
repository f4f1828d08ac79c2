//! The rewriting: what is admitted is well-formed, and is the caller's own.

use super::admission::decide;
use super::gates::Profile;
use super::head;
use crate::auth::RequestPath;

/// The bytes are a request head, as for the extraction. What was admitted, read again, is a
/// request with one path, which the gate would admit as the same user's.
pub fn rewrite(bytes: &[u8]) {
    let Some(asked) = head::read(bytes) else {
        return;
    };
    for profile in [Profile::Generic, Profile::CheshireCat1] {
        let Some(admitted) = decide(profile, &asked) else {
            continue;
        };
        let told = admitted.head();
        let target = told.uri.to_string();
        assert!(target.starts_with('/'), "{target}");
        assert!(RequestPath::parse(told.uri.path()).is_ok(), "{target}");
        let mut wire = format!("{} {target} HTTP/1.1\r\n", told.method).into_bytes();
        for (name, value) in &told.headers {
            wire.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        wire.extend(b"\r\n");
        let again = head::read(&wire).unwrap_or_else(|| panic!("{:?}", wire.escape_ascii()));
        assert_eq!(again.headers, told.headers);
        assert_eq!(
            (again.method, again.uri),
            (told.method.clone(), told.uri.clone())
        );
    }
}
