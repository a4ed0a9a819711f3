//! Text from files, databases and programs as a terminal may show it.
//!
//! A control character in it could move the cursor, change what stands on the screen already, or type for the user; one
//! that turns the direction of writing makes a text read as another. Each is shown as Rust spells it, such as `\\u{1b}`.

use std::borrow::Cow;

/// `text` within a line of ours: without control characters, but for the ends of lines.
pub(super) fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    text.chars().for_each(|c| push(&mut shown, c, is_harmful(c) || c == '\t'));
    shown
}

/// `text` by itself: without control characters, but for tabs and the ends of lines.
pub(super) fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_harmful) {
        return text.into();
    }
    let mut visible = String::with_capacity(text.len());
    text.chars().for_each(|c| push(&mut visible, c, is_harmful(c)));
    visible.into()
}

/// `text` as [`visible`] has it, but with the sequences that choose a colour or a weight, which our own text is styled with.
/// None of these hides anything.
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

/// The length of the style that `text` begins with.
fn style_length(text: &str) -> Option<usize> {
    let (parameters, _) = text.strip_prefix("\u{1b}[")?.split_once('m')?;
    let is_ours = |parameter: &str| {
        let of_weight = matches!(parameter, "" | "0" | "1" | "2" | "3" | "4" | "22" | "23" | "24" | "39");
        // Colours of the text but for black, which may be that of the screen.
        of_weight || parameter.parse().is_ok_and(|number: u8| matches!(number, 31..=37 | 91..=97))
    };
    parameters.split(';').all(is_ours).then_some(parameters.len() + 3)
}

fn push(text: &mut String, c: char, escaped: bool) {
    if escaped { text.extend(c.escape_default()) } else { text.push(c) }
}

/// Whether a terminal may do something else with `c` than show it: control characters, C1 included, those that turn the
/// direction of writing, and those that end a line or paragraph without being a line feed.
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
        assert_eq!(visible(HARM), seen);
        assert_eq!(shown(HARM), seen.replace('\t', "\\t"));
        assert_eq!(with_styles_alone(HARM), seen);
        for plain in ["", "Größe 5 µm\t→ é\n", "\u{1f9ea}"] {
            assert_eq!((visible(plain), with_styles_alone(plain)), (plain.into(), plain.into()));
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
