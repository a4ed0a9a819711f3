//! Infers the types of columns, and converts cells to typed values.
//!
//! A cell is a JSON value: text from a delimited file; text, a number or a boolean from JSON Lines; or null if it is
//! missing.

use std::borrow::Cow;

use serde_json::{Number, Value};

use super::rejects::shortened;
use crate::artifact::{Cell, Column, ColumnType, number_spelled};
use crate::cancel::while_running;
use crate::step::{InvalidKind, InvalidParam, ParamType, ParamValue};

/// The decimal separator of numbers in text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Decimal {
    #[default]
    Point,
    Comma,
}

impl Decimal {
    /// Returns the separator that the parameter `decimal` names.
    pub(crate) fn of(name: Option<&str>) -> Self {
        if name == Some(",") { Self::Comma } else { Self::Point }
    }

    /// Returns `text` with a decimal point if it is a number with this separator. With a comma, a text with a point is
    /// not a number, because the point may separate thousands.
    pub(crate) fn pointed(self, text: &str) -> Option<Cow<'_, str>> {
        match self {
            Self::Point => Some(text.into()),
            Self::Comma if text.contains('.') => None,
            Self::Comma => Some(text.replace(',', ".").into()),
        }
    }

    fn parse(self, text: &str) -> Option<f64> {
        self.pointed(text)?.parse().ok()
    }
}

/// How the values of a file are written in its cells.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Notation {
    /// The decimal separator of numbers that are written as text; `None` if the format has numbers of its own, so that no
    /// text is one.
    pub spelled: Option<Decimal>,
    /// Whether white space around a text belongs to the text. It never belongs to a number, and it is a missing number.
    pub padded: bool,
}

/// Infers the type that fits all cells of a column, which come one by one: text, if all are missing.
///
/// A text may be a boolean or a number if the notation spells these. Digits with a leading zero, a plus sign or more digits
/// than fit into 64 bits are a name, and their column is text. So is a column with a JSON integer that does not fit into a
/// signed 64-bit integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Inference(Option<Kind>);

impl Inference {
    /// Adds a cell.
    pub(crate) fn add(&mut self, cell: &Value, notation: Notation) {
        if !self.is_decided() && !notation.is_missing(cell) {
            self.join(type_of_one(cell, notation));
        }
    }

    /// Adds a cell with this text.
    pub(super) fn add_text(&mut self, text: &str, notation: Notation) {
        if !self.is_decided() && !notation.is_missing_text(text) {
            self.join(kind_of_text(text, notation));
        }
    }

    /// Returns whether no other cell changes the type.
    pub(super) fn is_decided(self) -> bool {
        self.0 == Some(Kind::Text)
    }

    /// Adds the cells of another text.
    pub(crate) fn add_all(&mut self, other: Self) {
        if let Some(kind) = other.0 {
            self.join(kind);
        }
    }

    fn join(&mut self, kind: Kind) {
        self.0 = Some(match (self.0, kind) {
            (None, kind) => kind,
            (Some(before), kind) if before == kind => kind,
            (Some(Kind::Whole), Kind::LongWhole) | (Some(Kind::LongWhole), Kind::Whole) => Kind::LongWhole,
            (Some(Kind::Whole), Kind::Fraction) | (Some(Kind::Fraction), Kind::Whole) => Kind::Fraction,
            _ => Kind::Text,
        });
    }

    /// Returns the type.
    pub(crate) fn ty(self) -> ColumnType {
        match self.0 {
            None | Some(Kind::Text) => ColumnType::Text,
            Some(Kind::Whole | Kind::LongWhole) => ColumnType::Integer,
            Some(Kind::Fraction) => ColumnType::Float,
            Some(Kind::Truth) => ColumnType::Boolean,
        }
    }
}

