//! Numbers in text files, and text columns that contain numbers.

use std::fmt;

use serde_json::Number;

use super::Values;
use crate::fingerprint::write_canonical_f64;

/// 2^53: up to here every integer has an exact `f64`.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The number of values that are listed as not being numbers.
const NAMED: usize = 5;

/// Appends a finite `f64` in the shortest decimal form that reads back to it, for text files. Returns `false` and appends
/// nothing for NaN and infinities.
///
/// Integers up to 2^53 have neither decimals nor an exponent. Larger ones have an exponent: all 24 digits of `6.022e23`
/// would suggest a precision that it does not have, and most readers would treat them as text.
pub(crate) fn write_float(out: &mut String, value: f64) -> bool {
    if value.is_finite() && value.abs() > EXACT {
        out.push_str(&format!("{value:e}"));
        return true;
    }
    write_canonical_f64(out, value)
}

/// Parses `text` as a number in common notation. Texts with a leading zero, a plus sign, or an integer of more than 64 bits
/// are names rather than numbers.
pub(crate) fn number_spelled(text: &str) -> Option<Number> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let usual = digits.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        && digits.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte))
        && !(digits.starts_with('0') && digits[1..].starts_with(|next: char| next.is_ascii_digit()));
    if !usual {
        return None;
    }
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse::<i64>().ok().map(Number::from);
    }
    Number::from_f64(text.parse().ok()?)
}

/// Returns whether `text` looks like a number to a person, including with a prefix such as `>`, a plus sign, or a decimal
/// comma.
fn looks_like_number(text: &str) -> bool {
    let qualified = text.trim_start_matches(|c: char| "<>=~≤≥≈±".contains(c) || c.is_whitespace());
    let plain = qualified.strip_prefix('+').unwrap_or(qualified).trim_end();
    let comma = plain.matches(',').count() == 1 && !plain.contains('.');
    number_spelled(plain).is_some() || comma && number_spelled(&plain.replace(',', ".")).is_some()
}

/// A description of the numbers in a text column that contains mostly numbers. Sorting such a column as text does not sort
/// it by value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct NumbersInText {
    /// The number of values.
    values: usize,
    /// The number of values that are valid numbers.
    numbers: usize,
    /// Examples of other values, without duplicates.
    others: Vec<Box<str>>,
}

impl fmt::Display for NumbersInText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { values, numbers, others } = self;
        if others.is_empty() {
            return write!(f, "each of its {values} values is a number");
        }
        write!(f, "{numbers} of its {values} values are numbers; others are, for example, ")?;
        let named: Vec<String> = others.iter().map(|other| format!("`{other}`")).collect();
        f.write_str(&named.join(", "))
    }
}

impl Values {
    /// Describes the numbers in a text column if more than half of its values look like numbers; `None` for other columns.
    /// Ignores missing values.
    pub(crate) fn numbers_in_text(&self) -> Option<NumbersInText> {
        let mut census = TextCensus::default();
        census.add(self);
        census.numbers_in_text()
    }
}

/// Counts the numbers in a text column that comes in pieces.
#[derive(Debug, Default)]
pub(crate) struct TextCensus {
    found: NumbersInText,
    /// The number of values that look like numbers.
    alike: usize,
}

impl TextCensus {
    /// Adds the values of a piece of the column; of none that is not text.
    pub(crate) fn add(&mut self, piece: &Values) {
        let Values::Text(values) = piece else { return };
        let NumbersInText { values: present, numbers, others } = &mut self.found;
        for value in values.iter().flatten() {
            *present += 1;
            if number_spelled(value).is_some() {
                self.alike += 1;
                *numbers += 1;
                continue;
            }
            self.alike += usize::from(looks_like_number(value));
            if others.len() < NAMED && !others.iter().any(|other| **other == *value) {
                others.push(value.into());
            }
        }
    }

    /// Returns whether a value is not missing.
    pub(crate) fn any(&self) -> bool {
        self.found.values > 0
    }

    /// Describes the numbers like [`Values::numbers_in_text`].
    pub(crate) fn numbers_in_text(&self) -> Option<NumbersInText> {
        (2 * self.alike > self.found.values).then(|| self.found.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_in_the_shortest_form_that_reads_back() {
        for (value, text) in [
            (6.022e23, "6.022e23"),
            (-1e17, "-1e17"),
            (9_007_199_254_740_992.0, "9007199254740992"),
            (9_007_199_254_740_994.0, "9.007199254740994e15"),
            (f64::MAX, "1.7976931348623157e308"),
            (5e-324, "5e-324"),
            (2.0, "2"),
            (-0.0, "0"),
            (0.1, "0.1"),
        ] {
            let mut written = String::new();
            assert!(write_float(&mut written, value));
            assert_eq!((written.as_str(), written.parse()), (text, Ok(value)));
        }
    }

    #[test]
    fn a_text_column_with_mostly_numbers_is_recognised() {
        let message = |values: &[&str]| {
            let texts = values.iter().map(|value| (!value.is_empty()).then_some(*value));
            Values::texts(texts).numbers_in_text().map(|numbers| numbers.to_string())
        };
        for (values, expected) in [
            (
                &["9.5", "10.2", "NA", "8.7", ">10"][..],
                "3 of its 5 values are numbers; others are, for example, `NA`, `>10`",
            ),
            (&["100", "", "9"], "each of its 2 values is a number"),
            (
                &[">10", "> 5", "<0.1", "x"],
                "0 of its 4 values are numbers; others are, for example, `>10`, `> 5`, `<0.1`, `x`",
            ),
            (&["9,5", "10,2"], "0 of its 2 values are numbers; others are, for example, `9,5`, `10,2`"),
        ] {
            assert_eq!(message(values).as_deref(), Some(expected));
        }
        for values in [&["9", "x"][..], &["007", "008"], &["1,2,3", "aspirin"], &["", ""], &[], &["CHEMBL25", "5", "a"]]
        {
            assert_eq!(message(values), None, "{values:?}");
        }
        assert_eq!(Values::integers([9]).numbers_in_text(), None);
    }
}
