//! Builds the values of a column one by one.

use arrow_array::builder::{BooleanBuilder, Float64Builder, Int64Builder, LargeStringBuilder};
use serde_json::Value;

use super::{ColumnType, Values};

/// A value of a row that is added to a table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Cell<'t> {
    Missing,
    Text(&'t str),
    Integer(i64),
    Float(f64),
    Boolean(bool),
}

impl Cell<'_> {
    /// Returns whether a column of the type `ty` can have this value.
    #[cfg(feature = "parquet")]
    pub(crate) fn is_of(&self, ty: ColumnType) -> bool {
        match self {
            Self::Missing => true,
            Self::Text(_) => ty == ColumnType::Text,
            Self::Integer(_) => ty == ColumnType::Integer,
            Self::Float(_) => ty == ColumnType::Float,
            Self::Boolean(_) => ty == ColumnType::Boolean,
        }
    }
}

impl From<Cell<'_>> for Value {
    fn from(cell: Cell<'_>) -> Self {
        match cell {
            Cell::Missing => Self::Null,
            Cell::Text(text) => text.into(),
            Cell::Integer(value) => value.into(),
            Cell::Float(value) => value.into(),
            Cell::Boolean(value) => value.into(),
        }
    }
}

/// Builds the values of a column.
#[derive(Debug)]
pub(super) enum ValuesBuilder {
    Text(LargeStringBuilder),
    Integer(Int64Builder),
    Float(Float64Builder),
    Boolean(BooleanBuilder),
}

impl ValuesBuilder {
    /// Starts a column of type `ty`. It has no memory yet: a table may have many columns and few rows.
    pub(super) fn new(ty: ColumnType) -> Self {
        match ty {
            ColumnType::Text => Self::Text(LargeStringBuilder::with_capacity(0, 0)),
            ColumnType::Integer => Self::Integer(Int64Builder::with_capacity(0)),
            ColumnType::Float => Self::Float(Float64Builder::with_capacity(0)),
            ColumnType::Boolean => Self::Boolean(BooleanBuilder::with_capacity(0)),
        }
    }

    /// Returns whether `value` has the type of the column, or is missing.
    pub(super) fn takes(&self, value: &Value) -> bool {
        match (self, value) {
            (_, Value::Null) | (Self::Text(_), Value::String(_)) | (Self::Boolean(_), Value::Bool(_)) => true,
            (Self::Integer(_), Value::Number(number)) => number.is_i64(),
            (Self::Float(_), Value::Number(_)) => true,
            _ => false,
        }
    }

    /// Appends a missing value.
    pub(super) fn push_missing(&mut self) {
        match self {
            Self::Text(builder) => builder.append_null(),
            Self::Integer(builder) => builder.append_null(),
            Self::Float(builder) => builder.append_null(),
            Self::Boolean(builder) => builder.append_null(),
        }
    }

    /// Appends a text, or returns `false` if the column has another type.
    pub(super) fn push_text(&mut self, text: &str) -> bool {
        let Self::Text(builder) = self else { return false };
        builder.append_value(text);
        true
    }

    /// Appends a value, or returns `false` if it has another type.
    pub(super) fn push(&mut self, cell: Cell<'_>) -> bool {
        match (self, cell) {
            (builder, Cell::Missing) => builder.push_missing(),
            (Self::Text(builder), Cell::Text(text)) => builder.append_value(text),
            (Self::Integer(builder), Cell::Integer(value)) => builder.append_value(value),
            (Self::Float(builder), Cell::Float(value)) => builder.append_value(value + 0.0),
            (Self::Boolean(builder), Cell::Boolean(value)) => builder.append_value(value),
            _ => return false,
        }
        true
    }

    /// Appends a value, or returns it if it has another type.
    pub(super) fn push_json(&mut self, value: Value) -> Result<(), Value> {
        match (self, value) {
            (builder, Value::Null) => builder.push_missing(),
            (Self::Text(builder), Value::String(text)) => builder.append_value(text),
            (Self::Integer(builder), Value::Number(number)) if number.is_i64() => {
                builder.append_option(number.as_i64());
            }
            (Self::Float(builder), Value::Number(number)) => {
                builder.append_option(number.as_f64().map(|value| value + 0.0));
            }
            (Self::Boolean(builder), Value::Bool(truth)) => builder.append_value(truth),
            (_, value) => return Err(value),
        }
        Ok(())
    }

    /// Appends the values of a column.
    ///
    /// # Errors
    /// Fails if it has another type.
    pub(super) fn append(&mut self, values: &Values) -> Result<(), OtherType> {
        match (self, values) {
            (Self::Text(builder), Values::Text(more)) => builder.append_array(more).map_err(|_| OtherType)?,
            (Self::Integer(builder), Values::Integer(more)) => builder.append_array(more),
            (Self::Float(builder), Values::Float(more)) => builder.append_array(more),
            (Self::Boolean(builder), Values::Boolean(more)) => builder.append_array(more),
            _ => return Err(OtherType),
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Values {
        match self {
            Self::Text(mut builder) => Values::Text(builder.finish()),
            Self::Integer(mut builder) => Values::Integer(builder.finish()),
            Self::Float(mut builder) => Values::Float(builder.finish()),
            Self::Boolean(mut builder) => Values::Boolean(builder.finish()),
        }
    }
}

/// Values of another type than the column has, or texts of more than 2^63 bytes.
#[derive(Debug)]
pub(super) struct OtherType;

impl Values {
    /// Creates a column of type `ty` without values.
    pub fn empty(ty: ColumnType) -> Self {
        ValuesBuilder::new(ty).finish()
    }

    /// Creates a column of type `ty` from JSON values, or returns the first that has another type.
    pub fn of_json(ty: ColumnType, values: impl IntoIterator<Item = Value>) -> Result<Self, Value> {
        let mut builder = ValuesBuilder::new(ty);
        values.into_iter().try_for_each(|value| builder.push_json(value))?;
        Ok(builder.finish())
    }

    /// Creates a column of type `ty` from its values; `None` if one has another type.
    #[cfg(feature = "parquet")]
    pub(crate) fn of_cells<'t>(ty: ColumnType, cells: impl IntoIterator<Item = Cell<'t>>) -> Option<Self> {
        let mut builder = ValuesBuilder::new(ty);
        cells.into_iter().all(|cell| builder.push(cell)).then(|| builder.finish())
    }

    /// Returns these values and then `more`; `None` if `more` has another type.
    pub(crate) fn followed_by(&self, more: &Self) -> Option<Self> {
        let mut builder = ValuesBuilder::new(self.ty());
        builder.append(self).and_then(|()| builder.append(more)).ok()?;
        Some(builder.finish())
    }
}
