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

/// Returns the lines of `text`. A line end at the end of the text does not begin another line.
pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = Line<'_>> {
    lines_from(text, 1)
}

/// Returns the lines that surely end in a part of a text, and where the next one begins.
pub(super) fn lines_of_part<'a>(part: &Part<'a>) -> (impl Iterator<Item = Line<'a>> + use<'a>, Taken) {
    let (text, end) = match part.text.split_last() {
        // A line feed may follow a carriage return.
        Some((b'\r', before)) if part.more => (part.text, ends_of_lines(before).next_back()),
        _ if part.more => (part.text, ends_of_lines(part.text).next_back()),
        _ => (part.text, Some(part.text.len())),
    };
    let bytes = end.unwrap_or_default();
    let lines = lines_from(&text[..bytes], part.line);
    let line = part.line + lines_from(&text[..bytes], 1).count() as u64;
    (lines, Taken { bytes, line })
}

/// Returns the positions behind the bytes that end a line.
fn ends_of_lines(text: &[u8]) -> impl DoubleEndedIterator<Item = usize> {
    text.iter().enumerate().filter(|(_, byte)| matches!(byte, b'\n' | b'\r')).map(|(at, _)| at + 1)
}

fn lines_from(text: &[u8], first: u64) -> impl Iterator<Item = Line<'_>> {
    let mut rest = text;
    let mut number = first - 1;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        number += 1;
        let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(rest.len());
        let (line, after) = rest.split_at(end);
        rest = &after[line_end(after)..];
        Some(Line { number, text: line })
    })
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
