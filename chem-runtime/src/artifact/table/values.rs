//! The values of a column: an Arrow array of one of four types.

use std::ops::Range;

use arrow_array::builder::LargeStringBuilder;
use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{
    Array, ArrayAccessor, ArrayRef, BooleanArray, Float64Array, Int64Array, LargeStringArray, UInt64Array,
};
use arrow_select::take::take;
use serde_json::Value;

use super::ColumnType;
use crate::fingerprint::{Text as _, write_canonical_str, write_f64};

/// The values of one column, one for each row: an Arrow array, whose nulls are missing values. Clones share the array.
///
/// ```
/// use chem_runtime::artifact::{Cells as _, Values};
///
/// let weights = Values::floats([Some(180.2), None]);
/// let Values::Float(array) = &weights else { unreachable!() };
/// assert_eq!((array.cell(0), array.cell(1)), (Some(180.2), None));
/// assert_eq!(Values::texts(["aspirin", "caffeine"]).len(), 2);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// UTF-8 texts, with 64-bit offsets.
    Text(LargeStringArray),
    /// Integers.
    Integer(Int64Array),
    /// Floats, which are finite and never -0 in a table.
    Float(Float64Array),
    /// Booleans.
    Boolean(BooleanArray),
}

/// Reads single values of an Arrow array.
pub trait Cells: ArrayAccessor {
    /// Returns the value in `row`; `None` if it is missing or the row does not exist.
    fn cell(self, row: usize) -> Option<Self::Item>
    where
        Self: Sized,
    {
        (row < self.len() && self.is_valid(row)).then(|| self.value(row))
    }
}

impl<A: ArrayAccessor> Cells for A {}

/// What a column of texts is made of: a text, or an [`Option`] of one.
pub trait TextCell {
    /// Returns the text; `None` if it is missing.
    fn text(&self) -> Option<&str>;
}

impl<T: AsRef<str>> TextCell for Option<T> {
    fn text(&self) -> Option<&str> {
        self.as_ref().map(AsRef::as_ref)
    }
}

impl TextCell for str {
    fn text(&self) -> Option<&str> {
        Some(self)
    }
}

impl TextCell for String {
    fn text(&self) -> Option<&str> {
        Some(self)
    }
}

impl TextCell for Box<str> {
    fn text(&self) -> Option<&str> {
        Some(self)
    }
}

impl<T: TextCell + ?Sized> TextCell for &T {
    fn text(&self) -> Option<&str> {
        (*self).text()
    }
}

impl From<LargeStringArray> for Values {
    fn from(array: LargeStringArray) -> Self {
        Self::Text(array)
    }
}

impl From<Int64Array> for Values {
    fn from(array: Int64Array) -> Self {
        Self::Integer(array)
    }
}

impl From<Float64Array> for Values {
    fn from(array: Float64Array) -> Self {
        Self::Float(array)
    }
}

impl From<BooleanArray> for Values {
    fn from(array: BooleanArray) -> Self {
        Self::Boolean(array)
    }
}

impl Values {
    /// Creates a column of texts, of which some may be `None`.
    pub fn texts(values: impl IntoIterator<Item = impl TextCell>) -> Self {
        let mut builder = LargeStringBuilder::new();
        values.into_iter().for_each(|value| builder.append_option(value.text()));
        Self::Text(builder.finish())
    }

    /// Creates a column of integers, of which some may be `None`.
    pub fn integers(values: impl IntoIterator<Item = impl Into<Option<i64>>>) -> Self {
        Self::Integer(values.into_iter().map(Into::into).collect())
    }

    /// Creates a column of floats, of which some may be `None`.
    pub fn floats(values: impl IntoIterator<Item = impl Into<Option<f64>>>) -> Self {
        Self::Float(values.into_iter().map(Into::into).collect())
    }

