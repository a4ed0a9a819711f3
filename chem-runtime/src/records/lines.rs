//! Splits text into numbered lines. A line ends with a line feed, a carriage return, or both.

use super::parts::{Part, Taken};

/// A line of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// The number, from 1.
    pub number: u64,
    /// The text without its line end.
    pub text: &'a [u8],
}

/// Iterates over the lines of a text.
#[derive(Debug, Clone)]
pub(crate) struct Lines<'a> {
    text: &'a [u8],
    at: Taken,
}

/// Returns the lines of `text`. A line end at the end of the text does not begin another line.
pub(crate) fn lines(text: &[u8]) -> Lines<'_> {
    Lines::from(text, 1)
}

impl<'a> Lines<'a> {
    /// Returns the lines of `text`, of which the first has the number `line`.
    pub(crate) fn from(text: &'a [u8], line: u64) -> Self {
        Self { text, at: Taken { bytes: 0, line } }
    }

    /// Returns the lines that surely end in a part of a text.
    pub(crate) fn of_part(part: &Part<'a>) -> Self {
        let end = match part.text.split_last() {
            // A line feed may follow a carriage return.
            Some((b'\r', before)) if part.more => last_end(before),
            _ if part.more => last_end(part.text),
            _ => part.text.len(),
        };
        Self::from(&part.text[..end], part.line)
    }

    /// Returns how much of the text was read.
    pub(crate) fn taken(&self) -> Taken {
        self.at
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        let rest = &self.text[self.at.bytes..];
        if rest.is_empty() {
            return None;
        }
        let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(rest.len());
        let (text, after) = rest.split_at(end);
        let line = Line { number: self.at.line, text };
        self.at = Taken { bytes: self.at.bytes + end + line_end(after), line: self.at.line + 1 };
        Some(line)
    }
}

/// Returns the position behind the last byte that ends a line, or 0.
fn last_end(text: &[u8]) -> usize {
    text.iter().rposition(|byte| matches!(byte, b'\n' | b'\r')).map_or(0, |at| at + 1)
}

/// Returns the length of the line end at the start of `text`: 0, 1 or 2 bytes.
pub(super) fn line_end(text: &[u8]) -> usize {
    match text {
        [b'\r', b'\n', ..] => 2,
        [b'\r' | b'\n', ..] => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_in_any_of_three_ways() {
        let found: Vec<_> = lines(b"a\r\nb\rc\n\nd").map(|line| (line.number, line.text)).collect();
        let expected: [(u64, &[u8]); 5] = [(1, b"a"), (2, b"b"), (3, b"c"), (4, b""), (5, b"d")];
        assert_eq!(found, expected);
        assert_eq!(lines(b"").count(), 0);
        assert_eq!(lines(b"a\n").count(), 1);
        assert_eq!(lines(b"\n").count(), 1);
    }
}
