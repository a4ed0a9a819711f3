//! A cell of an Excel workbook as a value.

use std::borrow::Cow;

use calamine::{DataRef, ExcelDateTime};
use serde_json::{Number, Value};

/// A cell that is not empty.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    /// A text, a number or a boolean.
    Value(Value),
    /// A cell without a usable value.
    Unusable(Box<Unusable>),
}

/// Why a cell has no usable value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Unusable {
    text: String,
    /// What is wrong, without the name of the column.
    reason: String,
}

impl Cell {
    /// Converts a cell. White space around a text does not belong to it; a date and a time become text. Returns `None` for a cell
    /// without a value.
    pub(super) fn of(data: DataRef<'_>, has_formula: bool) -> Option<Self> {
        Some(match data {
            DataRef::Empty if has_formula => Self::unusable("=", "has a formula without a stored value"),
            DataRef::Empty => return None,
            DataRef::Int(number) => Self::Value(number.into()),
            DataRef::Float(number) => Self::number(number),
            DataRef::String(text) => return Self::text_cell(&text),
            DataRef::SharedString(text) => return Self::text_cell(text),
            DataRef::Bool(truth) => Self::Value(truth.into()),
            DataRef::DateTime(time) => date_or_time(&time),
            DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => return Self::text_cell(&text),
            DataRef::Error(error) => Self::unusable(&error.to_string(), &format!("has the error `{error}`")),
        })
    }

    fn unusable(text: &str, reason: &str) -> Self {
        Self::Unusable(Box::new(Unusable { text: text.to_owned(), reason: reason.to_owned() }))
    }

    /// A workbook has floats only: one that is whole and exact becomes an integer.
    fn number(number: f64) -> Self {
        if number.fract() == 0.0 && number.abs() <= 2_f64.powi(53) {
            return Self::Value((number as i64).into());
        }
        match Number::from_f64(number) {
            Some(number) => Self::Value(number.into()),
            None => Self::unusable(&number.to_string(), "has a number that is not finite"),
        }
    }

    fn text_cell(text: &str) -> Option<Self> {
        match text.trim() {
            "" => None,
            text if text.contains('\0') => {
                Some(Self::unusable(text, "has the character U+0000, which cannot be stored,"))
            }
            text => Some(Self::Value(text.into())),
        }
    }

    /// Returns the cell as text.
    pub(super) fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Value(Value::String(text)) => text.as_str().into(),
            Self::Value(other) => other.to_string().into(),
            Self::Unusable(cell) => cell.text.as_str().into(),
        }
    }

    /// Returns the number of bytes of its text in memory.
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::Value(Value::String(text)) => text.len() as u64,
            Self::Value(_) => 0,
            Self::Unusable(cell) => (cell.text.len() + cell.reason.len()) as u64,
        }
    }

    /// Returns the value of a cell in the column called `column`: null if `missing` lists its text.
    ///
    /// # Errors
    /// Returns the reason why the cell cannot be used.
    pub(super) fn value(&self, column: &str, missing: &[String]) -> Result<Value, String> {
        let is_missing = !missing.is_empty() && missing.iter().any(|missing| *missing == *self.text());
        match self {
            _ if is_missing => Ok(Value::Null),
            Self::Value(value) => Ok(value.clone()),
            Self::Unusable(cell) => Err(format!(
                "{} in the column `{column}`; `missing: [\"{}\"]` would read it as a missing value",
                cell.reason, cell.text
            )),
        }
    }
}

