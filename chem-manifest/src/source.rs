//! The text that diagnostics point into.

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::rules;

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

    /// The same, from bytes that should be UTF-8.
    ///
    /// # Errors
    /// Points at the first byte that is not.
    pub fn from_bytes(name: impl Into<String>, bytes: &[u8]) -> Result<Self, Box<Diagnostic>> {
        let error = match std::str::from_utf8(bytes) {
            Ok(text) => return Ok(Self::new(name, text)),
            Err(error) => error,
        };
        let lossy = Self::new(name, &String::from_utf8_lossy(bytes));
        // Up to the first byte that is wrong both texts are one, but for the byte order mark.
        let start = error.valid_up_to().saturating_sub(if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 });
        let span = Span::new(start, start + char::REPLACEMENT_CHARACTER.len_utf8());
        let message = format!("the manifest is not UTF-8 at byte {}", error.valid_up_to());
        let help = match bytes {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "it looks like UTF-16; save it as UTF-8",
            _ => "save the file as UTF-8",
        };
        Err(Box::new(Diagnostic::new(&rules::NOT_UTF8, message, &lossy, span).with_help(help)))
    }

    /// The manifest at `path`.
    ///
    /// # Errors
    /// Says why it cannot be read.
    pub fn read(path: &Path) -> Result<Self, Box<Diagnostic>> {
        Self::read_as(path.display().to_string(), path)
    }

    /// The manifest at `path`, under another name.
    ///
    /// # Errors
    /// Says why it cannot be read.
    pub fn read_as(name: impl Into<String>, path: &Path) -> Result<Self, Box<Diagnostic>> {
        let name = name.into();
        let mut bytes = Vec::new();
        // One byte more than is allowed shows that there is too much, and no more of it is read.
        let read = std::fs::File::open(path).and_then(|file| file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes));
        match read {
            Ok(_) => Self::from_bytes(name, &bytes),
            Err(error) => {
                let nowhere = Self::new(&name, "");
                let message = format!("cannot read `{name}`: {error}");
                Err(Box::new(Diagnostic::new(&rules::UNREADABLE, message, &nowhere, Span::default())))
            }
        }
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
