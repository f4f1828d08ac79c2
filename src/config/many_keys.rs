//! Reads a long file with thousands of `[[key]]` blocks block by block.
//!
//! One tree for a hundred thousand blocks costs several times what the keys themselves do. So the
//! blocks are taken out of the text. A plain one, a setting a line, is read as it stands; others
//! are given to the parser a piece at a time. This is only another way to the same result:
//! whatever is out of the ordinary (a fault anywhere, a string over several lines) makes the whole
//! file be read at once, which is where faults get their place.

use serde::Deserialize;
use serde::de::value::MapDeserializer;
use toml::de::{DeTable, ValueDeserializer};

use super::{Config, Key, plain_line};

/// Shorter files are read at once.
const LONG: usize = 64 * 1024;

/// How many bytes of blocks are parsed at a time: their tree stays in the processor's cache.
const PIECE: usize = 32 * 1024;

const HEADER: &str = "[[key]]";

/// A text whose key blocks have been read, and what is left of it: no key.
#[derive(Debug, Default)]
pub(super) struct Apart {
    keys: Vec<Key>,
    pub(super) rest: String,
}

/// Takes the key blocks out of a long text; nothing when it has to be read at once.
pub(super) fn apart(text: &str) -> Option<Apart> {
    if text.len() < LONG {
        return None;
    }
    split(text)
}

impl Apart {
    /// Puts the keys into what was read of the rest.
    pub(super) fn join(self, rest: Config) -> Config {
        Config {
            key: self.keys,
            ..rest
        }
    }
}

fn split(text: &str) -> Option<Apart> {
    let mut splitter = Splitter::default();
    let mut block = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.starts_with('[') {
            if let Some(start) = block {
                splitter.close(text.get(start..at)?)?;
            }
            block = (line.trim_ascii_end() == HEADER).then_some(at);
        }
        if block.is_none() {
            splitter.apart.rest.push_str(line);
        } else if block != Some(at) {
            splitter.line(line);
        } else {
            splitter.plain = plain_line::is_header(line, HEADER);
        }
        at += line.len();
    }
    if let Some(start) = block {
        splitter.close(text.get(start..)?)?;
    }
    splitter.finish()
}

#[derive(Default)]
struct Splitter<'t> {
    apart: Apart,
    /// The settings of the block so far, while every line of it is plain.
    settings: Vec<(&'t str, ValueDeserializer<'t>)>,
    plain: bool,
    /// Blocks that need the parser, not read yet.
    piece: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Piece {
    key: Vec<Key>,
}

impl<'t> Splitter<'t> {
    fn line(&mut self, line: &'t str) {
        if !self.plain {
            return;
        }
        match plain_line::read(line) {
            Some(Some(setting)) => self.settings.push(setting),
            Some(None) => {}
            None => self.plain = false,
        }
    }

    /// Reads a block whose lines have been looked at.
    fn close(&mut self, block: &str) -> Option<()> {
        if self.plain {
            self.read_piece()?;
            let settings = MapDeserializer::new(self.settings.drain(..));
            self.apart.keys.push(Key::deserialize(settings).ok()?);
        } else {
            self.settings.clear();
            self.piece.push_str(block);
            if self.piece.len() >= PIECE {
                self.read_piece()?;
            }
        }
        Some(())
    }

    fn read_piece(&mut self) -> Option<()> {
        if !self.piece.is_empty() {
            if may_span_lines(&self.piece) {
                return None;
            }
            let read: Piece = toml::from_str(&self.piece).ok()?;
            self.apart.keys.extend(read.key);
            self.piece.clear();
        }
        Some(())
    }

    fn finish(mut self) -> Option<Apart> {
        self.read_piece()?;
        let rest = &self.apart.rest;
        if may_span_lines(rest) || DeTable::parse(rest).ok()?.get_ref().contains_key("key") {
            return None;
        }
        Some(self.apart)
    }
}

