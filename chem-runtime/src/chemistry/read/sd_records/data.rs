//! Parses the data of a record: fields, each with a header line `> <NAME>`, the lines of its value, and an empty line.
//!
//! By the CTfile formats, a header may contain more than a name, `> 55 (MD-08974) <BOILING.POINT> DT12`, or a field number
//! alone, `> DT12`. Some programs write blank separators or none. A value therefore also ends before a line that can only
//! be a header; a record with a line that may be either a header or part of a value is refused.

use crate::cancel::while_running;
use crate::records::{Line, not_utf8};

/// The fields of a record, in order.
pub(super) type Fields<'a> = Vec<(&'a str, String)>;

/// Whether and how a line begins a field.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::chemistry) enum Header<'a> {
    /// A line that can only be a header, with the name of the field.
    Plain(&'a [u8]),
    /// A header where one is expected, but possibly part of a value elsewhere, with the name of the field.
    Loose(&'a [u8]),
    None,
}

/// Parses `line` as a header. The name of a field without a name is its number, `DT12`.
pub(in crate::chemistry) fn field_header(line: &[u8]) -> Header<'_> {
    let Some(rest) = line.strip_prefix(b">") else { return Header::None };
    let Some(open) = rest.iter().position(|byte| *byte == b'<') else {
        return match field_number(rest) {
            Some(number) if is_set_off(rest) => Header::Plain(number),
            _ => Header::None,
        };
    };
    let (before, after) = (&rest[..open], &rest[open + 1..]);
    let ends = || after.iter().enumerate().filter(|(_, byte)| **byte == b'>').map(|(at, _)| at);
    let closed = ends().find(|at| is_registry(&after[at + 1..]));
    let Some(close) = closed.or_else(|| ends().next_back()) else { return Header::None };
    let name = after[..close].trim_ascii();
    if name.is_empty() {
        Header::None
    } else if closed.is_some() && is_registry(before) && is_set_off(before) && !name.contains(&b'<') {
        Header::Plain(name)
    } else {
        Header::Loose(name)
    }
}

/// Returns whether the text between `>` and `<` is empty or begins with white space: `>5 <10>` may be a value.
fn is_set_off(text: &[u8]) -> bool {
    text.first().is_none_or(u8::is_ascii_whitespace)
}

/// Returns whether a text consists of what a header may contain besides the name: registry numbers, `(…)`, `DTn` and
/// `FROM ARCHIVES`.
fn is_registry(text: &[u8]) -> bool {
    words(text).is_some_and(|words| {
        words.iter().all(|word| {
            word.starts_with(b"(")
                || word.iter().all(u8::is_ascii_digit)
                || is_field_number(word)
                || matches!(*word, b"FROM" | b"ARCHIVES")
        })
    })
}

/// Returns the field number `DTn` of a text that contains nothing but what a header may contain.
fn field_number(text: &[u8]) -> Option<&[u8]> {
    let number = words(text)?.into_iter().find(|word| is_field_number(word))?;
    is_registry(text).then_some(number)
}

fn is_field_number(word: &[u8]) -> bool {
    word.strip_prefix(b"DT").is_some_and(|digits| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit))
}

/// Splits a text into words; a word in brackets may contain white space. Returns `None` if a bracket is not closed.
fn words(text: &[u8]) -> Option<Vec<&[u8]>> {
    let (mut rest, mut words) = (text.trim_ascii(), Vec::new());
    while let Some(first) = rest.first() {
        let end = match first {
            b'(' => rest.iter().position(|byte| *byte == b')')? + 1,
            _ => rest.iter().position(|byte| byte.is_ascii_whitespace() || *byte == b'(').unwrap_or(rest.len()),
        };
        let (word, behind) = rest.split_at(end);
        words.push(word);
        rest = behind.trim_ascii_start();
    }
    Some(words)
}

/// Parses the fields in `lines`, those after a mol block; only the first of them if the step is asked to stop.
///
/// # Errors
/// Returns the number of a line that is not a header where one is expected, that may be a header within a value, or that
/// is not UTF-8.
pub(super) fn fields<'a>(lines: impl Iterator<Item = Line<'a>>) -> Result<Fields<'a>, String> {
    let mut fields: Fields<'a> = Vec::new();
    let mut rest = while_running(lines).peekable();
    while let Some(line) = rest.next() {
        if line.text.trim_ascii().is_empty() {
            continue;
        }
        let (Header::Plain(name) | Header::Loose(name)) = field_header(line.text) else {
            return Err(format!(
                "has the line {}, which is not a header `> <NAME>` of data; a value has no empty line within it",
                line.number
            ));
        };
        let name = text(line.number, name)?;
        if name.trim().is_empty() {
            return Err(format!("has the line {}, which is not a header `> <NAME>` of data", line.number));
        }
        let mut value: Vec<&str> = Vec::new();
        let ended = loop {
            let Some(line) = rest.next_if(|line| !matches!(field_header(line.text), Header::Plain(_))) else {
                break false;
            };
            if line.text.is_empty() {
                break true;
            }
            if may_be_header(line.text) {
                return Err(format!(
                    "has the line {}, which may be a header of data or part of the value of `{}`; put an empty line \
                     before a header",
                    line.number,
                    name.trim()
                ));
            }
            value.push(text(line.number, line.text)?);
        };
        // A value that no empty line ends does not include the blank lines before the next field.
        while !ended && value.last().is_some_and(|line| line.trim().is_empty()) {
            value.pop();
        }
        fields.push((name.trim(), value.join("\n")));
    }
    Ok(fields)
}

