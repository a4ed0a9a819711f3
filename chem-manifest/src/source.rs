//! The text that diagnostics point into.

use std::fmt;
use std::sync::Arc;

/// The longest manifest, in bytes.
pub const MAX_BYTES: usize = 4 << 20;

/// A text under a name, such as a manifest under its path. Clones share the text.
#[derive(Clone)]
pub struct Source(Arc<Text>);

struct Text {
    name: String,
    text: String,
    /// Where each line begins.
    lines: Vec<usize>,
}

/// A part of a source, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

impl Span {
    /// From `start` up to and without `end`.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end: end.max(start) }
    }
}

/// A place as people count it: both numbers from 1, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Source {
    /// `text` under `name`. A byte order mark is taken off.
    pub fn new(name: impl Into<String>, text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self(Arc::new(Text { name: name.into(), text: text.to_owned(), lines }))
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The text, without byte order mark.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The text of a part; empty if there is no such part.
    pub fn slice(&self, span: Span) -> &str {
        self.text().get(span.start..span.end).unwrap_or_default()
    }

    /// The place of a byte.
    pub fn position(&self, offset: usize) -> Position {
        let offset = self.text().floor_char_boundary(offset);
        let line = self.line_of(offset);
        let column = self.text()[self.0.lines[line]..offset].chars().count() + 1;
        Position { line: line + 1, column }
    }

    /// Whether both are the same text in memory.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The whole lines that `span` touches: their text, where that begins, and the number of the first, from 1.
    pub(crate) fn lines_around(&self, span: Span) -> (&str, usize, usize) {
        let (first, last) = (self.line_of(span.start), self.line_of(span.end));
        let start = self.0.lines[first];
        let end = self.0.lines.get(last + 1).copied().unwrap_or(self.text().len());
        (&self.text()[start..end], start, first + 1)
    }

    /// The line with this byte, from 0. There is always a first line, at 0.
    fn line_of(&self, offset: usize) -> usize {
        self.0.lines.partition_point(|start| *start <= offset).saturating_sub(1)
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({:?})", self.name())
    }
}
