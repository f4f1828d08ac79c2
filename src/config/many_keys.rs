//! Reads a long file with thousands of `[[key]]` blocks in pieces.
//!
//! One tree for a hundred thousand blocks costs more in memory traffic than in parsing. So the
//! blocks are taken out of the text and read a piece at a time. This is only another way to the
//! same result: whatever is out of the ordinary (a fault anywhere, a string over several lines)
//! makes the whole file be read at once, which is where faults get their place.

use serde::Deserialize;

use super::{Config, Key};

/// Shorter files are read at once.
const LONG: usize = 64 * 1024;

/// How many bytes of blocks are read at a time: their tree stays in the processor's cache.
const PIECE: usize = 32 * 1024;

const HEADER: &str = "[[key]]";

/// A text whose key blocks have been read, and what is left of it.
pub(super) struct Apart {
    pub(super) keys: Vec<Key>,
    pub(super) rest: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Piece {
    key: Vec<Key>,
}

/// Takes the key blocks out of a long text; nothing when it has to be read at once.
pub(super) fn apart(text: &str) -> Option<Apart> {
    if text.len() < LONG || text.contains("\"\"\"") || text.contains("'''") {
        return None;
    }
    let mut apart = Apart {
        keys: Vec::new(),
        rest: String::new(),
    };
    let mut piece = String::with_capacity(2 * PIECE);
    let mut in_block = false;
    for line in text.split_inclusive('\n') {
        if line.starts_with('[') {
            in_block = line.trim_ascii_end() == HEADER;
            if in_block && piece.len() >= PIECE {
                apart.read(&mut piece)?;
            }
        }
        if in_block {
            piece.push_str(line);
        } else {
            apart.rest.push_str(line);
        }
    }
    if !piece.is_empty() {
        apart.read(&mut piece)?;
    }
    Some(apart)
}

impl Apart {
    fn read(&mut self, piece: &mut String) -> Option<()> {
        let read: Piece = toml::from_str(piece).ok()?;
        self.keys.extend(read.key);
        piece.clear();
        Some(())
    }

    /// Puts the keys into what was read of the rest; nothing when the rest has some too.
    pub(super) fn join(self, mut config: Config) -> Option<Config> {
        if !config.key.is_empty() {
            return None;
        }
        config.key = self.keys;
        Some(config)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

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
        }
        text
    }

    #[test]
    fn pieces_give_what_the_whole_gives() {
        let text = long();
        let apart = apart(&text).unwrap();
        let rest = toml::from_str(&apart.rest).unwrap();
        let whole: Config = toml::from_str(&text).unwrap();
        assert_eq!(apart.join(rest), Some(whole));
    }

    #[test]
    fn whatever_is_out_of_the_ordinary_is_read_at_once() {
        let long = long();
        assert!(apart("[[key]]\nid = 'a'\n").is_none());
        for odd in [
            "[[key]]\nid = '''\n[[key]]\n'''\n",
            "[[key]]\nid = 1\n",
            "[[key]]\nid = 'a'\nid = 'b'\n",
            "[[key]]\nid = 'a'\nacts_as = [\n['x']]\n",
        ] {
            assert!(apart(&format!("{long}{odd}")).is_none(), "{odd}");
        }
        let inline = apart(&format!("key = [{{ id = 'a' }}]\n{long}")).unwrap();
        let rest = toml::from_str(&inline.rest).unwrap();
        assert_eq!(inline.join(rest), None);
    }
}
