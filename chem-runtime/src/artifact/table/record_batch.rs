//! Converts tables to Arrow record batches and back.
//!
//! The unit and the provider of a column, and whether it locates rows, are in the metadata of its field.

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    ArrowPrimitiveType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type,
};
use arrow_array::{Array, ArrayRef, Float64Array, RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Field, Metadata, Schema};

use super::{Column, ColumnType, Table, TableError, Values};

const UNIT: &str = "unit";
const PROVIDER: &str = "provider";
const LOCATION: &str = "location";

impl Table {
    /// Returns the table as a record batch that shares its arrays. Texts are `LargeUtf8`, integers `Int64`, floats `Float64` and
    /// booleans `Boolean`. The metadata of a field has the `unit` and the `provider` of its column, and `location: true` if it
    /// locates rows.
    #[allow(
        clippy::expect_used,
        reason = "all columns have as many values as the table has rows, and the types of their fields"
    )]
    pub fn to_record_batch(&self) -> RecordBatch {
        let fields: Vec<Field> = self.columns().iter().map(field).collect();
        let arrays = self.data.iter().map(array).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows()));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
            .expect("the columns of a table fit together")
    }
}

impl TryFrom<&RecordBatch> for Table {
    type Error = TableError;

    /// Reads a record batch: what [`Table::to_record_batch`] makes, and any other with texts, integers, floats and booleans.
    /// Shares arrays that have the types of columns; others are converted.
    fn try_from(batch: &RecordBatch) -> Result<Self, TableError> {
        let schema = batch.schema();
        let columns = schema.fields().iter().zip(batch.columns()).map(|(field, array)| {
            let values = values(field.name(), array)?;
            check_finite(field.name(), &values)?;
            Ok((column(field, values.ty()), values))
        });
        Self::with_rows(columns.collect::<Result<Vec<_>, TableError>>()?, batch.num_rows())
    }
}

fn field(column: &Column) -> Field {
    let ty = match column.ty {
        ColumnType::Text => DataType::LargeUtf8,
        ColumnType::Integer => DataType::Int64,
        ColumnType::Float => DataType::Float64,
        ColumnType::Boolean => DataType::Boolean,
    };
    let notes = [(UNIT, column.unit.clone()), (PROVIDER, column.provider.clone())];
    let location = column.location.then(|| (LOCATION.to_owned(), "true".to_owned()));
    let notes = notes.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?)));
    Field::new(&*column.name, ty, true).with_metadata(notes.chain(location).collect::<Metadata>())
}

fn column(field: &Field, ty: ColumnType) -> Column {
    let note = |name| field.metadata().get(name).cloned();
    Column {
        unit: note(UNIT),
        provider: note(PROVIDER),
        location: note(LOCATION).is_some_and(|text| text == "true"),
        ..Column::new(field.name(), ty)
    }
}

fn array(values: &Values) -> ArrayRef {
    match values {
        Values::Text(array) => Arc::new(array.clone()),
        Values::Integer(array) => Arc::new(array.clone()),
        Values::Float(array) => Arc::new(array.clone()),
        Values::Boolean(array) => Arc::new(array.clone()),
    }
}

fn values(name: &str, array: &dyn Array) -> Result<Values, TableError> {
    fn integers<T: ArrowPrimitiveType<Native: Into<i64>>>(array: &dyn Array) -> Values {
        Values::Integer(array.as_primitive::<T>().unary(Into::into))
    }
    Ok(match array.data_type() {
        DataType::LargeUtf8 => Values::Text(array.as_string().clone()),
        DataType::Utf8 => Values::texts(array.as_string::<i32>()),
        DataType::Utf8View => Values::texts(array.as_string_view()),
        DataType::Int64 => Values::Integer(array.as_primitive::<Int64Type>().clone()),
        DataType::Int32 => integers::<Int32Type>(array),
        DataType::Int16 => integers::<Int16Type>(array),
        DataType::Int8 => integers::<Int8Type>(array),
        DataType::UInt32 => integers::<UInt32Type>(array),
        DataType::UInt16 => integers::<UInt16Type>(array),
        DataType::UInt8 => integers::<UInt8Type>(array),
        DataType::Float64 => Values::Float(array.as_primitive::<Float64Type>().clone()),
        DataType::Float32 => {
            let floats: Float64Array = array.as_primitive::<Float32Type>().unary(f64::from);
            Values::Float(floats)
        }
        DataType::Boolean => Values::Boolean(array.as_boolean().clone()),
        other => return Err(TableError::ArrowType { column: name.to_owned(), found: other.to_string() }),
    })
}