/// Returns whether a line within a value would end it or make it ambiguous.
pub(in crate::chemistry) fn begins_a_field(line: &[u8]) -> bool {
    matches!(field_header(line), Header::Plain(_)) || may_be_header(line)
}

/// Returns whether a line within a value may be a header, judged by the text before the name.
fn may_be_header(line: &[u8]) -> bool {
    let before = line.get(1..).and_then(|rest| rest.split(|byte| *byte == b'<').next()).unwrap_or_default();
    matches!(field_header(line), Header::Loose(_)) && is_registry(before)
}

fn text(number: u64, text: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(text).map_err(|_| format!("has the line {number}, which {}", not_utf8(text, None)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::lines;

    fn read(text: &str) -> Result<Vec<(String, String)>, String> {
        Ok(fields(lines(text.as_bytes()))?.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    fn good(fields: &[(&str, &str)]) -> Result<Vec<(String, String)>, String> {
        Ok(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn headers_are_those_of_the_ctfile_formats() {
        for (line, name) in [
            ("> <MELTING.POINT>", "MELTING.POINT"),
            (">  <a b>  (id 7)", "a b"),
            ("><a>", "a"),
            ("> 55 (MD-08974) <BOILING.POINT> DT12", "BOILING.POINT"),
            ("> (MD-0894) <BOILING.POINT> FROM ARCHIVES", "BOILING.POINT"),
            ("> DT12 55", "DT12"),
            ("> DT12", "DT12"),
            ("> 55(MD-1)<a>(2)", "a"),
            ("> <name> (5>3)", "name"),
            ("> <IC50 (>10)>", "IC50 (>10)"),
            (">\t<a>\t", "a"),
        ] {
            assert_eq!(field_header(line.as_bytes()), Header::Plain(name.as_bytes()), "{line}");
        }
        for (line, name) in [(">  <note> x", "note"), (">5 <10>", "10"), ("> x <a>", "a")] {
            assert_eq!(field_header(line.as_bytes()), Header::Loose(name.as_bytes()), "{line}");
        }
        for line in ["<a>", ">10", "> 10 nM", "> 55", ">DT12", "> <>", "> <a", "> 5 < 10", "", ">", "> (a <b> c"] {
            let header = field_header(line.as_bytes());
            assert!(!matches!(header, Header::Plain(_)), "{line}: {header:?}");
        }
    }

    #[test]
    fn a_value_ends_before_the_next_header_with_any_separator() {
        let expected = good(&[("a", "1"), ("b", "two\nlines"), ("c", "")]);
        for separator in ["\n", " \n", "\t\n", " \t \n", "", "\n\n", " \n\n"] {
            let text = format!("> <a>\n1\n{separator}> <b> (1)\ntwo\nlines\n{separator}> <c>\n");
            let found = read(&text);
            match separator {
                // Blank lines before an empty one are part of the value.
                " \n\n" => assert_eq!(found, good(&[("a", "1\n "), ("b", "two\nlines\n "), ("c", "")])),
                _ => assert_eq!(found, expected, "{separator:?}"),
            }
        }
        assert_eq!(read("> <a>\n1\n \n"), good(&[("a", "1")]));
        assert_eq!(read("> DT12 55\n1\n\n> <b> DT3\n2"), good(&[("DT12", "1"), ("b", "2")]));
    }

    #[test]
    fn white_space_of_a_value_is_kept() {
        let text = "> <a>\n \n\n> <b>\n  x  \n\n> <c>\nx\n \ny\n\n";
        assert_eq!(read(text), good(&[("a", " "), ("b", "  x  "), ("c", "x\n \ny")]));
    }

    #[test]
    fn a_line_that_begins_like_a_header_is_a_value_or_refused() {
        for value in [">10", "> 10 nM", ">= 5", ">text</b>", "> x <a>", "> 5 and <10", "<a>"] {
            assert_eq!(read(&format!("> <a>\n{value}\n\n")), good(&[("a", value)]), "{value}");
        }
        for value in ["> <b> x", ">5 <10>", "x\n> <b> or <c>"] {
            let reason = read(&format!("> <a>\n{value}\n\n")).unwrap_err();
            assert!(reason.contains("may be a header") && reason.contains("`a`"), "{reason}");
        }
    }
}
