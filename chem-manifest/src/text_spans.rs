//! Maps parts of a text value to the manifest, where the text may have quotes, escapes and folded lines.

use std::cell::OnceCell;
use std::ops::Range;

use crate::source::{Source, Span};

/// Returns the span of `part` of `value`, a text that the manifest has at `span`. Returns all of `span` if the two
/// cannot be aligned.
pub fn span_of(source: &Source, span: Span, value: &str, part: &Range<usize>) -> Span {
    TextSpans::new(source, span, value).of(part)
}

/// Returns the spans of parts of one text. Aligns the text with the manifest once, on the first call of
/// [`of`](Self::of).
pub struct TextSpans<'a> {
    raw: &'a str,
    span: Span,
    value: &'a str,
    offsets: OnceCell<Option<Vec<usize>>>,
}

impl<'a> TextSpans<'a> {
    /// For the parts of `value`, a text that the manifest has at `span`.
    pub fn new(source: &'a Source, span: Span, value: &'a str) -> Self {
        Self { raw: source.slice(span), span, value, offsets: OnceCell::new() }
    }

    /// Returns the span of `part`, or the span of the whole text if the two cannot be aligned.
    pub fn of(&self, part: &Range<usize>) -> Span {
        let Some(offsets) = self.offsets.get_or_init(|| align(self.raw, self.value)) else { return self.span };
        let at = |offset: usize| self.span.start + offsets.get(offset).copied().unwrap_or(self.raw.len());
        Span::new(at(part.start), at(part.end))
    }
}

/// Returns for each byte of `value`, and for its end, its offset in `raw`.
fn align(raw: &str, value: &str) -> Option<Vec<usize>> {
    let quote = raw.chars().next().filter(|first| matches!(first, '\'' | '"'));
    let mut at = quote.map_or(0, char::len_utf8);
    let mut offsets = Vec::with_capacity(value.len() + 1);
    for wanted in value.chars() {
        let (start, end) = next(raw, at, quote, wanted)?;
        offsets.extend(std::iter::repeat_n(start, wanted.len_utf8()));
        at = end;
    }
    offsets.push(at);
    Some(offsets)
}

/// Returns the start and end of the character `wanted` in `raw`, at or after `at`.
fn next(raw: &str, mut at: usize, quote: Option<char>, wanted: char) -> Option<(usize, usize)> {
    loop {
        let rest = &raw[at..];
        let Some(found) = rest.chars().next() else {
            // The line ends of a block scalar after its last visible character.
            return wanted.is_whitespace().then_some((at, at));
        };
        if found == '\\' && quote == Some('"') {
            let kind = rest[1..].chars().next()?;
            if matches!(kind, '\n' | '\r') {
                // An escaped line break adds no character to the value.
                at += 2;
                continue;
            }
            let digits = match kind {
                'x' => 2,
                'u' => 4,
                'U' => 8,
                _ => 0,
            };
            let end = at + 1 + kind.len_utf8() + digits;
            return raw.is_char_boundary(end).then_some((at, end));
        }
        if found == '\'' && quote == Some('\'') {
            return rest.starts_with("''").then_some((at, at + 2)).filter(|_| wanted == '\'');
        }
        if found == wanted || (found == '\n' && wanted == ' ') {
            return Some((at, at + found.len_utf8()));
        }
        // Skip indentation and the white space that folding removes.
        if !found.is_whitespace() {
            return None;
        }
        at += found.len_utf8();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Findings;
    use crate::yaml::{NodeValue, parse};

    #[test]
    fn a_part_is_found_in_every_style_of_scalar() {
        for text in [
            "a: weight < MARK && x",
            "a: 'it''s MARK'",
            r#"a: "tab\there \u00e9\x41 MARK \"q\"""#,
            "a: \"folded\n   line \\\n   and MARK\"",
            "a: plain text\n   over MARK lines",
            "a: |\n  first\n\n    MARK last\n",
            "a: >-\n  first\n  second MARK\n\n  third\n",
            "a: |\r\n  first é\r\n  MARK last\r\n",
            "a: \"é → MARK\"",
        ] {
            let source = Source::new("it", text);
            let Some(NodeValue::Map(entries)) = parse(&source, &mut Findings::default()).map(|node| node.value) else {
                panic!("{text}");
            };
            let NodeValue::Text(value) = &entries[0].1.value else { panic!("{text}") };
            let at = value.find("MARK").unwrap();
            let span = span_of(&source, entries[0].1.span, value, &(at..at + 4));
            assert_eq!(source.slice(span), "MARK", "{text}");
        }
    }

    #[test]
    fn a_text_that_cannot_be_aligned_is_pointed_at_whole() {
        let source = Source::new("it", "abc");
        assert_eq!(span_of(&source, Span::new(0, 3), "xyz", &(1..2)), Span::new(0, 3));
    }
}
