//! Columns: their names, types and units, and their values.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::fingerprint::{write_canonical_f64, write_canonical_str};

/// What the values of a column are. Any of them may be missing, which is JSON's `null`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// Text.
    Text,
    /// A whole number.
    Integer,
    /// A finite number.
    Float,
    /// True or false.
    Boolean,
}

/// A column's name, type, unit and origin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// The name by which expressions and parameters speak of it.
    pub name: Arc<str>,
    /// What its values are.
    #[serde(rename = "type")]
    pub ty: ColumnType,
    /// The unit of its values, such as `g/mol`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// What computed it, as `name@version`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
}

impl Column {
    /// A column without unit and provider.
    pub fn new(name: &str, ty: ColumnType) -> Self {
        Self { name: name.into(), ty, unit: None, provider: None }
    }

    /// The same column with a unit.
    pub fn with_unit(mut self, unit: &str) -> Self {
        self.unit = Some(unit.to_owned());
        self
    }

    /// The same column with the name of what computed it.
    pub fn with_provider(mut self, provider: &str) -> Self {
        self.provider = Some(provider.to_owned());
        self
    }
}

/// The values of one column, one for each row; `None` is a missing value.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnData {
    /// Text.
    Text(Vec<Option<Box<str>>>),
    /// Whole numbers.
    Integer(Vec<Option<i64>>),
    /// Finite numbers.
    Float(Vec<Option<f64>>),
    /// Truth values.
    Boolean(Vec<Option<bool>>),
}

impl ColumnData {
    /// No values, of type `ty`.
    pub fn empty(ty: ColumnType) -> Self {
        match ty {
            ColumnType::Text => Self::Text(Vec::new()),
            ColumnType::Integer => Self::Integer(Vec::new()),
            ColumnType::Float => Self::Float(Vec::new()),
            ColumnType::Boolean => Self::Boolean(Vec::new()),
        }
    }

    /// What the values are.
    pub fn ty(&self) -> ColumnType {
        match self {
            Self::Text(_) => ColumnType::Text,
            Self::Integer(_) => ColumnType::Integer,
            Self::Float(_) => ColumnType::Float,
            Self::Boolean(_) => ColumnType::Boolean,
        }
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(values) => values.len(),
            Self::Integer(values) => values.len(),
            Self::Float(values) => values.len(),
            Self::Boolean(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value in `row` as JSON; `null` where it is missing or the row does not exist.
    pub fn json(&self, row: usize) -> Value {
        match self {
            Self::Text(values) => values.get(row).and_then(Option::as_deref).map(Value::from),
            Self::Integer(values) => values.get(row).copied().flatten().map(Value::from),
            Self::Float(values) => values.get(row).copied().flatten().map(Value::from),
            Self::Boolean(values) => values.get(row).copied().flatten().map(Value::from),
        }
        .unwrap_or(Value::Null)
    }

    /// The values in `rows`, in that order.
    pub(super) fn gather(&self, rows: &[usize]) -> Self {
        fn pick<T: Clone>(values: &[Option<T>], rows: &[usize]) -> Vec<Option<T>> {
            rows.iter().map(|&row| values.get(row).cloned().flatten()).collect()
        }
        match self {
            Self::Text(values) => Self::Text(pick(values, rows)),
            Self::Integer(values) => Self::Integer(pick(values, rows)),
            Self::Float(values) => Self::Float(pick(values, rows)),
            Self::Boolean(values) => Self::Boolean(pick(values, rows)),
        }
    }

    /// Takes values away until `rows` are left.
    pub(super) fn truncate(&mut self, rows: usize) {
        match self {
            Self::Text(values) => values.truncate(rows),
            Self::Integer(values) => values.truncate(rows),
            Self::Float(values) => values.truncate(rows),
            Self::Boolean(values) => values.truncate(rows),
        }
    }

    /// The same values without a negative zero, which is written as `0`: a table that is handed on is the one that is
    /// read back.
    pub(super) fn without_negative_zero(mut self) -> Self {
        if let Self::Float(values) = &mut self {
            values.iter_mut().flatten().for_each(|value| *value += 0.0);
        }
        self
    }

    /// Adds a value, or gives it back if it is of another type.
    pub(super) fn push_json(&mut self, value: Value) -> Result<(), Value> {
        match (self, value) {
            (Self::Text(values), Value::Null) => values.push(None),
            (Self::Text(values), Value::String(text)) => values.push(Some(text.into())),
            (Self::Integer(values), Value::Null) => values.push(None),
            (Self::Integer(values), Value::Number(number)) if number.is_i64() => values.push(number.as_i64()),
            (Self::Float(values), Value::Null) => values.push(None),
            (Self::Float(values), Value::Number(number)) => values.push(number.as_f64().map(|value| value + 0.0)),
            (Self::Boolean(values), Value::Null) => values.push(None),
            (Self::Boolean(values), Value::Bool(truth)) => values.push(Some(truth)),
            (_, value) => return Err(value),
        }
        Ok(())
    }

    /// Writes the value in `row` as canonical JSON; false if it has no such form.
    pub(super) fn write(&self, row: usize, out: &mut String) -> bool {
        match self {
            Self::Text(values) => match &values[row] {
                Some(text) => return write_canonical_str(out, text),
                None => out.push_str("null"),
            },
            Self::Integer(values) => match values[row] {
                Some(value) => out.push_str(itoa::Buffer::new().format(value)),
                None => out.push_str("null"),
            },
            Self::Float(values) => match values[row] {
                Some(value) => return write_canonical_f64(out, value),
                None => out.push_str("null"),
            },
            Self::Boolean(values) => out.push_str(match values[row] {
                Some(true) => "true",
                Some(false) => "false",
                None => "null",
            }),
        }
        true
    }
}
