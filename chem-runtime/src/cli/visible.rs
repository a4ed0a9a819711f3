//! Makes text from files, databases and programs safe to print on a terminal.
//!
//! A control character could move the cursor, overwrite the screen, or type input for the user; a bidirectional control
//! character makes one text read as another. Each is escaped as in Rust, such as `\\u{1b}`.

use std::borrow::Cow;

/// Escapes control characters, including tabs but not newlines, for text within a line of ours.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    text.chars().for_each(|c| push(&mut escaped, c, is_harmful(c) || c == '\t'));
    escaped
}

/// Escapes control characters except tabs and newlines, for text by itself.
pub(super) fn escape_block(text: &str) -> Cow<'_, str> {
    if !text.contains(is_harmful) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len());
    text.chars().for_each(|c| push(&mut escaped, c, is_harmful(c)));
    escaped.into()
}

/// Escapes like [`escape_block`], but keeps the sequences for colour and weight that our own styles use. None of them hides
/// text.
pub(super) fn with_styles_alone(text: &str) -> Cow<'_, str> {
    if !text.contains(is_harmful) {
        return text.into();
    }
    let (mut filtered, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(c) = rest.chars().next() {
        let length = style_length(rest).unwrap_or(0);
        filtered.push_str(&rest[..length]);
        if length == 0 {
            push(&mut filtered, c, is_harmful(c));
        }
        rest = &rest[length.max(c.len_utf8())..];
    }
    filtered.into()
}

/// Returns the length in bytes of the style sequence that `text` begins with; `None` if it begins with none of ours.
fn style_length(text: &str) -> Option<usize> {
    let (parameters, _) = text.strip_prefix("\u{1b}[")?.split_once('m')?;
    let is_ours = |parameter: &str| {
        let of_weight = matches!(parameter, "" | "0" | "1" | "2" | "3" | "4" | "22" | "23" | "24" | "39");
        // Text colours except black, which may be the colour of the screen.
        of_weight || parameter.parse().is_ok_and(|number: u8| matches!(number, 31..=37 | 91..=97))
    };
    parameters.split(';').all(is_ours).then_some(parameters.len() + 3)
}

fn push(text: &mut String, c: char, escaped: bool) {
    if escaped { text.extend(c.escape_default()) } else { text.push(c) }
}

/// Returns whether a terminal may do more with `c` than print it. True for control characters, including C1, for
/// bidirectional controls, and for line and paragraph separators other than a line feed.
fn is_harmful(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        c => c.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HARM: &str = "a\u{1b}]0;title\u{7}b\u{9b}2Jc\u{202e}d\re\u{7f}\u{2028}f\tg\nh";

    #[test]
    fn control_characters_are_shown_as_they_are_spelled() {
        let seen = "a\\u{1b}]0;title\\u{7}b\\u{9b}2Jc\\u{202e}d\\re\\u{7f}\\u{2028}f\tg\nh";
        assert_eq!(escape_block(HARM), seen);
        assert_eq!(escape(HARM), seen.replace('\t', "\\t"));
        assert_eq!(with_styles_alone(HARM), seen);
        for plain in ["", "Größe 5 µm\t→ é\n", "\u{1f9ea}"] {
            assert_eq!((escape_block(plain), with_styles_alone(plain)), (plain.into(), plain.into()));
        }
    }

    #[test]
    fn styles_are_kept_and_nothing_that_hides() {
        for style in ["\u{1b}[1m", "\u{1b}[0m", "\u{1b}[m", "\u{1b}[31;1m", "\u{1b}[94m", "\u{1b}[1m\u{1b}[91m"] {
            assert_eq!(with_styles_alone(&format!("{style}x")), format!("{style}x"));
        }
        for other in
            ["\u{1b}[8m", "\u{1b}[30m", "\u{1b}[40m", "\u{1b}[2J", "\u{1b}[7m", "\u{1b}[38;5;0m", "\u{1b}[3", "\u{1b}"]
        {
            assert!(!with_styles_alone(&format!("{other}x")).contains('\u{1b}'), "{other:?}");
        }
    }
}