impl Notation {
    /// Returns whether a cell without this value says nothing about the type of its column.
    fn is_missing(self, cell: &Value) -> bool {
        match cell {
            Value::Null => true,
            Value::String(text) => self.is_missing_text(text),
            _ => false,
        }
    }

    fn is_missing_text(self, text: &str) -> bool {
        self.padded && text.trim().is_empty()
    }

    /// Returns the text of a number or a boolean.
    fn bare(self, text: &str) -> &str {
        if self.padded { text.trim() } else { text }
    }
}

/// Converts the cells to the types of their columns; only the first of them if the step is asked to stop.
pub(crate) fn type_cells(cells: &mut [Value], columns: &[Column], notation: Notation) -> Result<(), String> {
    for (cell, column) in while_running(cells.iter_mut().zip(columns)) {
        let Some(value) = typed(cell, column.ty, notation) else {
            let text = cell.as_str().map_or_else(|| cell.to_string(), str::to_owned);
            return Err(misfit(&text, column));
        };
        *cell = value;
    }
    Ok(())
}

/// Converts a cell with this text to the type of its column.
pub(super) fn type_text<'t>(text: &'t str, column: &Column, notation: Notation) -> Result<Cell<'t>, String> {
    typed_text(text, column.ty, notation).ok_or_else(|| misfit(text, column))
}

/// Describes a cell that does not have the type of its column.
fn misfit(text: &str, column: &Column) -> String {
    let text = shortened(text.as_bytes());
    format!("has `{text}` in the column `{}`, which is {}", column.name, type_name(column.ty))
}

/// The number of digits up to which every integer is exact as a float.
const SHORT: usize = 15;

/// The type of a single cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    /// An integer that a float represents exactly.
    Whole,
    /// A 64-bit integer that may exceed the precision of a float.
    LongWhole,
    Fraction,
    Truth,
}

fn type_of_one(cell: &Value, notation: Notation) -> Kind {
    match cell {
        Value::Bool(_) => Kind::Truth,
        Value::Number(number) => kind_of_number(number),
        Value::String(text) => kind_of_text(text, notation),
        _ => Kind::Text,
    }
}

fn kind_of_text(text: &str, notation: Notation) -> Kind {
    let Some(decimal) = notation.spelled else { return Kind::Text };
    let text = notation.bare(text);
    if let Some(kind) = kind_of_plain(text, decimal) {
        return kind;
    }
    match decimal.pointed(text).and_then(|text| number_spelled(&text)) {
        Some(number) => kind_of_number(&number),
        None if truth_spelled(text).is_some() => Kind::Truth,
        None => Kind::Text,
    }
}

/// Returns the kind of a text whose bytes alone determine it, like most cells: a word, or a short number without an exponent.
fn kind_of_plain(text: &str, decimal: Decimal) -> Option<Kind> {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    let separator = match decimal {
        Decimal::Point => b'.',
        Decimal::Comma => b',',
    };
    match digits {
        // Not a number, nor `true` or `false`.
        [first, ..] if !first.is_ascii_digit() && !matches!(first, b'.' | b',' | b't' | b'T' | b'f' | b'F') => {
            Some(Kind::Text)
        }
        // A leading zero begins a fraction, or a name.
        [b'0', b'0'..=b'9', ..] => Some(Kind::Text),
        [b'0'..=b'9', rest @ ..] if digits.len() <= SHORT => {
            let whole = rest.iter().take_while(|digit| digit.is_ascii_digit()).count();
            match &rest[whole..] {
                [] => Some(Kind::Whole),
                [point, decimals @ ..] if *point == separator && decimals.iter().all(u8::is_ascii_digit) => {
                    Some(Kind::Fraction)
                }
                _ => None,
            }
        }
        _ => None,
    }
}

fn kind_of_number(number: &Number) -> Kind {
    match number.as_i64() {
        Some(whole) if whole.unsigned_abs() <= 1 << 53 => Kind::Whole,
        Some(_) => Kind::LongWhole,
        None if number.is_u64() => Kind::Text,
        None => Kind::Fraction,
    }
}

