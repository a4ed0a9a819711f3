//! Resolves plain scalars by the core schema of YAML 1.2.
//!
//! `yes`, `no`, `on` and `off` are text, as are `1_000`, `12:30` and dates; `0o14` and `0x1F` are integers.

use serde_json::Number;

use super::NodeValue;

/// Why a plain scalar with the form of a number is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BadNumber {
    /// `.nan`.
    NotANumber,
    /// `.inf`, or a float beyond the largest.
    Infinite,
    /// An integer that fits neither an `i64` nor a `u64`.
    TooLong,
}

/// Resolves a plain scalar.
pub(super) fn plain(text: &str) -> Result<NodeValue, BadNumber> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(NodeValue::Null),
        "true" | "True" | "TRUE" => return Ok(NodeValue::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(NodeValue::Bool(false)),
        ".nan" | ".NaN" | ".NAN" => return Err(BadNumber::NotANumber),
        _ => {}
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Err(BadNumber::Infinite);
    }
    if let Some(number) = whole(text, unsigned) {
        return number.map(NodeValue::Number);
    }
    if is_float(unsigned) {
        // Rust parses every form that the core schema has for floats.
        let float = text.parse::<f64>().ok().and_then(Number::from_f64);
        return float.map(NodeValue::Number).ok_or(BadNumber::Infinite);
    }
    Ok(NodeValue::Text(text.to_owned()))
}

fn whole(text: &str, unsigned: &str) -> Option<Result<Number, BadNumber>> {
    let (digits, radix) = match text.get(..2) {
        Some("0o") => (&text[2..], 8),
        Some("0x") => (&text[2..], 16),
        _ => (unsigned, 10),
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    let number = if text.starts_with('-') {
        text.parse::<i64>().map(Number::from).ok()
    } else {
        u64::from_str_radix(digits, radix).map(Number::from).ok()
    };
    Some(number.ok_or(BadNumber::TooLong))
}

/// Returns whether `text`, which has no sign, is a float such as `1.5`, `.5`, `1.` or `1e3`.
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (text, None),
    };
    let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    digits(before)
        && digits(after)
        && !(before.is_empty() && after.is_empty())
        && exponent.is_none_or(|exponent| !exponent.is_empty() && digits(exponent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn number(text: &str, json: &str) {
        let Ok(NodeValue::Number(number)) = plain(text) else { panic!("`{text}` is not a number") };
        assert_eq!(number.to_string(), json, "{text}");
    }

    #[test]
    fn numbers_have_the_forms_of_the_core_schema() {
        for (text, json) in [
            ("0", "0"),
            ("-12", "-12"),
            ("+12", "12"),
            ("007", "7"),
            ("0o14", "12"),
            ("0x1F", "31"),
            ("18446744073709551615", "18446744073709551615"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("5.0", "5.0"),
            ("-.5", "-0.5"),
            ("1.", "1.0"),
            ("1e3", "1000.0"),
            ("+1.5E-2", "0.015"),
        ] {
            number(text, json);
        }
    }

    #[test]
    fn scalars_that_resemble_other_values_are_text() {
        for text in [
            "yes",
            "no",
            "on",
            "off",
            "y",
            "TRUe",
            "1_000",
            "12:30",
            "2026-01-01",
            "0b1",
            "0o8",
            "-0x1F",
            "0x",
            "1e",
            ".",
            "-",
            "+",
            "e3",
            "1.2.3",
            "nan",
            "inf",
            "NaN",
            "١٢",
        ] {
            assert_eq!(plain(text), Ok(NodeValue::Text(text.into())));
        }
    }

    #[test]
    fn numbers_that_cannot_be_represented_are_refused() {
        for (text, why) in [
            (".nan", BadNumber::NotANumber),
            ("-.inf", BadNumber::Infinite),
            ("1e999", BadNumber::Infinite),
            ("18446744073709551616", BadNumber::TooLong),
            ("-9223372036854775809", BadNumber::TooLong),
            ("0xFFFFFFFFFFFFFFFFF", BadNumber::TooLong),
        ] {
            assert_eq!(plain(text), Err(why), "{text}");
        }
    }
}
