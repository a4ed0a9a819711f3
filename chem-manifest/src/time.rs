//! Durations in the notation of a manifest: `500ms`, `30s`, `10m`, `2h`.

/// The units of a duration, in milliseconds.
const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1000), ("m", 60 * 1000), ("h", 60 * 60 * 1000)];

/// Parses a duration, and returns it in milliseconds; `None` if `text` is not an integer and a unit: `ms`, `s`, `m` or `h`.
pub fn parse_time(text: &str) -> Option<u64> {
    let (digits, unit) = split(text)?;
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

/// Returns whether `text` ends in one of the [`UNITS`].
pub(crate) fn has_unit(text: &str) -> bool {
    split(text).is_some()
}

/// Returns the text before the unit, and the unit in milliseconds.
fn split(text: &str) -> Option<(&str, u64)> {
    let digits = text.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let unit = UNITS.iter().find(|(unit, _)| *unit == &text[digits.len()..]);
    unit.map(|(_, milliseconds)| (digits, *milliseconds))
}

/// Formats a duration in the largest unit that divides it.
fn write_time(milliseconds: u64) -> String {
    let whole = UNITS.iter().rev().find(|(_, unit)| milliseconds > 0 && milliseconds.is_multiple_of(*unit));
    let (unit, size) = whole.unwrap_or(&("s", 1000));
    format!("{}{unit}", milliseconds / size)
}

/// Serializes a duration, for serde's `with`.
pub(crate) mod plain {
    use serde::de::Error as _;
    use serde::{Deserializer, Serializer};

    use crate::values;

    pub(crate) fn serialize<S: Serializer>(milliseconds: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::write_time(*milliseconds))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let text = values::text(deserializer)?;
        super::parse_time(&text).ok_or_else(|| {
            D::Error::custom(format!(
                "`{text}` is not a time: write a whole number and a unit, such as `500ms` or `30s`"
            ))
        })
    }
}

/// Serializes an optional duration, for serde's `with`.
pub(crate) mod optional {
    use serde::{Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(time: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
        match time {
            Some(milliseconds) => super::plain::serialize(milliseconds, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
        super::plain::deserialize(deserializer).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_in_its_largest_unit() {
        for (milliseconds, text) in [
            (0, "0s"),
            (1, "1ms"),
            (1500, "1500ms"),
            (2000, "2s"),
            (600_000, "10m"),
            (5_400_000, "90m"),
            (7_200_000, "2h"),
            (u64::MAX, "18446744073709551615ms"),
        ] {
            assert_eq!((write_time(milliseconds).as_str(), parse_time(text)), (text, Some(milliseconds)));
        }
        for text in ["", "5", "s", "1.5s", "-1s", "5 s", "5d", "99999999999999999999s", "18446744073709551615h"] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }
}