/// Returns a date as `2023-02-01`, a time as `12:30:00`, both as `2023-02-01T12:30:00`, and a duration as `26:30:00`. Times are
/// rounded to milliseconds.
fn date_or_time(time: &ExcelDateTime) -> Cell {
    let days = time.as_f64();
    if time.is_duration() {
        let milliseconds = (days.abs() * 86_400_000.0).round();
        if !(0.0..9e15).contains(&milliseconds) {
            return Cell::unusable(&days.to_string(), "has a duration that is too long");
        }
        let milliseconds = milliseconds as u64;
        let (seconds, sign) = (milliseconds / 1000, if days < 0.0 { "-" } else { "" });
        let (minutes, rest) = (seconds / 60 % 60, seconds % 60);
        let fraction = fraction(milliseconds % 1000);
        return Cell::Value(format!("{sign}{}:{minutes:02}:{rest:02}{fraction}", seconds / 3600).into());
    }
    let (year, month, day, hour, minute, second, milliseconds) = time.to_ymd_hms_milli();
    // The library shifts dates that Excel does not have to the first or the last one, which has a number for each epoch.
    let is_shifted = (year, month, day) == (9999, 12, 31) && ![2_958_465.0, 2_957_003.0].contains(&days.floor());
    if is_shifted || days.is_nan() || days < 0.0 {
        return Cell::unusable(&days.to_string(), "has a date that Excel does not have");
    }
    let date = format!("{year:04}-{month:02}-{day:02}");
    let clock = format!("{hour:02}:{minute:02}:{second:02}{}", fraction(u64::from(milliseconds)));
    Cell::Value(match (days < 1.0, (hour, minute, second, milliseconds)) {
        (true, _) => clock.into(),
        (false, (0, 0, 0, 0)) => date.into(),
        (false, _) => format!("{date}T{clock}").into(),
    })
}

fn fraction(milliseconds: u64) -> String {
    if milliseconds == 0 { String::new() } else { format!(".{milliseconds:03}") }
}

#[cfg(test)]
mod tests {
    use calamine::{CellErrorType, ExcelDateTimeType};
    use serde_json::json;

    use super::*;

    fn value(data: DataRef<'_>) -> Result<Value, String> {
        Cell::of(data, false).map_or(Ok(Value::Null), |cell| cell.value("x", &["-".to_owned(), "#N/A".to_owned()]))
    }

    #[test]
    fn cells_have_the_types_of_their_values() {
        for (data, expected) in [
            (DataRef::Float(2.0), json!(2)),
            (DataRef::Float(0.5), json!(0.5)),
            (DataRef::Float(2_f64.powi(53)), json!(9_007_199_254_740_992_i64)),
            (DataRef::Float(1e300), json!(1e300)),
            (DataRef::Bool(true), json!(true)),
            (DataRef::SharedString(" 007 "), json!("007")),
            (DataRef::SharedString(" "), Value::Null),
            (DataRef::SharedString("-"), Value::Null),
            (DataRef::Error(CellErrorType::NA), Value::Null),
            (DataRef::Empty, Value::Null),
        ] {
            assert_eq!(value(data.clone()), Ok(expected), "{data:?}");
        }
    }

    #[test]
    fn dates_and_times_are_texts() {
        let text = |days, ty| value(DataRef::DateTime(ExcelDateTime::new(days, ty, false)));
        for (days, expected) in [
            (44_958.0, "2023-02-01"),
            (44_958.5, "2023-02-01T12:00:00"),
            (0.999_999_99, "23:59:59.999"),
            (44_958.000_011_574_08, "2023-02-01T00:00:01"),
            (2_958_465.0, "9999-12-31"),
            (0.0, "00:00:00"),
        ] {
            assert_eq!(text(days, ExcelDateTimeType::DateTime), Ok(expected.into()), "{days}");
        }
        for days in [-1.0, 2_958_466.0, 1e300, f64::NAN] {
            assert!(text(days, ExcelDateTimeType::DateTime).unwrap_err().contains("has a date"), "{days}");
        }
        for (days, expected) in
            [(1.104_166_666_666_666_7, "26:30:00"), (-0.25, "-6:00:00"), (1.5 / 86_400.0, "0:00:01.500")]
        {
            assert_eq!(text(days, ExcelDateTimeType::TimeDelta), Ok(expected.into()), "{days}");
        }
        assert!(text(1e300, ExcelDateTimeType::TimeDelta).is_err());
    }

    #[test]
    fn a_cell_without_a_usable_value_says_why() {
        let error = value(DataRef::Error(CellErrorType::Div0)).unwrap_err();
        assert_eq!(
            error,
            "has the error `#DIV/0!` in the column `x`; `missing: [\"#DIV/0!\"]` would read it as a missing value"
        );
        assert!(value(DataRef::Float(f64::INFINITY)).unwrap_err().contains("not finite"));
        assert!(value(DataRef::SharedString("a\0b")).unwrap_err().contains("U+0000"));
        let formula = Cell::of(DataRef::Empty, true).unwrap();
        assert!(formula.value("x", &[]).unwrap_err().contains("a formula without a stored value"));
        assert_eq!(formula.value("x", &["=".to_owned()]), Ok(Value::Null));
    }
}
