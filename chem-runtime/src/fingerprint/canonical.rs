//! Canonical JSON: exactly one text for each value.
//!
//! - Object keys are sorted by code points, there is no white space, and the encoding is UTF-8.
//! - A number that is an integer is written with all its digits, regardless of its notation: `1`, `1.0` and `1e0` are the
//!   same value, `-0.0` is `0`, and 2^53+1 is not 2^53.
//! - Any other number is written in the shortest decimal form that reads back to the same `f64`: plain from 1e-5 upwards
//!   (`0.1`, `407.5`), with an exponent below (`5e-324`).
//! - What not every store can return unchanged is refused, with its path: U+0000 in a string (JSONB does not support it),
//!   nesting deeper than [`MAX_DEPTH`] (JSON parsers stop at 128), and a text longer than [`MAX_LENGTH`] (JSONB limits
//!   elements and bytes).

use serde_json::{Number, Value};

/// The maximum nesting of arrays and objects.
///
/// An event adds a few levels to the values of steps, and JSON parsers stop at 128.
pub const MAX_DEPTH: usize = 100;

/// The maximum length of a canonical text, in bytes.
///
/// PostgreSQL cannot build a JSONB array of more than 2^24 - 1 elements (its working memory would exceed 1 GiB). The
/// shortest text with that many is `[1,1,…]`, one byte short of 32 MiB. Put growing data into a table, which is stored in
/// chunks.
pub const MAX_LENGTH: usize = 32 << 20;

/// Why a value has no canonical form. `path` is a JSON path such as `$.rows[3].name`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CanonicalError {
    /// A float that JSON cannot represent.
    #[error("{value} at `{path}` cannot be represented in JSON; omit a missing value or write null")]
    NonFinite {
        /// The location of the float.
        path: String,
        /// `NaN`, `inf` or `-inf`.
        value: String,
    },
    /// A string with U+0000, which PostgreSQL's JSONB cannot hold.
    #[error("the string at `{path}` contains U+0000, which a store cannot hold")]
    NulCharacter {
        /// The location of the string.
        path: String,
    },
    /// Arrays and objects nested deeper than [`MAX_DEPTH`].
    #[error("the value at `{path}` is nested deeper than {MAX_DEPTH} levels")]
    TooDeep {
        /// The first level that is too deep, shortened.
        path: String,
    },
    /// A text longer than [`MAX_LENGTH`].
    #[error(
        "the value takes {length} bytes as JSON, but a store can hold at most {MAX_LENGTH}; use a table, which is stored in chunks"
    )]
    TooLong {
        /// The length of the text, or of the part that was written.
        length: usize,
    },
    /// A Rust value that serde cannot turn into JSON, such as a map whose keys are not strings.
    #[error("the value cannot be written as JSON: {reason}")]
    NotJson {
        /// The error of serde.
        reason: String,
    },
}

impl CanonicalError {
    /// Returns the error for the value at `path`, which is deep and therefore shortened.
    pub(super) fn too_deep(path: &str) -> Self {
        let shortened = match path.char_indices().nth(60) {
            Some((cut, _)) => format!("{}…", &path[..cut]),
            None => path.to_owned(),
        };
        Self::TooDeep { path: shortened }
    }
}

/// Refuses a canonical text that is too long for a store.
pub(crate) fn check_length(text: &str) -> Result<(), CanonicalError> {
    if text.len() > MAX_LENGTH { Err(CanonicalError::TooLong { length: text.len() }) } else { Ok(()) }
}

/// Returns `value` as it reads back from its canonical text: a float such as `5.0` becomes an integer.
pub(crate) fn as_read_back(value: Value) -> Value {
    match value {
        Value::Number(number) => Value::Number(number_as_read_back(number)),
        Value::Array(items) => items.into_iter().map(as_read_back).collect(),
        Value::Object(members) => members.into_iter().map(|(name, member)| (name, as_read_back(member))).collect(),
        other => other,
    }
}

