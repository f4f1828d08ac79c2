//! Turns what serde says into what an operator needs: the fault in their words, and a suggestion.

use super::mask;

/// What a deserializer's message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A key that isn't one of ours.
    UnknownKey(String),
    /// A key that must be there.
    MissingKey(String),
    /// A value that doesn't fit.
    BadValue,
}

/// A message in the operator's words, and advice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Explained {
    pub(super) fault: Fault,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

/// Keys of later versions: a better answer than "unknown".
const NOT_YET: &[&str] = &["accounts", "admin", "jwks_url", "discovery_url"];

/// Explains the deserializer's message about the setting with this key.
pub(super) fn explain(message: &str, key: &str) -> Explained {
    let named = backquoted(message);
    match named.split_first() {
        Some((name, expected)) if message.starts_with("unknown field") => {
            unknown_key(name, expected)
        }
        Some((name, _)) if message.starts_with("missing field") => Explained {
            fault: Fault::MissingKey((*name).to_owned()),
            message: format!("missing key `{name}`"),
            help: None,
        },
        Some((name, expected)) if message.starts_with("unknown ") => Explained {
            fault: Fault::BadValue,
            // serde's word for it is `variant`; our own messages name the thing.
            message: match message.split_once('`') {
                Some((what, _)) if what != "unknown variant " => format!("{what}`{name}`"),
                _ => format!("unknown value `{name}`"),
            },
            help: Some(did_you_mean(name, expected)),
        },
        _ => bad_value(message, key),
    }
}

fn unknown_key(name: &str, expected: &[&str]) -> Explained {
    let (message, help) = if NOT_YET.contains(&name) {
        (format!("`{name}` is not available in this version"), None)
    } else if name == "allow_weak_secrets" {
        let help = "it stands at the top of the file, before the first section";
        (
            format!("unknown key `{name}` in this section"),
            Some(help.to_owned()),
        )
    } else {
        (
            format!("unknown key `{name}`"),
            Some(did_you_mean(name, expected)),
        )
    };
    Explained {
        fault: Fault::UnknownKey(name.to_owned()),
        message,
        help,
    }
}

/// A value that doesn't fit; repeated only where no secret can stand.
fn bad_value(message: &str, key: &str) -> Explained {
    let expected = message
        .split_once(", expected ")
        .map(|(_, expected)| expected);
    let message = match expected {
        Some("a sequence") if message.contains("map") => {
            format!("`{key}` is a list: each starts with [[{key}]]")
        }
        Some(expected) if !mask::may_show(key) => format!("expected {expected}"),
        _ if message == "wanted string or table" => "expected a string".to_owned(),
        _ => message.to_owned(),
    };
    Explained {
        fault: Fault::BadValue,
        message,
        help: None,
    }
}

/// The names between back quotes.
fn backquoted(message: &str) -> Vec<&str> {
    message.split('`').skip(1).step_by(2).collect()
}

/// The nearest of the names, or all of them.
pub(super) fn did_you_mean(name: &str, known: &[&str]) -> String {
    match nearest(name, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known here: {}", known.join(", ")),
    }
}

/// The known name that was probably meant.
pub(super) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let plain = |text: &str| text.to_ascii_lowercase().replace(['-', '_'], "");
    let meant = plain(name);
    let distance = |known: &str| strsim::damerau_levenshtein(&meant, &plain(known));
    let near = known.iter().map(|known| (distance(known), *known)).min()?;
    (near.0 <= 1.max(meant.len() / 3)).then_some(near.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested_and_a_far_one_is_not() {
        let known = ["address", "redirect", "hosts"];
        assert_eq!(nearest("addres", &known), Some("address"));
        assert_eq!(nearest("host", &known), Some("hosts"));
        assert_eq!(nearest("Re-direct", &known), Some("redirect"));
        assert_eq!(nearest("certificate", &known), None);
    }

    #[test]
    fn the_value_of_a_secret_is_not_repeated() {
        let explained = explain("invalid type: integer `12345`, expected a string", "value");
        assert_eq!(explained.message, "expected a string");
        let explained = explain("invalid type: integer `12345`, expected a string", "user");
        assert!(explained.message.contains("12345"));
    }

    #[test]
    fn a_key_of_a_later_version_says_so() {
        let explained = explain("unknown field `jwks_url`, expected `name` or `x`", "issuer");
        assert!(explained.message.contains("not available"));
    }
}
