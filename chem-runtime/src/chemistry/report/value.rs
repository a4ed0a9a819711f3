//! Renders values and counts for a reader.

use serde_json::Value;

/// The longest value to show, in characters.
pub(super) const SHOWN: usize = 240;

/// Renders a value, or returns `None` if it is missing.
pub(super) fn shown(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Bool(true) => Some("yes".to_owned()),
        Value::Bool(false) => Some("no".to_owned()),
        Value::Number(whole) if !whole.is_f64() => Some(whole.to_string()),
        Value::Number(float) => float.as_f64().map(number),
        Value::String(text) => Some(clipped(text, SHOWN)),
        other => Some(clipped(&other.to_string(), SHOWN)),
    }
}

/// The default number of significant digits.
const DIGITS: usize = 4;

/// Renders `number` with [`DIGITS`] significant digits.
pub(super) fn number(number: f64) -> String {
    with_digits(number, DIGITS)
}

/// Renders `number` with [`DIGITS`] significant digits, or more if needed to tell it from numbers of about `size` that
/// are `apart` from it.
pub(super) fn number_apart(number: f64, size: f64, apart: f64) -> String {
    // A float has no more than 17 significant digits.
    let needed = exponent(size).saturating_sub(exponent(apart)).saturating_add(1).clamp(0, 17);
    with_digits(number, DIGITS.max(usize::try_from(needed).unwrap_or(DIGITS)))
}

/// Renders `number` with `digits` significant digits and without trailing zeros, with a power of ten if it is very
/// small or very large.
fn with_digits(number: f64, digits: usize) -> String {
    if number == 0.0 || !number.is_finite() {
        return number.abs().to_string();
    }
    if (1e-3..1e6).contains(&number.abs()) {
        let before = usize::try_from(exponent(number) + 1).unwrap_or(0);
        let zeros = usize::try_from(-1 - exponent(number)).unwrap_or(0);
        let decimals = (digits + zeros).saturating_sub(before);
        return minus(without_zeros(&format!("{number:.decimals$}")));
    }
    let text = format!("{number:.*e}", digits.saturating_sub(1));
    let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
    format!("{}\u{d7}10{}", minus(without_zeros(digits)), power.chars().map(raised).collect::<String>())
}

/// Returns the power of ten of the first digit of `number`; a very small one if it is 0.
fn exponent(number: f64) -> i32 {
    number.abs().log10().floor() as i32
}

/// Removes trailing zeros from the decimals in `text`.
fn without_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

fn minus(text: &str) -> String {
    text.replace('-', "\u{2212}")
}

/// Returns the superscript form of a character of an exponent.
fn raised(character: char) -> char {
    match character {
        '-' => '\u{207b}',
        '0' => '\u{2070}',
        '1' => '\u{b9}',
        '2' => '\u{b2}',
        '3' => '\u{b3}',
        '4' => '\u{2074}',
        '5' => '\u{2075}',
        '6' => '\u{2076}',
        '7' => '\u{2077}',
        '8' => '\u{2078}',
        '9' => '\u{2079}',
        other => other,
    }
}

/// Returns the name of a column as words.
pub(super) fn words(name: &str) -> String {
    clipped(&name.replace('_', " "), SHOWN)
}

/// Renders `count` with `one` or `many` as the noun.
pub(super) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Truncates `text` to at most `most` characters.
pub(super) fn clipped(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_have_the_digits_that_one_looks_at() {
        let cases = [
            (0.0, "0"),
            (-0.0, "0"),
            (180.159, "180.2"),
            (-1.5, "\u{2212}1.5"),
            (0.123_456, "0.1235"),
            (0.001_25, "0.00125"),
            (2.0, "2"),
            (100.0, "100"),
            (123_456.7, "123457"),
            (-0.0001, "\u{2212}1×10⁻⁴"),
            (2.3e-9, "2.3×10⁻⁹"),
            (3.456_78e-5, "3.457×10⁻⁵"),
            (5e29, "5×10²⁹"),
            (1e6, "1×10⁶"),
            (1e-308, "1×10⁻³⁰⁸"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
        assert_eq!(shown(&json!(2.3e-9)).unwrap(), "2.3×10⁻⁹");
    }

    #[test]
    fn numbers_that_are_close_have_the_digits_that_tell_them_apart() {
        assert_eq!(number_apart(1_234_560.0, 1_234_570.0, 5.0), "1.23456×10⁶");
        assert_eq!(number_apart(1_234_565.0, 1_234_570.0, 5.0), "1.234565×10⁶");
        assert_eq!(number_apart(151.234_56, 498.7, 3.0), "151.2");
        assert_eq!(number_apart(3.0, 3.0, 0.0), "3");
    }

    #[test]
    fn whole_numbers_and_texts_are_shown_as_they_are() {
        assert_eq!(shown(&json!(null)), None);
        assert_eq!(shown(&json!(100)).unwrap(), "100");
        assert_eq!(shown(&json!("x".repeat(300))).unwrap().chars().count(), 241);
    }
}
