//! The credential parameter of a query (RFC 6750 §2.3): found, and cut out byte for byte.

use super::path::escaped;

/// The decoded values of every parameter whose decoded name is `name`, in order; `None` where a
/// value doesn't decode. Names compare case-sensitively.
pub(super) fn values<'q>(
    query: &'q str,
    name: &'q str,
) -> impl Iterator<Item = Option<String>> + 'q {
    parameters(query).filter_map(move |parameter| {
        let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        is_named(key, name).then(|| decode(value))
    })
}

/// The query without any parameter whose decoded name is `name`; what is left keeps its bytes and
/// order. `None` when nothing is left.
pub(super) fn cut(query: &str, name: &str) -> Option<String> {
    if values(query, name).next().is_none() {
        // An empty query is not the same target as none.
        return Some(query.to_owned());
    }
    let mut rest: Option<String> = None;
    let mut separator = "";
    let mut from = 0;
    for parameter in parameters(query) {
        let key = parameter.split_once('=').map_or(parameter, |(key, _)| key);
        let next = from + parameter.len();
        if !is_named(key, name) {
            match &mut rest {
                Some(rest) => rest.extend([separator, parameter]),
                None => rest = Some(parameter.to_owned()),
            }
        }
        separator = query.get(next..=next).unwrap_or_default();
        from = next + 1;
    }
    rest.filter(|rest| !rest.is_empty())
}

/// Some parsers split at `;` as well (an older form recommendation); a credential must not pass
/// in a parameter that only they see.
fn parameters(query: &str) -> impl Iterator<Item = &str> {
    query.split(['&', ';'])
}

fn is_named(key: &str, name: &str) -> bool {
    key == name || (key.contains(['%', '+']) && decode(key).is_some_and(|key| key == name))
}

fn decode(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' {
            escaped(&mut bytes)?
        } else {
            byte
        });
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_credential_is_cut_and_the_rest_keeps_its_bytes() {
        for (query, rest) in [
            ("token=a", None),
            ("x=1&token=T&y=%20+z", Some("x=1&y=%20+z")),
            ("token=a&token=b&c", Some("c")),
            ("%74oken=a&b=2", Some("b=2")),
            ("", Some("")),
            ("a=1;token=b&c", Some("a=1&c")),
            ("Token=a&token[]=b", Some("Token=a&token[]=b")),
            ("a=1&b=2", Some("a=1&b=2")),
            ("&&a&=b&token=T&c==", Some("&&a&=b&c==")),
            ("token=T&&a", Some("&a")),
            ("token=T&", None),
            ("x%20y=1&token=T&a+b=2", Some("x%20y=1&a+b=2")),
            ("token", None),
        ] {
            assert_eq!(cut(query, "token").as_deref(), rest, "{query}");
        }
    }

    #[test]
    fn every_value_of_the_parameter_is_seen_decoded() {
        let all: Vec<_> = values("token=a%2Bb&x=1&to%6Ben=c&token=%zz", "token").collect();
        assert_eq!(all, [Some("a+b".to_owned()), Some("c".to_owned()), None]);
    }

    proptest! {
        #[test]
        fn nothing_named_token_survives_the_cut(query in "[a-z%0-9=&;token+]{0,40}") {
            let rest = cut(&query, "token").unwrap_or_default();
            prop_assert_eq!(values(&rest, "token").count(), 0);
        }

        #[test]
        fn a_query_without_the_parameter_keeps_its_bytes(query in "([a-s]{1,3}=[0-9]{0,3}&){0,4}z=1") {
            prop_assert_eq!(cut(&query, "token"), Some(query));
        }
    }
}
