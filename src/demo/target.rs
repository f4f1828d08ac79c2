//! Reads a request target as the Cat's framework does: decode first, match afterwards.

/// The path, percent-decoded as a whole; a `%2F` becomes a separator like any other.
pub(super) fn decoded_path(path: &str) -> String {
    percent_decode(path)
}

/// The last value of a query parameter whose decoded name is exactly `name`.
pub(super) fn last_parameter(query: Option<&str>, name: &str) -> Option<String> {
    query?
        .split('&')
        .rev()
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .find(|(key, _)| form_decode(key) == name)
        .map(|(_, value)| form_decode(value))
}

/// `application/x-www-form-urlencoded`: a plus is a space.
fn form_decode(text: &str) -> String {
    percent_decode(&text.replace('+', " "))
}

/// Decodes every `%XX`; a bad escape stays as it is, bad UTF-8 becomes replacement characters.
fn percent_decode(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escape = (first == b'%').then(|| escaped_byte(after)).flatten();
        decoded.push(escape.unwrap_or(first));
        rest = if escape.is_some() {
            after.get(2..).unwrap_or_default()
        } else {
            after
        };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn escaped_byte(digits: &[u8]) -> Option<u8> {
    let [high, low] = digits.first_chunk::<2>()?;
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_last_duplicate_of_a_parameter_wins() {
        let find = |query| last_parameter(Some(query), "token");
        assert_eq!(find("token=a&x=1&token=b").as_deref(), Some("b"));
        assert_eq!(find("t%6Fken=a+b%2Fc").as_deref(), Some("a b/c"));
        assert_eq!(find("token").as_deref(), Some(""));
        assert_eq!(find("Token=a"), None);
        assert_eq!(last_parameter(None, "token"), None);
    }

    #[test]
    fn a_bad_escape_stays_as_it_is() {
        assert_eq!(decoded_path("/ws/%C3%A9%2e%zz%4"), "/ws/é.%zz%4");
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(text in "\\PC*") {
            let encoded: Vec<_> = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
            prop_assert_eq!(percent_decode(&encoded.concat()), text);
        }

        #[test]
        fn decoding_survives_anything(text in ".*") {
            let _ = percent_decode(&text);
        }
    }
}
