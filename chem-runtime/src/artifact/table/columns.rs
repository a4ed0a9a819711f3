//! Columns: names, types, units and values.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::fingerprint::{write_canonical_f64, write_canonical_str};

/// The type of the values in a column. Any value may be missing, which is `null` in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// UTF-8 text.
    Text,
    /// A signed 64-bit integer.
    Integer,
    /// A finite 64-bit float.
    Float,
    /// A boolean.
    Boolean,
}

/// A column's name, type, unit and origin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// The name by which expressions and parameters refer to the column.
    pub name: Arc<str>,
    /// The type of the values.
    #[serde(rename = "type")]
    pub ty: ColumnType,
    /// The unit of the values, such as `g/mol`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// What computed the values, as `name@version`; `None` for original data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Whether the integers say where a row is in its source, such as the number of its record. Inserting a record shifts
    /// them in all rows after it, so chunks store differences: see [`ChunkRef::starts`](super::ChunkRef::starts).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub location: bool,
}

impl Column {
    /// Creates a column without unit and provider.
    pub fn new(name: &str, ty: ColumnType) -> Self {
        Self { name: name.into(), ty, unit: None, provider: None, location: false }
    }

    /// Sets the unit.
    pub fn with_unit(mut self, unit: &str) -> Self {
        self.unit = Some(unit.to_owned());
        self
    }

    /// Sets the provider.
    pub fn with_provider(mut self, provider: &str) -> Self {
        self.provider = Some(provider.to_owned());
        self
    }

    /// Declares that the values say where a row is in its source, such as the number of its record.
    pub fn as_location(mut self) -> Self {
        self.location = true;
        self
    }

    /// Returns whether chunks store the differences of the values.
    pub(super) fn locates_rows(&self) -> bool {
        self.location && self.ty == ColumnType::Integer
    }
}

/// The values of one column, one for each row; `None` is a missing value.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnData {
    /// UTF-8 texts.
    Text(Vec<Option<Box<str>>>),
    /// Integers.
    Integer(Vec<Option<i64>>),
    /// Finite floats, never -0.
    Float(Vec<Option<f64>>),
    /// Booleans.
    Boolean(Vec<Option<bool>>),
}

impl ColumnData {
    /// Creates a column of type `ty` without values.
    pub fn empty(ty: ColumnType) -> Self {
        match ty {
            ColumnType::Text => Self::Text(Vec::new()),
            ColumnType::Integer => Self::Integer(Vec::new()),
            ColumnType::Float => Self::Float(Vec::new()),
            ColumnType::Boolean => Self::Boolean(Vec::new()),
        }
    }

    /// Creates a column of type `ty` from JSON values, or returns the first that has another type.
    pub fn of_json(ty: ColumnType, values: impl IntoIterator<Item = Value>) -> Result<Self, Value> {
        let mut data = Self::empty(ty);
        values.into_iter().try_for_each(|value| data.push_json(value))?;
        Ok(data)
    }

    /// Returns the type of the values.
    pub fn ty(&self) -> ColumnType {
        match self {
            Self::Text(_) => ColumnType::Text,
            Self::Integer(_) => ColumnType::Integer,
            Self::Float(_) => ColumnType::Float,
            Self::Boolean(_) => ColumnType::Boolean,
        }
    }

    /// Returns the number of values, including missing ones.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(values) => values.len(),
            Self::Integer(values) => values.len(),
            Self::Float(values) => values.len(),
            Self::Boolean(values) => values.len(),
        }
    }

    /// Returns whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns whether the values are text, and one is not missing.
    pub(crate) fn has_text(&self) -> bool {
        matches!(self, Self::Text(values) if values.iter().any(Option::is_some))
    }

    /// Returns the value in `row` as JSON; `null` if it is missing or the row does not exist.
    pub fn json(&self, row: usize) -> Value {
        match self {
            Self::Text(values) => values.get(row).and_then(Option::as_deref).map(Value::from),
            Self::Integer(values) => values.get(row).copied().flatten().map(Value::from),
            Self::Float(values) => values.get(row).copied().flatten().map(Value::from),
            Self::Boolean(values) => values.get(row).copied().flatten().map(Value::from),
        }
        .unwrap_or(Value::Null)
    }

    /// Selects the values in `rows`, in that order.
    pub(crate) fn gather(&self, rows: &[usize]) -> Self {
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

    /// Appends the values of `other`.
    ///
    /// # Errors
    /// Returns `other` if its values have another type.
    pub(crate) fn append(&mut self, other: Self) -> Result<(), Self> {
        match (self, other) {
            (Self::Text(values), Self::Text(mut more)) => values.append(&mut more),
            (Self::Integer(values), Self::Integer(mut more)) => values.append(&mut more),
            (Self::Float(values), Self::Float(mut more)) => values.append(&mut more),
            (Self::Boolean(values), Self::Boolean(mut more)) => values.append(&mut more),
            (_, other) => return Err(other),
        }
        Ok(())
    }

    /// Makes the values ready to be shared by tables.
    pub(crate) fn into_shared(self) -> Arc<Self> {
        Arc::new(self.without_negative_zero())
    }

    /// Keeps the first `rows` values.
    pub(super) fn truncate(&mut self, rows: usize) {
        match self {
            Self::Text(values) => values.truncate(rows),
            Self::Integer(values) => values.truncate(rows),
            Self::Float(values) => values.truncate(rows),
            Self::Boolean(values) => values.truncate(rows),
        }
    }

    /// Replaces negative zeros, which are written as `0`, so that a table in memory equals the one that is read back.
    pub(super) fn without_negative_zero(mut self) -> Self {
        if let Self::Float(values) = &mut self {
            values.iter_mut().flatten().for_each(|value| *value += 0.0);
        }
        self
    }

    /// Appends a value, or returns it if it has another type.
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

    /// Writes the value in `row` as canonical JSON. Returns `false` if it has no canonical form.
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
