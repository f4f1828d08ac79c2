//! Reads a long file with thousands of `[[key]]` blocks block by block.
//!
//! One tree for a hundred thousand blocks costs several times what the keys themselves do. So the
//! blocks are taken out of the text. A plain one, a setting a line, is read as it stands; others
//! are given to the parser a piece at a time. When the file changes, the blocks before the first
//! difference and after the last are those that they were.
//!
//! All this is only another way to the same result: whatever is out of the ordinary (a fault
//! anywhere, a string over several lines) makes the whole file be read at once, which is where
//! faults get their place.

use std::ops::Range;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::value::MapDeserializer;
use toml::de::{DeTable, ValueDeserializer};

use super::{Config, Key, plain_line};

/// Shorter files are read at once.
const LONG: usize = 64 * 1024;

/// How many bytes of blocks are parsed at a time: their tree stays in the processor's cache.
const PIECE: usize = 32 * 1024;

/// Compared at once when looking for what two texts have in common.
const CHUNK: usize = 4096;

const HEADER: &str = "[[key]]";

/// The key blocks of a long text, read. None, of a text that was read at once.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct KeyBlocks(Vec<Block>);

#[derive(Clone, Debug, PartialEq)]
struct Block {
    /// Its bytes: from its header to the next header of anything.
    span: Range<usize>,
    key: Arc<Key>,
}

impl KeyBlocks {
    /// The blocks of a long text, and what is left of it: no key. Nothing when it has to be read
    /// at once. `before` is an earlier text of the file with its blocks.
    pub(super) fn apart(text: &str, before: (&str, &Self)) -> Option<(Self, String)> {
        if text.len() < LONG {
            return None;
        }
        let blocks = Self::of_changed(text, before)?;
        let rest = blocks.rest(text)?;
        Some((blocks, rest))
    }

    /// Puts the keys into what was read of the rest.
    pub(super) fn join(&self, rest: Config) -> Config {
        let keys = self.0.iter().map(|block| Arc::clone(&block.key));
        Config {
            key: keys.collect(),
            ..rest
        }
    }

    fn of(text: &str) -> Option<Self> {
        let mut splitter = Splitter::default();
        splitter.split(text)?;
        Some(Self(splitter.blocks))
    }

    /// The same as [`Self::of`]. A header in the first column begins anew, whatever stands before
    /// it; so what precedes one in both texts alike, or follows one, gives the same blocks.
    fn of_changed(text: &str, (old, blocks): (&str, &Self)) -> Option<Self> {
        if blocks.0.is_empty() {
            return Self::of(text);
        }
        let (Range { start, end }, old_end) = difference(text, old)?;
        let first = blocks.0.partition_point(|block| block.span.start < start);
        let last = blocks.0.partition_point(|block| block.span.start < old_end);
        let changed = Self::of(text.get(start..end)?)?;
        let mut all = Vec::with_capacity(first + changed.0.len() + blocks.0.len() - last);
        all.extend_from_slice(blocks.0.get(..first)?);
        all.extend(changed.0.into_iter().map(|block| block.moved(0, start)));
        let after = blocks.0.get(last..)?.iter().cloned();
        all.extend(after.map(|block| block.moved(old_end, end)));
        Some(Self(all))
    }

    /// What of the text is in no block; nothing when that may hold keys too.
    fn rest(&self, text: &str) -> Option<String> {
        let mut rest = String::new();
        let mut at = 0;
        for Block { span, .. } in &self.0 {
            rest.push_str(text.get(at..span.start)?);
            at = span.end;
        }
        rest.push_str(text.get(at..)?);
        if may_span_lines(&rest) || DeTable::parse(&rest).ok()?.get_ref().contains_key("key") {
            return None;
        }
        Some(rest)
    }
}

impl Block {
    /// The block where what was at `from` is at `to`.
    fn moved(self, from: usize, to: usize) -> Self {
        let Range { start, end } = self.span;
        Self {
            span: start - from + to..end - from + to,
            ..self
        }
    }
}

