//! Splits text into numbered lines. A line ends with a line feed, a carriage return, or both.

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
    let mut rest = text;
    let mut number = 0;
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
