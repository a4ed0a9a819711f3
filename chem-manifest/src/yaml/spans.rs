//! Places: from the parser's to those that a person would point at.

use crate::source::{Source, Span};

/// The length of the quoted text that `raw` begins with.
pub(super) fn quoted(raw: &str, quote: char) -> usize {
    let mut characters = raw.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if character == '\\' && quote == '"' {
            characters.next();
        } else if character == quote {
            // In single quotes, two of them stand for one.
            if quote == '\'' && characters.next_if(|(_, next)| *next == quote).is_some() {
                continue;
            }
            return at + 1;
        }
    }
    raw.len()
}

/// `span` up to the end of its first line.
pub(super) fn first_line(source: &Source, span: Span) -> Span {
    let line = source.slice(span).lines().next().unwrap_or_default().trim_end();
    Span::new(span.start, span.start + line.len())
}

/// From the parser's count of characters to bytes.
pub(super) enum Offsets {
    /// Every character is a byte.
    Same(usize),
    /// The byte at which each character begins, and the length.
    Table(Vec<usize>),
}

impl Offsets {
    pub(super) fn of(text: &str) -> Self {
        if text.is_ascii() {
            return Self::Same(text.len());
        }
        Self::Table(text.char_indices().map(|(at, _)| at).chain([text.len()]).collect())
    }

    pub(super) fn byte(&self, character: usize) -> usize {
        match self {
            Self::Same(len) => character.min(*len),
            Self::Table(starts) => starts.get(character).or(starts.last()).copied().unwrap_or(0),
        }
    }
}