#[derive(Default)]
struct Splitter<'t> {
    blocks: Vec<Block>,
    /// The settings of the block so far, while every line of it is plain.
    settings: Vec<(&'t str, ValueDeserializer<'t>)>,
    plain: bool,
    /// Blocks that need the parser, not read yet, and where each is.
    piece: String,
    spans: Vec<Range<usize>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Piece {
    key: Vec<Arc<Key>>,
}

impl<'t> Splitter<'t> {
    fn split(&mut self, text: &'t str) -> Option<()> {
        let mut block = None;
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            if line.starts_with('[') {
                if let Some(start) = block {
                    self.close(text, start..at)?;
                }
                block = (line.trim_ascii_end() == HEADER).then_some(at);
                self.plain = plain_line::is_header(line, HEADER);
            } else if block.is_some() && self.plain {
                self.line(line);
            }
            at += line.len();
        }
        if let Some(start) = block {
            self.close(text, start..at)?;
        }
        self.read_piece()
    }

    fn line(&mut self, line: &'t str) {
        match plain_line::read(line) {
            Some(Some(setting)) => self.settings.push(setting),
            Some(None) => {}
            None => self.plain = false,
        }
    }

    /// Reads a block whose lines have been looked at.
    fn close(&mut self, text: &str, span: Range<usize>) -> Option<()> {
        if self.plain {
            self.read_piece()?;
            let settings = MapDeserializer::new(self.settings.drain(..));
            let key = Arc::new(Key::deserialize(settings).ok()?);
            self.blocks.push(Block { span, key });
        } else {
            self.settings.clear();
            self.piece.push_str(text.get(span.clone())?);
            self.spans.push(span);
            if self.piece.len() >= PIECE {
                self.read_piece()?;
            }
        }
        Some(())
    }

    fn read_piece(&mut self) -> Option<()> {
        if self.spans.is_empty() {
            return Some(());
        }
        if may_span_lines(&self.piece) {
            return None;
        }
        let Piece { key: keys } = toml::from_str(&self.piece).ok()?;
        // An indented header begins a block that we know nothing of.
        if keys.len() != self.spans.len() {
            return None;
        }
        let blocks = self.spans.drain(..).zip(keys);
        self.blocks
            .extend(blocks.map(|(span, key)| Block { span, key }));
        self.piece.clear();
        Some(())
    }
}

/// Whether a string in it may hold what looks like lines of the file.
fn may_span_lines(text: &str) -> bool {
    text.contains("\"\"\"") || text.contains("'''")
}

/// The part of a text outside which it equals the old one, and where that ended in the old one. It
/// begins and ends at headers in the first column, or where the text does.
fn difference(text: &str, old: &str) -> Option<(Range<usize>, usize)> {
    let header = |text: &[u8]| text == b"\n[";
    let same = text.as_bytes().get(..same_beginning(text, old))?;
    let newline = same.windows(2).rposition(header);
    let start = newline.map_or(0, |newline| newline + 1);
    let same = same_end(text.get(start..)?, old.get(start..)?);
    let same = text.as_bytes().get(text.len() - same..)?;
    let newline = same.windows(2).position(header);
    let after = newline.map_or(0, |newline| same.len() - newline - 1);
    Some((start..text.len() - after, old.len() - after))
}

/// How many bytes both begin with.
fn same_beginning(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let chunks = a.chunks(CHUNK).zip(b.chunks(CHUNK));
    let same = CHUNK * chunks.take_while(|(a, b)| a == b).count();
    let same = same.min(a.len()).min(b.len());
    let bytes = a.iter().skip(same).zip(b.iter().skip(same));
    same + bytes.take_while(|(a, b)| a == b).count()
}

/// How many bytes both end with.
fn same_end(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let chunks = a.rchunks(CHUNK).zip(b.rchunks(CHUNK));
    let same = CHUNK * chunks.take_while(|(a, b)| a == b).count();
    let same = same.min(a.len()).min(b.len());
    let bytes = a.iter().rev().skip(same).zip(b.iter().rev().skip(same));
    same + bytes.take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests;
