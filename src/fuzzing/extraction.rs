//! The one credential of a request.

use base64::Engine as _;

use super::admission::{decide, owners};
use super::gates::Profile;
use super::head;

/// The bytes of a request head: nobody is admitted whose credential does not stand in it, and
/// nobody as somebody else.
pub fn extraction(bytes: &[u8]) {
    let Some(head) = head::read(bytes) else {
        return;
    };
    for profile in [Profile::Generic, Profile::CheshireCat1] {
        let Some(admitted) = decide(profile, &head) else {
            continue;
        };
        if let Some(identity) = admitted.admission().identity() {
            let user = identity.user().as_str();
            let owners = owners(&readings(bytes));
            let speaks = owners.iter().any(|owner| user.starts_with(owner));
            assert!(speaks, "{user} is not one of {owners:?}");
        }
    }
}

/// The bytes as they are, with their escapes decoded, and what of them is base64url decoded.
fn readings(bytes: &[u8]) -> Vec<u8> {
    let mut all = bytes.to_vec();
    all.push(b'\n');
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        let escape = (*first == b'%').then(|| tail.get(..2)).flatten();
        let escape = escape.and_then(|digits| str::from_utf8(digits).ok());
        let decoded = escape.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let taken = if decoded.is_some() { 2 } else { 0 };
        all.push(decoded.unwrap_or(*first));
        rest = tail.get(taken..).unwrap_or_default();
    }
    all.push(b'\n');
    let is_of_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
    for word in bytes.split(|byte| !is_of_base64(byte)) {
        let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
        all.extend(engine.decode(word).unwrap_or_default());
        all.push(b'\n');
    }
    all
}