fn check_finite(name: &str, values: &Values) -> Result<(), TableError> {
    let Values::Float(array) = values else { return Ok(()) };
    match array.iter().enumerate().find_map(|(row, value)| Some((row, value.filter(|value| !value.is_finite())?))) {
        Some((row, value)) => {
            Err(TableError::NotFinite { column: name.to_owned(), row: row + 1, value: value.to_string() })
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{Date32Array, Float32Array, Int32Array, StringArray, StringViewArray, UInt8Array};

    use super::*;

    fn batch(name: &str, array: ArrayRef) -> RecordBatch {
        RecordBatch::try_from_iter([(name, array)]).unwrap()
    }

    #[test]
    fn a_table_comes_back_from_a_record_batch() {
        let table = Table::new([
            (Column::new("record", ColumnType::Integer).as_location(), Values::integers([3, 4])),
            (Column::new("name", ColumnType::Text), Values::texts([Some("a"), None])),
            (
                Column::new("mw", ColumnType::Float).with_unit("g/mol").with_provider("it@1"),
                Values::floats([None, Some(0.5)]),
            ),
            (Column::new("ok", ColumnType::Boolean), Values::booleans([Some(true), None])),
        ])
        .unwrap();
        assert_eq!(Table::try_from(&table.to_record_batch()), Ok(table.clone()));
        assert_eq!(Table::try_from(&table.slice(1..2).to_record_batch()), Ok(table.slice(1..2)));
        let without_columns = table.select(&[]);
        assert_eq!(Table::try_from(&without_columns.to_record_batch()), Ok(without_columns));
    }

    #[test]
    fn other_arrays_become_those_of_columns() {
        for (array, expected) in [
            (Arc::new(StringArray::from(vec![Some("a"), None])) as ArrayRef, Values::texts([Some("a"), None])),
            (Arc::new(StringViewArray::from(vec![Some("a"), None])), Values::texts([Some("a"), None])),
            (Arc::new(Int32Array::from(vec![Some(-1), None])), Values::integers([Some(-1), None])),
            (Arc::new(UInt8Array::from(vec![Some(255), None])), Values::integers([Some(255), None])),
            (Arc::new(Float32Array::from(vec![Some(0.5), None])), Values::floats([Some(0.5), None])),
        ] {
            assert_eq!(Table::try_from(&batch("x", array)).unwrap().data(0), Some(&expected));
        }
    }

    #[test]
    fn what_no_column_can_hold_is_refused_and_negative_zero_is_zero() {
        let error = Table::try_from(&batch("x", Arc::new(Date32Array::from(vec![1])))).unwrap_err();
        assert!(error.to_string().starts_with("column `x` has the Arrow type `Date32`"), "{error}");
        let floats = |values: Vec<f64>| Table::try_from(&batch("x", Arc::new(Float64Array::from(values))));
        let error = floats(vec![1.0, f64::NAN]).unwrap_err();
        assert_eq!(error.to_string(), "row 2 of column `x` is NaN, which is not a finite number; make it null");
        let zero = floats(vec![-0.0]).unwrap();
        assert_eq!(zero.floats("x").unwrap().value(0).to_bits(), 0);
    }
}
