//! Converts the parser's positions to the spans that diagnostics underline.

use crate::source::{Source, Span};

/// Returns the length in bytes of the quoted scalar at the start of `raw`, with both quotes.
pub(super) fn quoted(raw: &str, quote: char) -> usize {
    let mut characters = raw.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if character == '\\' && quote == '"' {
            characters.next();
        } else if character == quote {
            // Inside single quotes, `''` is an escaped quote.
            if quote == '\'' && characters.next_if(|(_, next)| *next == quote).is_some() {
                continue;
            }
            return at + 1;
        }
    }
    raw.len()
}

/// Cuts `span` at the end of its first line.
pub(super) fn first_line(source: &Source, span: Span) -> Span {
    let line = source.slice(span).lines().next().unwrap_or_default().trim_end();
    Span::new(span.start, span.start + line.len())
}

/// Converts character offsets, which the parser counts in, to byte offsets.
pub(super) enum Offsets {
    /// Of ASCII text of this length: the two are equal.
    Same(usize),
    /// The byte offset of each character, and the length of the text.
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