/// Returns a number as it reads back. An integer of more than 64 bits remains a float.
fn number_as_read_back(number: Number) -> Number {
    match number.as_f64().filter(|float| number.is_f64() && float.fract() == 0.0) {
        Some(float) if (-(2_f64.powi(63))..2_f64.powi(63)).contains(&float) => (float as i64).into(),
        Some(float) if (0.0..2_f64.powi(64)).contains(&float) => (float as u64).into(),
        _ => number,
    }
}

/// A text that grows: a string, or the bytes of one, which are faster to append to.
pub(crate) trait Text {
    /// Appends a text.
    fn push_text(&mut self, text: &str);

    /// Appends ASCII characters.
    fn push_ascii(&mut self, bytes: &[u8]);
}

impl Text for String {
    fn push_text(&mut self, text: &str) {
        self.push_str(text);
    }

    fn push_ascii(&mut self, bytes: &[u8]) {
        self.push_str(std::str::from_utf8(bytes).unwrap_or_default());
    }
}

impl Text for Vec<u8> {
    fn push_text(&mut self, text: &str) {
        self.extend_from_slice(text.as_bytes());
    }

    fn push_ascii(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Appends a finite `f64` in canonical form. Returns `false` and appends nothing for NaN and infinities.
pub fn write_canonical_f64(out: &mut String, value: f64) -> bool {
    write_f64(out, value)
}

/// Appends a float like [`write_canonical_f64`].
pub(crate) fn write_f64(out: &mut impl Text, value: f64) -> bool {
    if !value.is_finite() {
        return false;
    }
    if !write_short_decimal(out, value) {
        if value == 0.0 {
            out.push_text("0");
        } else if value.fract() == 0.0 {
            out.push_text(&format!("{value:.0}"));
        } else if value.abs() >= 1e-5 {
            out.push_text(&format!("{value}"));
        } else {
            out.push_text(&format!("{value:e}"));
        }
    }
    true
}

/// Appends a number of at most six decimals and fifteen digits, like most measured values. Returns `false` and appends
/// nothing for any other number.
///
/// Different decimals of at most fifteen digits parse as different `f64`s. Therefore, if the quotient below, which is
/// rounded in the same way as a parsed decimal, equals the value, its digits are the shortest that read back to it.
fn write_short_decimal(out: &mut impl Text, value: f64) -> bool {
    const SCALE: u64 = 1_000_000;
    // The position of the decimal point, behind a sign and nine digits.
    const POINT: usize = 10;
    let magnitude = value.abs();
    let product = magnitude * 1e6;
    if !(1.0..1e15).contains(&product) {
        return false;
    }
    let digits = (product + 0.5) as u64;
    if !(10..1_000_000_000_000_000).contains(&digits) || digits as f64 / 1e6 != magnitude {
        return false;
    }
    let mut text = [b'0'; POINT + 7];
    let (mut whole, fraction) = ((digits / SCALE) as usize, (digits % SCALE) as usize);
    let mut start = POINT;
    while whole >= 100 {
        start -= 2;
        text[start..start + 2].copy_from_slice(&PAIRS[whole % 100]);
        whole /= 100;
    }
    if whole >= 10 {
        start -= 2;
        text[start..start + 2].copy_from_slice(&PAIRS[whole]);
    } else {
        start -= 1;
        text[start] = PAIRS[whole][1];
    }
    if value < 0.0 {
        start -= 1;
        text[start] = b'-';
    }
    let mut end = POINT;
    if fraction > 0 {
        text[POINT] = b'.';
        text[POINT + 1..POINT + 3].copy_from_slice(&PAIRS[fraction / 10_000]);
        text[POINT + 3..POINT + 5].copy_from_slice(&PAIRS[fraction / 100 % 100]);
        text[POINT + 5..].copy_from_slice(&PAIRS[fraction % 100]);
        end = text.len();
        while text[end - 1] == b'0' {
            end -= 1;
        }
    }
    out.push_ascii(&text[start..end]);
    true
}

/// The two digits of each number below 100.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut number = 0;
    while number < 100 {
        pairs[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        number += 1;
    }
    pairs
};

/// Appends a string in canonical form. Returns `false` and appends nothing if it contains U+0000.
pub(crate) fn write_canonical_str(out: &mut impl Text, text: &str) -> bool {
    // Scanning without an early exit is faster.
    let plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    if text.bytes().fold(true, |all, byte| all & plain(byte)) {
        out.push_ascii(b"\"");
        out.push_text(text);
        out.push_ascii(b"\"");
        return true;
    }
    if text.as_bytes().contains(&0) {
        return false;
    }
    write_json_str(out, text);
    true
}

/// Appends any string as JSON, including U+0000.
pub(crate) fn write_json_str(out: &mut impl Text, text: &str) {
    out.push_ascii(b"\"");
    let mut plain_from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0x08 => "\\b",
            0x0c => "\\f",
            0x00..0x20 => "",
            _ => continue,
        };
        out.push_text(&text[plain_from..at]);
        if escape.is_empty() {
            out.push_text(&format!("\\u{byte:04x}"));
        } else {
            out.push_text(escape);
        }
        plain_from = at + 1;
    }
    out.push_text(&text[plain_from..]);
    out.push_ascii(b"\"");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fingerprint::canonical_json;