/// Whether a string in it may hold what looks like lines of the file.
fn may_span_lines(text: &str) -> bool {
    text.contains("\"\"\"") || text.contains("'''")
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::*;

    use super::*;

    fn long() -> String {
        let mut text = "[log]\nlevel = 'warn'\n".to_owned();
        for number in 0..2000 {
            let _ = write!(
                text,
                "[[key]] \nid = 'key-{number}' # its name\npermissions = [\n  'A:B',\n]\n"
            );
            if number % 7 == 0 {
                let _ = write!(text, "\n[[route]]\npath = '/{number}'\naccess = 'open'\n");
            }
            if number % 3 == 0 {
                let _ = write!(text, "[[key]]\nid = \"plain-{number}\"\nuser = 'ü'\n\n");
            }
        }
        text
    }

    /// What the blocks and the rest give together, if they are taken apart.
    fn in_blocks(text: &str) -> Option<Config> {
        let apart = split(text)?;
        let rest = toml::from_str(&apart.rest).ok()?;
        Some(apart.join(rest))
    }

    #[test]
    fn blocks_give_what_the_whole_gives() {
        let text = long();
        assert!(apart(&text).is_some());
        let whole: Config = toml::from_str(&text).unwrap();
        assert_eq!(in_blocks(&text), Some(whole));
    }

    #[test]
    fn a_plain_block_does_without_the_parser() {
        let mut splitter = Splitter::default();
        splitter.plain = true;
        let block = "[[key]]\r\n# a comment\r\nid = \"a\"\nacts_as = [ 'x', \"y\" ]\n\n\
                     transports = [\"websocket\"]\nexpires = 2027-01-01T00:00:00Z\n\
                     shared_namespace = true";
        for line in block.split_inclusive('\n').skip(1) {
            splitter.line(line);
        }
        assert!(splitter.plain);
        splitter.close(block).unwrap();
        let whole: Config = toml::from_str(block).unwrap();
        assert_eq!(splitter.apart.keys, whole.key);
    }

    #[test]
    fn whatever_is_out_of_the_ordinary_is_read_at_once() {
        let long = long();
        assert!(apart("[[key]]\nid = 'a'\n").is_none());
        for odd in [
            "[[key]]\nid = '''\n[[key]]\n'''\n",
            "[[key]]\nid = 1\n",
            "[[key]]\nid = 'a'\nid = 'b'\n",
            "[[key]]\nid = 'a'\nno = 'b'\n",
            "[[key]]\nuser = 'a'\n",
            "[[key]]\nid = 'a'\nacts_as = [\n['x']]\n",
            "[[key]]\nid = 'a'\r",
            "[[key]]\u{c}\nid = 'a'",
        ] {
            assert!(apart(&format!("{long}{odd}")).is_none(), "{odd}");
        }
        for elsewhere in ["key = [{ id = 'a' }]", "key = []", "key.id = 'a'"] {
            assert!(
                apart(&format!("{elsewhere}\n{long}")).is_none(),
                "{elsewhere}"
            );
        }
    }

    /// Takes a text apart and, if that works, holds the result against the whole.
    fn agrees(text: &str) -> Result<(), TestCaseError> {
        if let Some(config) = in_blocks(text) {
            let whole: Result<Config, _> = toml::from_str(text);
            prop_assert_eq!(whole, Ok(config), "{}", text);
        }
        Ok(())
    }

    #[test]
    fn a_text_cut_short_anywhere_gives_what_the_whole_gives() {
        let text = "allow_weak_secrets = true\n[[key]]\r\nid = \"a\"\r\nuser = 'é'\n\
                    permissions = [\"A:B\", 'C:D']\n\n# why\n[[route]]\npath = '/'\n\
                    access = 'open'\n[[key]]\nid = 'b' # odd\nexpires = 2027-01-01T00:00:00Z\n\
                    [[key]]\nid = 'c'\nshared_namespace = true\n";
        assert!(in_blocks(text).is_some());
        for end in (0..=text.len()).filter(|end| text.is_char_boundary(*end)) {
            agrees(text.get(..end).unwrap()).unwrap();
        }
    }

    const LINES: &[&str] = &[
        "[[key]]",
        "[[key]]",
        " [[key]]",
        "[[key]] # one",
        "[[key.user]]",
        "[key]",
        "[log]",
        "[[route]]",
        "id = \"a\"",
        "id = 'b'",
        "\"id\" = 'c'",
        "id = \"a\" \"",
        "id = \"a\\u0041\"",
        "id = \"\u{7f}\"",
        "user = 'a\tb'",
        "user = \"x,y\"",
        "user = '''",
        "user = \"\"\"",
        "value_env = \"A\" # b",
        "acts_as = []",
        "acts_as = [\"a\", 'b' ,\"c,d\"]",
        "acts_as = [\"a\",]",
        "acts_as = [,]",
        "acts_as = [",
        "['x']",
        "]",
        "permissions=[\"A:B\"]",
        "transports = [\"http\"]",
        "transports = ['carrier pigeon']",
        "expires = 2027-01-01T00:00:00Z",
        "expires = 2027-01-01 00:00:00Z",
        "expires = 2027-01-01",
        "shared_namespace = true",
        "shared_namespace = True",
        "level = 'warn'",
        "path = '/'",
        "access = 'open'",
        "key = []",
        "# it's \"\"",
        "# \u{0}",
        "\r",
        "",
    ];

    proptest! {
        #[test]
        fn any_text_that_is_taken_apart_gives_what_the_whole_gives(
            lines in proptest::collection::vec(
                (proptest::sample::select(LINES), proptest::sample::select(&["\n", "\n", "\r\n", "", "\r"][..])),
                0..14,
            ),
            noise in proptest::option::weighted(0.3, (any::<proptest::sample::Index>(), any::<char>())),
        ) {
            let mut text: String = lines.into_iter().flat_map(|(line, end)| [line, end]).collect();
            if let Some((index, noise)) = noise {
                let mut at = index.index(text.len() + 1);
                while !text.is_char_boundary(at) {
                    at -= 1;
                }
                text.insert(at, noise);
            }
            agrees(&text)?;
        }

        #[test]
        fn any_line_that_is_plain_means_what_the_parser_says(value in "[\"'a-c\\\\#,=\\[\\] \t0-9é\u{7f}\u{85}TZ:+.-]{0,12}") {
            let line = format!("value = {value}\n");
            #[derive(Debug, PartialEq, Deserialize)]
            struct Line {
                value: toml::Value,
            }
            if let Some(Some(setting)) = plain_line::read(&line) {
                let plain = Line::deserialize(MapDeserializer::new([setting].into_iter()));
                prop_assert_eq!(plain.ok(), toml::from_str::<Line>(&line).ok(), "{}", line);
            }
        }
    }
}