    /// Creates a column of booleans, of which some may be `None`.
    pub fn booleans(values: impl IntoIterator<Item = impl Into<Option<bool>>>) -> Self {
        Self::Boolean(values.into_iter().map(Into::into).collect())
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

    /// Returns the array.
    pub fn as_array(&self) -> &dyn Array {
        match self {
            Self::Text(array) => array,
            Self::Integer(array) => array,
            Self::Float(array) => array,
            Self::Boolean(array) => array,
        }
    }

    /// Returns the number of values, including missing ones.
    pub fn len(&self) -> usize {
        self.as_array().len()
    }

    /// Returns whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns whether the value in `row` is missing, or the row does not exist.
    pub fn is_missing(&self, row: usize) -> bool {
        let array = self.as_array();
        row >= array.len() || array.is_null(row)
    }

    /// Returns the number of missing values.
    pub fn missing(&self) -> usize {
        self.as_array().null_count()
    }

    /// Returns whether a value is not missing.
    pub fn any_present(&self) -> bool {
        self.missing() < self.len()
    }

    /// Returns the value in `row` as JSON; `null` if it is missing or the row does not exist.
    pub fn json(&self, row: usize) -> Value {
        match self {
            Self::Text(array) => array.cell(row).map(Value::from),
            Self::Integer(array) => array.cell(row).map(Value::from),
            Self::Float(array) => array.cell(row).map(Value::from),
            Self::Boolean(array) => array.cell(row).map(Value::from),
        }
        .unwrap_or(Value::Null)
    }

    /// Returns whether the values from the row `start` on are those of the rows `rows` of `other`; all of them must exist.
    pub(crate) fn has_at(&self, start: usize, other: &Self, rows: &Range<usize>) -> bool {
        self.slice(&(start..start + rows.len())) == other.slice(rows)
    }

    /// Returns the values in these rows, which must exist, without copying them.
    pub(crate) fn slice(&self, rows: &Range<usize>) -> Self {
        match self {
            Self::Text(array) => Self::Text(array.slice(rows.start, rows.len())),
            Self::Integer(array) => Self::Integer(array.slice(rows.start, rows.len())),
            Self::Float(array) => Self::Float(array.slice(rows.start, rows.len())),
            Self::Boolean(array) => Self::Boolean(array.slice(rows.start, rows.len())),
        }
    }

    /// Selects the values in `rows`, in that order. A row that does not exist gives a missing value.
    pub(crate) fn gather(&self, rows: &[usize]) -> Self {
        self.take(&indices(rows, self.len()))
    }

    /// Selects the values at `indices`, all of which exist; a missing index gives a missing value.
    pub(super) fn take(&self, indices: &UInt64Array) -> Self {
        match self {
            Self::Text(array) => Self::Text(taken(array, indices).as_string().clone()),
            Self::Integer(array) => Self::Integer(taken(array, indices).as_primitive::<Int64Type>().clone()),
            Self::Float(array) => Self::Float(taken(array, indices).as_primitive::<Float64Type>().clone()),
            Self::Boolean(array) => Self::Boolean(taken(array, indices).as_boolean().clone()),
        }
    }

    /// Replaces negative zeros, which are written as `0`, so that a table in memory equals the one that is read back.
    pub(super) fn without_negative_zero(self) -> Self {
        let negative_zero = (-0.0_f64).to_bits();
        match self {
            Self::Float(array) if array.values().iter().any(|value| value.to_bits() == negative_zero) => {
                Self::Float(array.unary(|value| value + 0.0))
            }
            other => other,
        }
    }

    /// Writes the value in `row` as canonical JSON. Returns `false` if it has no canonical form.
    pub(super) fn write(&self, row: usize, out: &mut Vec<u8>) -> bool {
        match self {
            Self::Text(array) => match array.cell(row) {
                Some(text) => return write_canonical_str(out, text),
                None => out.push_text("null"),
            },
            Self::Integer(array) => match array.cell(row) {
                Some(value) => out.push_text(itoa::Buffer::new().format(value)),
                None => out.push_text("null"),
            },
            Self::Float(array) => match array.cell(row) {
                Some(value) => return write_f64(out, value),
                None => out.push_text("null"),
            },
            Self::Boolean(array) => out.push_text(match array.cell(row) {
                Some(true) => "true",
                Some(false) => "false",
                None => "null",
            }),
        }
        true
    }
}

/// Returns `rows` as indices of values, of which there are `len`; others are missing.
pub(super) fn indices(rows: &[usize], len: usize) -> UInt64Array {
    if rows.iter().all(|row| *row < len) {
        return rows.iter().map(|row| *row as u64).collect::<Vec<u64>>().into();
    }
    rows.iter().map(|row| (*row < len).then_some(*row as u64)).collect()
}

#[allow(clippy::expect_used, reason = "fails only for texts of 2^63 bytes, as no index is out of range")]
fn taken(array: &dyn Array, indices: &UInt64Array) -> ArrayRef {
    take(array, indices, None).expect("each index is in range")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_gathered_also_where_there_are_none() {
        for (values, found) in [
            (Values::texts([Some("a"), None]), Values::texts([None, Some("a"), None])),
            (Values::integers([Some(1), None]), Values::integers([None, Some(1), None])),
            (Values::floats([Some(1.5), None]), Values::floats([None, Some(1.5), None])),
            (Values::booleans([Some(true), None]), Values::booleans([None, Some(true), None])),
        ] {
            assert_eq!(values.gather(&[1, 0, usize::MAX]), found);
            assert_eq!(values.gather(&[]), Values::empty(values.ty()));
            assert_eq!(found.slice(&(1..3)), values);
        }
    }

    #[test]
    fn a_slice_is_read_from_its_own_beginning() {
        let values = Values::integers([1, 2, 3]).slice(&(1..3));
        assert_eq!((values.json(0), values.json(2), values.len()), (2.into(), Value::Null, 2));
        assert!(!values.is_missing(1) && values.is_missing(2));
        assert_eq!(values.gather(&[1]), Values::integers([3]));
    }
}
