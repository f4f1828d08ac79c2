//! Text of others, made safe to be a log line.
//!
//! What comes from a client may try to end the line, recolour the terminal, or show the reader
//! something else than what is there. In both formats such characters come out as escapes: JSON's
//! own (RFC 8259 §7), which the text format borrows.

/// Appends `text` between quotes, escaped and cut to `limit` bytes of input.
///
/// Control characters, quotes, backslashes, line and paragraph separators and the characters that
/// change the direction of writing are escaped; bytes that are not UTF-8 become `\\xNN`, which reads
/// as text in JSON. A cut value ends in `…`.
pub(super) fn quoted(out: &mut Vec<u8>, text: &[u8], limit: usize) {
    out.push(b'"');
    let kept = text.get(..cut(text, limit)).unwrap_or(text);
    // Without an early end the compiler looks at many bytes at a time.
    if kept
        .iter()
        .fold(true, |plain, byte| plain & is_plain(*byte))
    {
        out.extend_from_slice(kept);
    } else {
        for chunk in kept.utf8_chunks() {
            chunk.valid().chars().for_each(|char| push_char(out, char));
            for byte in chunk.invalid() {
                out.extend_from_slice(b"\\\\x");
                push_hex(out, u32::from(*byte), 2);
            }
        }
    }
    if kept.len() < text.len() {
        out.extend_from_slice("…".as_bytes());
    }
    out.push(b'"');
}

/// Appends `text` without quotes where it reads the same without them, else as [`quoted`].
pub(super) fn bare(out: &mut Vec<u8>, text: &[u8], limit: usize) {
    let reads_same = |byte: &u8| is_plain(*byte) && !matches!(byte, b' ' | b'=');
    if !text.is_empty() && text.len() <= limit && text.iter().all(reads_same) {
        out.extend_from_slice(text);
    } else {
        quoted(out, text, limit);
    }
}

/// Appends a number in decimal.
pub(super) fn number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends a number below 1000 as three digits.
pub(super) fn thousandths(out: &mut Vec<u8>, number: u32) {
    let digits = [number / 100, number / 10 % 10, number % 10];
    out.extend(digits.map(|digit| b"0123456789".get(digit as usize).copied().unwrap_or(b'9')));
}

/// Where to cut: at most `limit` bytes, not inside a character.
fn cut(text: &[u8], limit: usize) -> usize {
    if text.len() <= limit {
        return text.len();
    }
    let is_boundary = |at: &usize| text.get(*at).is_none_or(|byte| byte & 0xc0 != 0x80);
    // A character has at most four bytes; where no boundary is near, this is not UTF-8 anyway.
    (limit.saturating_sub(3)..=limit)
        .rev()
        .find(is_boundary)
        .unwrap_or(limit)
}

/// Printable ASCII that means nothing to JSON.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}

fn push_char(out: &mut Vec<u8>, char: char) {
    match char {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\t' => out.extend_from_slice(b"\\t"),
        _ if char.is_control() || misleads(char) => {
            out.extend_from_slice(b"\\u");
            push_hex(out, u32::from(char), 4);
        }
        _ => out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

/// Separators that end a line somewhere, and what is invisible or turns the direction of writing
/// (Unicode standard annex 9).
fn misleads(char: char) -> bool {
    matches!(char,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}')
}

fn push_hex(out: &mut Vec<u8>, number: u32, digits: u32) {
    let nibbles = (0..digits).rev().map(|place| (number >> (place * 4)) & 0xf);
    out.extend(
        nibbles
            .filter_map(|nibble| char::from_digit(nibble, 16))
            .map(|digit| digit as u8),
    );
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn quote(text: &[u8], limit: usize) -> String {
        let mut out = Vec::new();
        quoted(&mut out, text, limit);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_could_forge_a_line_or_mislead_a_reader_is_escaped() {
        assert_eq!(quote(b"a\"b\\c\r\n\t", 99), r#""a\"b\\c\r\n\t""#);
        assert_eq!(
            quote("\x1b[31m\u{7f}\u{85}".as_bytes(), 99),
            r#""\u001b[31m\u007f\u0085""#
        );
        assert_eq!(
            quote("\u{202e}\u{2066}\u{200b}\u{2028}".as_bytes(), 99),
            r#""\u202e\u2066\u200b\u2028""#
        );
        assert_eq!(quote("größe 猫".as_bytes(), 99), "\"größe 猫\"");
        assert_eq!(quote(b"\xff\xc3", 99), r#""\\xff\\xc3""#);
    }

    #[test]
    fn a_long_value_is_cut_between_characters() {
        assert_eq!(quote(b"abcdef", 6), "\"abcdef\"");
        assert_eq!(quote(b"abcdefg", 6), "\"abcdef…\"");
        assert_eq!(quote("abcd猫".as_bytes(), 6), "\"abcd…\"");
    }

    #[test]
    fn quotes_are_left_out_where_nothing_needs_them() {
        for (text, expected) in [
            ("/a-b", "/a-b"),
            ("", "\"\""),
            ("a b", "\"a b\""),
            ("a=b", "\"a=b\""),
        ] {
            let mut out = Vec::new();
            bare(&mut out, text.as_bytes(), 99);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn numbers_are_decimal() {
        let mut out = Vec::new();
        for value in [0, 7, 1234, u64::MAX] {
            number(&mut out, value);
            out.push(b' ');
        }
        for value in [0, 7, 42, 999] {
            thousandths(&mut out, value);
            out.push(b' ');
        }
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "0 7 1234 18446744073709551615 000 007 042 999 "
        );
    }

    proptest! {
        #[test]
        fn any_text_comes_back_from_json(text in any::<String>()) {
            let line = quote(text.as_bytes(), usize::MAX);
            prop_assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
        }

        #[test]
        fn any_bytes_make_one_harmless_json_string(bytes: Vec<u8>, limit in 0usize..64) {
            let line = quote(&bytes, limit);
            prop_assert!(serde_json::from_str::<String>(&line).is_ok());
            prop_assert!(!line.chars().any(|char| char.is_control() || misleads(char)));
            prop_assert!(line.len() <= 6 * limit + 5);
        }
    }
}
