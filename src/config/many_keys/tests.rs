use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::sample::{Index, select};

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

fn apart(text: &str) -> Option<(KeyBlocks, String)> {
    KeyBlocks::apart(text, ("", &KeyBlocks::default()))
}

/// What the blocks and the rest give together, if they are taken apart.
fn in_blocks(text: &str) -> Option<Config> {
    let blocks = KeyBlocks::of(text)?;
    let rest = blocks.rest(text)?;
    Some(blocks.join(toml::from_str(&rest).ok()?))
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
    let block = "[[key]]\r\n# a comment\r\nid = \"a\"\nacts_as = [ 'x', \"y\" ]\n\n\
                 transports = [\"websocket\"]\nexpires = 2027-01-01T00:00:00Z\n\
                 shared_namespace = true";
    let mut splitter = Splitter::default();
    splitter.split(block).unwrap();
    assert!(splitter.plain);
    let whole: Config = toml::from_str(block).unwrap();
    assert_eq!(splitter.blocks[0].key, whole.key[0]);
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
        "[[key]]\nid = 'a'\n  [[key]]\nid = 'b'\n",
        "[[key]]\nid = 'a'\r",
        "[[key]]\u{c}\nid = 'a'",
    ] {
        assert!(apart(&format!("{long}{odd}")).is_none(), "{odd}");
    }
    for elsewhere in ["key = [{ id = 'a' }]", "key = []", "key.id = 'a'"] {
        let text = format!("{elsewhere}\n{long}");
        assert!(apart(&text).is_none(), "{elsewhere}");
    }
}

#[test]
fn a_block_that_did_not_change_is_not_read_again() {
    let text = long();
    let before = KeyBlocks::of(&text).unwrap();
    let changed = text.replace("'key-1000'", "'another'");
    let after = KeyBlocks::of_changed(&changed, (&text, &before)).unwrap();
    assert_eq!(Some(&after), KeyBlocks::of(&changed).as_ref());
    let pairs = || before.0.iter().zip(&after.0);
    let read = pairs().filter(|(old, new)| !Arc::ptr_eq(&old.key, &new.key));
    assert_eq!(read.count(), 1);
    assert_eq!(pairs().count(), after.0.len());
}

/// Takes a text apart and, if that works, holds the result against the whole.
fn agrees(text: &str) -> Result<(), TestCaseError> {
    if let Some(config) = in_blocks(text) {
        let whole: Result<Config, _> = toml::from_str(text);
        prop_assert_eq!(whole, Ok(config), "{}", text);
    }
    Ok(())
}

const SAMPLE: &str = "allow_weak_secrets = true\n[[key]]\r\nid = \"a\"\r\nuser = 'é'\n\
    permissions = [\"A:B\", 'C:D']\n\n# why\n[[route]]\npath = '/'\naccess = 'open'\n\
    [[key]]\nid = 'b' # odd\nexpires = 2027-01-01T00:00:00Z\n\
    [[key]]\nid = 'c'\nshared_namespace = true\n[[key]]\nid = 'c'\n";

#[test]
fn a_text_cut_short_anywhere_gives_what_the_whole_gives() {
    let whole = KeyBlocks::of(SAMPLE).unwrap();
    for end in (0..=SAMPLE.len()).filter(|end| SAMPLE.is_char_boundary(*end)) {
        let cut = SAMPLE.get(..end).unwrap();
        agrees(cut).unwrap();
        let changed = KeyBlocks::of_changed(cut, (SAMPLE, &whole));
        assert_eq!(changed, KeyBlocks::of(cut), "{cut}");
        if let Some(before) = KeyBlocks::of(cut) {
            let changed = KeyBlocks::of_changed(SAMPLE, (cut, &before));
            assert_eq!(changed.as_ref(), Some(&whole), "{cut}");
        }
    }
}

#[test]
fn what_two_texts_have_in_common_is_found_to_the_byte() {
    let text = long();
    for at in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, text.len() - 1] {
        let mut other = text.clone();
        other.replace_range(at..=at, "\u{1}");
        assert_eq!(same_beginning(&text, &other), at);
        assert_eq!(same_end(&text, &other), text.len() - at - 1);
        assert_eq!(same_beginning(&text, &text[..at]), at);
        assert_eq!(same_end(&text, &text[at..]), text.len() - at);
    }
}

const LINES: &[&str] = &[
    "[[key]]",
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

/// Blocks that are mostly in order.
const BLOCKS: &[&str] = &[
    "[[key]]\nid = 'a'\n",
    "[[key]]\nid = 'a'\n",
    "[[key]]\nid = 'b'\n\n",
    "[[key]]\nid = \"c\" # odd\n",
    "[[key]]\nid = 'é'\nuser = 'ü'\n",
    "[[route]]\npath = '/'\naccess = 'open'\n",
    "\n",
    "# [[key]]\n",
];

fn line() -> impl Strategy<Value = String> {
    let end = select(&["\n", "\n", "\r\n", "", "\r"][..]);
    (select(LINES), end).prop_map(|(line, end)| format!("{line}{end}"))
}

fn blocks() -> impl Strategy<Value = String> {
    proptest::collection::vec(select(BLOCKS), 0..12).prop_map(|blocks| blocks.concat())
}

/// Puts `put` in the place of what is between two points of a text.
fn edited(text: &str, from: Index, to: Index, put: &str) -> String {
    let boundary = |index: Index| {
        let at = index.index(text.len() + 1);
        (0..=at).rfind(|at| text.is_char_boundary(*at)).unwrap()
    };
    let (a, b) = (boundary(from), boundary(to));
    let mut text = text.to_owned();
    text.replace_range(a.min(b)..a.max(b), put);
    text
}

proptest! {
    #[test]
    fn any_text_that_is_taken_apart_gives_what_the_whole_gives(
        lines in proptest::collection::vec(line(), 0..14),
        noise in proptest::option::weighted(0.3, (any::<Index>(), any::<char>())),
    ) {
        let mut text = lines.concat();
        if let Some((at, noise)) = noise {
            text = edited(&text, at, at, &noise.to_string());
        }
        agrees(&text)?;
    }

    #[test]
    fn any_change_gives_what_reading_anew_gives(
        old in blocks(),
        cut in any::<(Index, Index)>(),
        put in prop_oneof![blocks(), line(), "[\\[\\]\nkey= 'a]{0,4}"],
    ) {
        let before = KeyBlocks::of(&old).unwrap();
        let new = edited(&old, cut.0, cut.1, &put);
        let changed = KeyBlocks::of_changed(&new, (&old, &before));
        prop_assert_eq!(changed, KeyBlocks::of(&new), "{:?} to {:?}", old, new);
    }

    #[test]
    fn any_line_that_is_plain_means_what_the_parser_says(
        value in "[\"'a-c\\\\#,=\\[\\] \t0-9é\u{7f}\u{85}TZ:+.-]{0,12}",
    ) {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Line {
            value: toml::Value,
        }
        let line = format!("value = {value}\n");
        if let Some(Some(setting)) = plain_line::read(&line) {
            let plain = Line::deserialize(MapDeserializer::new([setting].into_iter()));
            prop_assert_eq!(plain.ok(), toml::from_str::<Line>(&line).ok(), "{}", line);
        }
    }
}