fn truth_spelled(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// Converts `cell` to type `ty`; `None` if it does not have that type.
fn typed(cell: &Value, ty: ColumnType, notation: Notation) -> Option<Value> {
    match (ty, cell) {
        (_, Value::Null) => Some(Value::Null),
        (_, Value::String(text)) => typed_text(text, ty, notation).map(Value::from),
        (ColumnType::Boolean, Value::Bool(_)) => Some(cell.clone()),
        (ColumnType::Text, Value::Number(_) | Value::Bool(_)) => Some(cell.to_string().into()),
        (ColumnType::Integer, Value::Number(number)) => match number.as_i64() {
            Some(integer) => Some(integer.into()),
            None => whole(number.as_f64()?).map(Value::from),
        },
        (ColumnType::Float, Value::Number(number)) => number.as_f64().map(Value::from),
        _ => None,
    }
}

/// Converts a text to type `ty`; `None` if it does not have that type.
fn typed_text(text: &str, ty: ColumnType, notation: Notation) -> Option<Cell<'_>> {
    if ty == ColumnType::Text {
        return Some(Cell::Text(text));
    }
    if notation.is_missing_text(text) {
        return Some(Cell::Missing);
    }
    let text = notation.bare(text);
    let float = || notation.spelled.unwrap_or_default().parse(text).filter(|float| float.is_finite());
    match ty {
        ColumnType::Integer => text.parse().ok().or_else(|| whole(float()?)).map(Cell::Integer),
        ColumnType::Float => float().map(Cell::Float),
        _ => truth_spelled(text).map(Cell::Boolean),
    }
}

/// Converts `float` to an integer if it is one, such as `5.0`.
fn whole(float: f64) -> Option<i64> {
    (float.fract() == 0.0 && float.abs() <= 2_f64.powi(53)).then_some(float as i64)
}

impl ParamValue for ColumnType {
    fn ty() -> ParamType {
        ParamType::Formatted("column type")
    }

    fn read(value: &Value) -> Result<Self, InvalidParam> {
        match String::read(value)?.as_str() {
            "text" => Ok(Self::Text),
            "integer" => Ok(Self::Integer),
            "float" => Ok(Self::Float),
            "boolean" => Ok(Self::Boolean),
            other => Err(InvalidParam::new(format!("`{other}` is not a column type"))
                .of_kind(InvalidKind::Choice)
                .with_help("use one of `text`, `integer`, `float`, `boolean`")),
        }
    }

    fn write(&self) -> Value {
        type_name(*self).into()
    }
}

