//! One line of a TOML file that means the same wherever it stands: `name = "text"`, a list of such
//! texts, a number, a date or a boolean, nothing at all.
//!
//! It knows far less than TOML does, and says so of whatever it does not know for certain.

use toml::Spanned;
use toml::de::{DeArray, DeString, DeValue, ValueDeserializer};

/// What a line sets: `Some(None)` for an empty one or a comment, `None` when it needs the parser.
#[expect(
    clippy::option_option,
    reason = "a line that sets nothing is not one that cannot be read"
)]
pub(super) fn read(line: &str) -> Option<Option<(&str, ValueDeserializer<'_>)>> {
    let line = trim(without_end(line));
    if line.is_empty() {
        return Some(None);
    }
    if let Some(comment) = line.strip_prefix('#') {
        return has_no(comment, |byte| is_control(byte) && byte != b'\t').then_some(None);
    }
    let (name, value) = line.split_once('=')?;
    let name = trim(name);
    // A bare key of TOML; one with dots is another matter.
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if name.is_empty() || !name.bytes().all(is_bare) {
        return None;
    }
    let value = Spanned::new(0..0, self::value(trim(value))?);
    Some(Some((name, value.into())))
}

/// Whether a line is this header and nothing else.
pub(super) fn is_header(line: &str, header: &str) -> bool {
    trim(without_end(line)) == header
}

fn value(text: &str) -> Option<DeValue<'_>> {
    if let Some(string) = string(text) {
        return Some(string);
    }
    if let Some(list) = text.strip_prefix('[') {
        let list = trim(list.strip_suffix(']')?);
        let mut array = DeArray::new();
        // A comma inside a string leaves halves that are no strings.
        for element in list.split(',').filter(|_| !list.is_empty()) {
            array.push(Spanned::new(0..0, string(trim(element))?));
        }
        return Some(DeValue::Array(array));
    }
    let is_scalar = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.:_".contains(&byte);
    if !text.bytes().all(is_scalar) {
        return None;
    }
    Some(DeValue::parse(text).ok()?.into_inner())
}

/// A string on one line without anything escaped, in either kind of quotes.
fn string(text: &str) -> Option<DeValue<'_>> {
    let quote = *text.as_bytes().first()?;
    let inner = match quote {
        b'"' => text.strip_prefix('"')?.strip_suffix('"')?,
        b'\'' => text.strip_prefix('\'')?.strip_suffix('\'')?,
        _ => return None,
    };
    let escape = if quote == b'"' { b'\\' } else { quote };
    let is_plain = has_no(inner, |byte| {
        is_control(byte) || byte == quote || byte == escape
    });
    is_plain.then_some(DeValue::String(DeString::Borrowed(inner)))
}

/// Looks at every byte without stopping, which compilers make wide instructions of.
fn has_no(text: &str, what: impl Fn(u8) -> bool) -> bool {
    !text.bytes().fold(false, |found, byte| found | what(byte))
}

const fn is_control(byte: u8) -> bool {
    byte < b' ' || byte == 0x7f
}

/// TOML knows two ends of a line, `\n` and `\r\n`.
fn without_end(line: &str) -> &str {
    match line.strip_suffix('\n') {
        Some(line) => line.strip_suffix('\r').unwrap_or(line),
        None => line,
    }
}

/// Without the two characters that TOML takes for blank.
fn trim(mut text: &str) -> &str {
    while let Some(rest) = text.strip_prefix([' ', '\t']) {
        text = rest;
    }
    while let Some(rest) = text.strip_suffix([' ', '\t']) {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    fn set(line: &str) -> Option<(&str, toml::Value)> {
        let (name, value) = read(line)??;
        Some((name, toml::Value::deserialize(value).ok()?))
    }

    #[test]
    fn a_plain_line_sets_a_value() {
        let text = |text: &str| toml::Value::String(text.to_owned());
        assert_eq!(set("id = \"a = b\"\r\n"), Some(("id", text("a = b"))));
        assert_eq!(set("\tid='C:\\x'"), Some(("id", text("C:\\x"))));
        assert_eq!(set("a-_1 = true \n"), Some(("a-_1", true.into())));
        let list = toml::Value::Array(vec![text("x"), text("y")]);
        assert_eq!(set("l = [ 'x' ,\"y\"]"), Some(("l", list)));
        assert_eq!(set("l = []"), Some(("l", toml::Value::Array(Vec::new()))));
    }

    #[test]
    fn an_empty_line_and_a_comment_set_nothing() {
        for line in ["", "\n", " \t\r\n", "# why\n", "  #\tit's \"ü\""] {
            assert!(matches!(read(line), Some(None)), "{line:?}");
        }
    }

    #[test]
    fn whatever_else_there_is_needs_the_parser() {
        for line in [
            "id",
            "= 'a'",
            "a.b = 'c'",
            "\"id\" = 'a'",
            "id = ",
            "id = \"",
            "id = \"\"\"",
            "id = '''a'''",
            "id = 'a' # b",
            "id = \"a\\n\"",
            "id = \"a\tb\"",
            "id = 'a'\r",
            "l = ['a',]",
            "l = ['a,b']",
            "l = [1]",
            "l = [",
            "t = { a = 1 }",
            "[[key]]",
            "# \u{0}",
        ] {
            assert!(read(line).is_none(), "{line:?}");
        }
    }

    #[test]
    fn a_header_stands_alone() {
        assert!(is_header("[[key]] \t\r\n", "[[key]]"));
        for line in ["[[key]]\r", "[[key]]\u{c}\n", "[[key]] #\n", "[key]\n"] {
            assert!(!is_header(line, "[[key]]"), "{line:?}");
        }
    }
}