    #[track_caller]
    fn check(value: Value, expected: &str) {
        assert_eq!(canonical_json(&value).unwrap(), expected);
    }

    #[test]
    fn integers_print_as_themselves_however_they_are_written() {
        check(json!([1, 1.0, 1e0]), "[1,1,1]");
        check(json!(-0.0), "0");
        check(json!(9_007_199_254_740_993_u64), "9007199254740993");
        check(json!(u64::MAX), "18446744073709551615");
        check(json!(i64::MIN), "-9223372036854775808");
        check(json!(18_446_744_073_709_551_616.0), "18446744073709551616");
        check(json!(1e22), "10000000000000000000000");
    }

    #[test]
    fn fractions_print_in_their_shortest_form() {
        check(json!([0.1, 0.1 + 0.2, 407.5]), "[0.1,0.30000000000000004,407.5]");
        check(json!([5e-324, 1e-5, 9.5e-6]), "[5e-324,0.00001,9.5e-6]");
        check(json!([-999_999_999.999_999, -999_999_999.999_999_9]), "[-999999999.999999,-999999999.9999999]");
    }

    #[test]
    fn a_value_is_read_back_as_what_it_is_written_as() {
        let value = json!({
            "whole": [0.0, -0.0, 3600.0, -1e15, 9_223_372_036_854_775_808.0, 18_446_744_073_709_551_616.0, 1e300],
            "others": [0.5, 5, i64::MIN, u64::MAX, -9.5e18, "1.0", null, true],
        });
        let read: Value = serde_json::from_str(&canonical_json(&value).unwrap()).unwrap();
        assert_eq!(as_read_back(value), read);
    }

    #[test]
    fn keys_are_sorted_by_code_points() {
        check(
            json!({"\u{10000}": 1, "\u{ffff}": 2, "b": 3, "a": 4}),
            "{\"a\":4,\"b\":3,\"\u{ffff}\":2,\"\u{10000}\":1}",
        );
    }

    #[test]
    fn strings_escape_only_what_json_demands() {
        check(json!("a\"\\\n\u{1}é/"), "\"a\\\"\\\\\\n\\u0001é/\"");
    }

    #[test]
    fn what_a_store_cannot_hold_is_refused_with_its_path() {
        let error = canonical_json(&json!({"rows": [{"name": "a\u{0}b"}]})).unwrap_err();
        assert_eq!(error, CanonicalError::NulCharacter { path: "$.rows[0].name".into() });

        let deepest = (0..MAX_DEPTH - 1).fold(json!([]), |inner, _| json!([inner]));
        assert!(canonical_json(&deepest).is_ok());
        assert!(matches!(canonical_json(&json!([deepest])), Err(CanonicalError::TooDeep { .. })));
    }

    #[test]
    fn a_text_has_a_greatest_length() {
        let longest = "a".repeat(MAX_LENGTH - 2);
        assert_eq!(canonical_json(&json!(longest)).map(|text| text.len()), Ok(MAX_LENGTH));
        assert_eq!(canonical_json(&json!(longest + "a")), Err(CanonicalError::TooLong { length: MAX_LENGTH + 1 }));
    }
}