/// Returns the name of a column type in parameters.
pub(crate) fn type_name(ty: ColumnType) -> &'static str {
    match ty {
        ColumnType::Text => "text",
        ColumnType::Integer => "integer",
        ColumnType::Float => "float",
        ColumnType::Boolean => "boolean",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const POINT: Notation = Notation { spelled: Some(Decimal::Point), padded: false };
    const COMMA: Notation = Notation { spelled: Some(Decimal::Comma), padded: false };

    fn type_of<'a>(cells: impl Iterator<Item = &'a Value>, notation: Notation) -> ColumnType {
        let mut inference = Inference::default();
        cells.for_each(|cell| inference.add(cell, notation));
        inference.ty()
    }

    #[test]
    fn white_space_around_a_value_belongs_to_text_alone() {
        let padded = Notation { padded: true, ..POINT };
        for (cells, ty, values) in [
            (json!([" 5 ", " ", null]), ColumnType::Integer, json!([5, null, null])),
            (json!([" 5.5", "\t"]), ColumnType::Float, json!([5.5, null])),
            (json!([" true "]), ColumnType::Boolean, json!([true])),
            (json!([" 007 ", " "]), ColumnType::Text, json!([" 007 ", " "])),
        ] {
            let cells = cells.as_array().unwrap();
            assert_eq!(type_of(cells.iter(), padded), ty, "{cells:?}");
            let typed: Vec<Value> = cells.iter().map(|cell| typed(cell, ty, padded).unwrap()).collect();
            assert_eq!(Value::from(typed), values);
        }
        assert_eq!(type_of([json!(" 5")].iter(), POINT), ColumnType::Text);
        assert_eq!(typed(&json!(" 5"), ColumnType::Integer, POINT), None);
    }

    #[test]
    fn a_column_has_the_type_that_fits_all_its_cells() {
        use ColumnType::{Boolean, Float, Integer, Text};
        for (cells, spelled, bare) in [
            (json!([]), Text, Text),
            (json!([null]), Text, Text),
            (json!(["1", null, "-20"]), Integer, Text),
            (json!(["1", "2.5", "-1e-9"]), Float, Text),
            (json!(["9007199254740993", "1"]), Integer, Text),
            (json!(["9007199254740993", "1.5"]), Text, Text),
            (json!(["99999999999999999999"]), Text, Text),
            (json!(["007"]), Text, Text),
            (json!(["0", "0.5", ".5"]), Float, Text),
            (json!(["+5"]), Text, Text),
            (json!(["1.2.3"]), Text, Text),
            (json!(["1e999"]), Text, Text),
            (json!(["nan"]), Text, Text),
            (json!(["True", "false"]), Boolean, Text),
            (json!(["true", "1"]), Text, Text),
            (json!(["1", "true"]), Text, Text),
            (json!([1, 2.5, null]), Float, Float),
            (json!([true, null]), Boolean, Boolean),
            (json!([1, "a"]), Text, Text),
        ] {
            let cells = cells.as_array().unwrap();
            assert_eq!(type_of(cells.iter(), POINT), spelled, "{cells:?}");
            assert_eq!(type_of(cells.iter(), Notation { spelled: None, ..POINT }), bare, "{cells:?}");
            let all_fit = cells.iter().all(|cell| typed(cell, spelled, POINT).is_some());
            assert!(all_fit, "{cells:?}");
        }
    }

    #[test]
    fn a_cell_is_converted_to_the_requested_type_or_refused() {
        use ColumnType::{Boolean, Float, Integer, Text};
        for (cell, ty, value) in [
            (json!("007"), Integer, Some(json!(7))),
            (json!("5.0"), Integer, Some(json!(5))),
            (json!("5.5"), Integer, None),
            (json!("5"), Float, Some(json!(5.0))),
            (json!("inf"), Float, None),
            (json!("NaN"), Float, None),
            (json!(5), Text, Some(json!("5"))),
            (json!("TRUE"), Boolean, Some(json!(true))),
            (json!("1"), Boolean, None),
            (json!(1), Boolean, None),
            (json!(null), Integer, Some(json!(null))),
        ] {
            assert_eq!(typed(&cell, ty, POINT), value, "{cell} as {ty:?}");
        }
    }

    #[test]
    fn numbers_may_have_a_decimal_comma() {
        use ColumnType::{Float, Integer, Text};
        for (cells, ty) in [
            (json!(["1,5", "-0,25", "1e-9", "2"]), Float),
            (json!(["1", "2"]), Integer),
            (json!(["1.5"]), Text),
            (json!(["1.000,5"]), Text),
            (json!(["1,000,5"]), Text),
            (json!(["01,5"]), Text),
        ] {
            assert_eq!(type_of(cells.as_array().unwrap().iter(), COMMA), ty, "{cells}");
        }
        let read = |cell: &str, ty| typed(&cell.into(), ty, COMMA);
        assert_eq!(read("1,5", Float), Some(json!(1.5)));
        assert_eq!(read("5,0", Integer), Some(json!(5)));
        assert_eq!((read("1.5", Float), read("1.000", Integer), read("1,5", Text)), (None, None, Some(json!("1,5"))));
    }
}
