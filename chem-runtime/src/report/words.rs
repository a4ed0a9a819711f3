//! Durations, sizes and arguments as people read and type them.

use jiff::SignedDuration;

/// Formats a duration in a suitable unit; `?` if it is negative because the clock went backwards.
pub(crate) fn seconds(duration: SignedDuration) -> String {
    let seconds = duration.as_secs_f64();
    if duration.is_negative() {
        return "?".to_owned();
    }
    match seconds {
        ..1.0 => format!("{:.0} ms", seconds * 1000.0),
        ..60.0 => format!("{seconds:.1} s"),
        ..3600.0 => format!("{:.0} min {:.0} s", (seconds / 60.0).floor(), seconds % 60.0),
        _ => format!("{:.0} h {:.0} min", (seconds / 3600.0).floor(), (seconds / 60.0).floor() % 60.0),
    }
}

/// Formats a size in bytes in a suitable decimal unit.
pub(crate) fn bytes(count: u64) -> String {
    let mut size = count as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if size < 999.5 {
            return if unit == "B" || size >= 99.95 {
                format!("{size:.0} {unit}")
            } else {
                format!("{size:.1} {unit}")
            };
        }
        size /= 1000.0;
    }
    format!("{size:.1} TB")
}

/// Quotes `word` for a shell, if needed.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |character: char| character.is_alphanumeric() || "-_./:@=,+%".contains(character);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_a_unit_and_a_negative_one_is_not_known() {
        let format = |milliseconds| seconds(SignedDuration::from_millis(milliseconds));
        assert_eq!(
            [0, 900, 59_900, 61_000, 7_260_000].map(format),
            ["0 ms", "900 ms", "59.9 s", "1 min 1 s", "2 h 1 min"]
        );
        assert_eq!([-1, -3_600_000].map(format), ["?", "?"]);
    }
}
