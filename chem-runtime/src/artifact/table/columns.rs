//! Columns: names, types, units and origins. Their values are in `values`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::TableError;

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
    pub(crate) fn locates_rows(&self) -> bool {
        self.location && self.ty == ColumnType::Integer
    }

    /// Describes that a reader expects another type of column.
    pub(super) fn unexpected(&self, expected: ColumnType) -> TableError {
        TableError::Unexpected { column: self.name.to_string(), expected, found: self.ty }
    }
}
