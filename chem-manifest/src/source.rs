//! The texts that diagnostics point into.

use std::fmt;
use std::sync::Arc;

/// The maximum size of a manifest, in bytes.
pub const MAX_BYTES: usize = 4 << 20;

/// A named text, such as a manifest under its path. Clones share the text.
#[derive(Clone)]
pub struct Source(Arc<Text>);

struct Text {
    name: String,
    text: String,
    /// The byte offset of each line.
    lines: Vec<usize>,
}

/// A range of bytes in a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Span {
    /// The offset of the first byte.
    pub start: usize,
    /// The offset after the last byte.
    pub end: usize,
}

impl Span {
    /// Creates the span from `start` up to but excluding `end`.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end: end.max(start) }
    }
}

/// A position as editors count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl Source {
    /// Creates a source, without the byte order mark if `text` has one.
    pub fn new(name: impl Into<String>, text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self(Arc::new(Text { name: name.into(), text: text.to_owned(), lines }))
    }

    /// Returns the name that diagnostics print, usually a path.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Returns the text, without byte order mark.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Returns the text of `span`, or the empty string if the span is out of bounds or splits a character.
    pub fn slice(&self, span: Span) -> &str {
        self.text().get(span.start..span.end).unwrap_or_default()
    }

    /// Converts a byte offset to a line and column.
    pub fn position(&self, offset: usize) -> Position {
        let offset = self.text().floor_char_boundary(offset);
        let line = self.line_of(offset);
        let column = self.text()[self.0.lines[line]..offset].chars().count() + 1;
        Position { line: line + 1, column }
    }

    /// Returns whether both are clones of one source.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Returns the whole lines that `span` touches: their text, its byte offset, and the number of its first line,
    /// from 1.
    pub(crate) fn lines_around(&self, span: Span) -> (&str, usize, usize) {
        let (first, last) = (self.line_of(span.start), self.line_of(span.end));
        let start = self.0.lines[first];
        let end = self.0.lines.get(last + 1).copied().unwrap_or(self.text().len());
        (&self.text()[start..end], start, first + 1)
    }

    /// Returns the line with this byte, from 0. There is always a first line, at 0.
    fn line_of(&self, offset: usize) -> usize {
        self.0.lines.partition_point(|start| *start <= offset).saturating_sub(1)
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({:?})", self.name())
    }
}
