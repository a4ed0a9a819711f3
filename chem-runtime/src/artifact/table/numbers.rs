//! Numbers as files of text have them, and columns of text that hold numbers.

use std::fmt;

use serde_json::Number;

use super::ColumnData;
use crate::fingerprint::write_canonical_f64;

/// Up to 2^53 a whole number that is an `f64` is exactly that number.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// So many values that are no numbers are named.
const NAMED: usize = 5;

/// Appends a finite `f64` in the shortest decimal form that reads back to it, as files of text have it; `false`, and nothing
/// appended, for NaN and infinities.
///
/// Whole numbers up to 2^53 have no decimals and no exponent. Greater ones have an exponent: written in digits, `6.022e23`
/// would be a text with 24 of them to most readers, and digits that it does not have.
///
/// ```
/// use chem_runtime::artifact::write_float;
///
/// let mut text = String::new();
/// assert!(write_float(&mut text, 6.022e23) && !write_float(&mut text, f64::NAN));
/// assert_eq!(text, "6.022e23");
/// ```
pub fn write_float(out: &mut String, value: f64) -> bool {
    if value.is_finite() && value.abs() > EXACT {
        out.push_str(&format!("{value:e}"));
        return true;
    }
    write_canonical_f64(out, value)
}

/// The number that `text` spells as people write one: not with a leading zero, a plus sign, or more digits than 64 bits hold,
/// which are a name.
pub fn number_spelled(text: &str) -> Option<Number> {
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

/// Whether `text` is a number to who looks at it: with `>` or the like before it, a plus sign, or a decimal comma, too.
fn looks_like_number(text: &str) -> bool {
    let qualified = text.trim_start_matches(|c: char| "<>=~≤≥≈±".contains(c) || c.is_whitespace());
    let plain = qualified.strip_prefix('+').unwrap_or(qualified).trim_end();
    let comma = plain.matches(',').count() == 1 && !plain.contains('.');
    number_spelled(plain).is_some() || comma && number_spelled(&plain.replace(',', ".")).is_some()
}

/// What numbers are to be found in a column of text that mostly looks like numbers. Its order as text is none by value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumbersInText {
    /// How many values there are.
    values: usize,
    /// How many of them are numbers as they stand.
    numbers: usize,
    /// Some of the others, each once.
    others: Vec<Box<str>>,
}

impl fmt::Display for NumbersInText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { values, numbers, others } = self;
        if others.is_empty() {
            return write!(f, "each of its {values} values is a number");
        }
        write!(f, "{numbers} of its {values} values are numbers; the others are such as ")?;
        let named: Vec<String> = others.iter().map(|other| format!("`{other}`")).collect();
        f.write_str(&named.join(", "))
    }
}

impl ColumnData {
    /// What numbers are in a column of text of whose values more than half look like numbers; none for any other column.
    /// Missing values do not count.
    pub fn numbers_in_text(&self) -> Option<NumbersInText> {
        let Self::Text(values) = self else { return None };
        let (mut there, mut alike, mut numbers, mut others) = (0, 0, 0, Vec::<Box<str>>::new());
        for value in values.iter().flatten() {
            there += 1;
            if number_spelled(value).is_some() {
                alike += 1;
                numbers += 1;
                continue;
            }
            alike += usize::from(looks_like_number(value));
            if others.len() < NAMED && !others.contains(value) {
                others.push(value.clone());
            }
        }
        (2 * alike > there).then_some(NumbersInText { values: there, numbers, others })
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
    fn a_column_of_text_that_mostly_looks_like_numbers_is_told() {
        let told = |values: &[&str]| {
            let texts = values.iter().map(|value| (!value.is_empty()).then(|| (*value).into())).collect();
            ColumnData::Text(texts).numbers_in_text().map(|numbers| numbers.to_string())
        };
        for (values, expected) in [
            (
                &["9.5", "10.2", "NA", "8.7", ">10"][..],
                "3 of its 5 values are numbers; the others are such as `NA`, `>10`",
            ),
            (&["100", "", "9"], "each of its 2 values is a number"),
            (
                &[">10", "> 5", "<0.1", "x"],
                "0 of its 4 values are numbers; the others are such as `>10`, `> 5`, `<0.1`, `x`",
            ),
            (&["9,5", "10,2"], "0 of its 2 values are numbers; the others are such as `9,5`, `10,2`"),
        ] {
            assert_eq!(told(values).as_deref(), Some(expected));
        }
        for values in [&["9", "x"][..], &["007", "008"], &["1,2,3", "aspirin"], &["", ""], &[], &["CHEMBL25", "5", "a"]]
        {
            assert_eq!(told(values), None, "{values:?}");
        }
        assert_eq!(ColumnData::Integer(vec![Some(9)]).numbers_in_text(), None);
    }
}
