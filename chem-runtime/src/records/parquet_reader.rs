//! Reads Apache Parquet files as records of typed cells.

use std::fs::File;
use std::path::Path;

use bytes::Bytes;
use parquet::basic::{ConvertedType, Repetition, Type as Physical};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use parquet::schema::types::Type;
use serde_json::{Number, Value};

use super::record_text::RecordText;
use crate::artifact::{Column, ColumnType};
use crate::cancel;
use crate::step::StepError;
use crate::step::limits::TABLE_CELLS;

/// Returns the names of the columns of the file at `path`; `None` if it cannot be read.
pub(crate) fn parquet_columns(path: &Path) -> Option<Vec<String>> {
    let reader = SerializedFileReader::new(File::open(path).ok()?).ok()?;
    let schema = reader.metadata().file_metadata().schema();
    Some(schema.get_fields().iter().map(|field| field.name().to_owned()).collect())
}

fn open(name: &str, file: &RecordText<'_>) -> Result<Box<dyn FileReader>, StepError> {
    Ok(match file {
        RecordText::Copied(copy) => {
            let copy = copy.try_clone().map_err(|error| StepError::context(format!("cannot read `{name}`"), error))?;
            Box::new(SerializedFileReader::new(copy).map_err(|error| cannot(name, error))?)
        }
        file => {
            let bytes = Bytes::copy_from_slice(file.whole());
            Box::new(SerializedFileReader::new(bytes).map_err(|error| cannot(name, error))?)
        }
    })
}

fn cannot(name: &str, error: ParquetError) -> StepError {
    StepError::context(format!("cannot read `{name}` as Parquet"), error)
}

/// Returns the columns of the file called `name`, with its types and units, and the number of its records.
///
/// # Errors
/// Fails if it is not a Parquet file, if a column has values that no column of a table can hold, or if the file has
/// more cells than [`TABLE_CELLS`].
pub(super) fn parquet_schema(name: &str, file: &RecordText<'_>) -> Result<(Vec<Column>, u64), StepError> {
    let reader = open(name, file)?;
    let metadata = reader.metadata().file_metadata();
    let unit = |column: &str| {
        let notes = metadata.key_value_metadata().map(Vec::as_slice).unwrap_or_default();
        let key = format!("unit:{column}");
        notes.iter().find(|note| note.key == key).and_then(|note| note.value.clone())
    };
    let mut columns = Vec::new();
    for field in metadata.schema().get_fields() {
        let ty = column_type(field).map_err(|what| {
            StepError::new(format!(
                "the column `{}` of `{name}` has {what}, which no column of a table can hold; leave it out, or write it as \
                 text",
                field.name()
            ))
        })?;
        let column = Column::new(field.name(), ty);
        columns.push(match unit(field.name()) {
            Some(unit) => column.with_unit(&unit),
            None => column,
        });
    }
    let rows = u64::try_from(metadata.num_rows()).unwrap_or(u64::MAX);
    let cells = rows.saturating_mul(columns.len() as u64);
    if cells > TABLE_CELLS.get() {
        return Err(StepError::new(format!("`{name}` has {cells} cells; {}", TABLE_CELLS.advice())));
    }
    Ok((columns, rows))
}

/// Calls `take` with the cells of each record of the file called `name`, or the reason why it cannot be used. NaN is a missing
/// value.
///
/// # Errors
/// Fails like `take`, or if the file cannot be read.
pub(super) fn each_parquet_row(
    name: &str,
    file: &RecordText<'_>,
    mut take: impl FnMut(Result<Vec<Value>, String>) -> Result<(), StepError>,
) -> Result<(), StepError> {
    for row in open(name, file)?.get_row_iter(None).map_err(|error| cannot(name, error))? {
        cancel::check()?;
        let row = row.map_err(|error| cannot(name, error))?;
        take(row.get_column_iter().map(|(column, field)| cell(column, field)).collect())?;
    }
    Ok(())
}

/// Returns the type of a column, or what it has that no column can hold.
fn column_type(field: &Type) -> Result<ColumnType, &'static str> {
    if !field.is_primitive() {
        return Err("nested values");
    }
    let info = field.get_basic_info();
    if info.has_repetition() && info.repetition() == Repetition::REPEATED {
        return Err("lists");
    }
    let plain = info.logical_type_ref().is_none();
    match (field.get_physical_type(), info.converted_type()) {
        (Physical::BOOLEAN, _) => Ok(ColumnType::Boolean),
        (Physical::INT32, ConvertedType::DATE) => Ok(ColumnType::Text),
        (
            Physical::INT32 | Physical::INT64,
            ConvertedType::INT_8
            | ConvertedType::INT_16
            | ConvertedType::INT_32
            | ConvertedType::INT_64
            | ConvertedType::UINT_8
            | ConvertedType::UINT_16
            | ConvertedType::UINT_32
            | ConvertedType::UINT_64,
        ) => Ok(ColumnType::Integer),
        (Physical::INT32 | Physical::INT64, ConvertedType::NONE) if plain => Ok(ColumnType::Integer),
        (Physical::FLOAT | Physical::DOUBLE, _) => Ok(ColumnType::Float),
        (Physical::BYTE_ARRAY, ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::JSON) => Ok(ColumnType::Text),
        (Physical::BYTE_ARRAY, ConvertedType::NONE) if plain => Ok(ColumnType::Text),
        (_, ConvertedType::DECIMAL) => Err("decimals"),
        (Physical::INT32 | Physical::INT64 | Physical::INT96, _) => Err("times"),
        _ => Err("bytes"),
    }
}

fn cell(column: &str, field: &Field) -> Result<Value, String> {
    let refused = |what: &str| Err(format!("has {what} in the column `{column}`"));
    let float = |value: f64| match Number::from_f64(value) {
        Some(number) => Ok(Value::Number(number)),
        None if value.is_nan() => Ok(Value::Null),
        None => refused("an infinite number"),
    };
    let text = |text: &str| {
        if text.contains('\0') {
            refused("the character U+0000, which cannot be stored,")
        } else {
            Ok(Value::from(text))
        }
    };
    match field {
        Field::Null => Ok(Value::Null),
        Field::Bool(value) => Ok((*value).into()),
        Field::Byte(value) => Ok((*value).into()),
        Field::Short(value) => Ok((*value).into()),
        Field::Int(value) => Ok((*value).into()),
        Field::Long(value) => Ok((*value).into()),
        Field::UByte(value) => Ok((*value).into()),
        Field::UShort(value) => Ok((*value).into()),
        Field::UInt(value) => Ok((*value).into()),
        Field::ULong(value) => match i64::try_from(*value) {
            Ok(value) => Ok(value.into()),
            Err(_) => refused("an integer of more than 63 bits"),
        },
        Field::Float(value) => float(f64::from(*value)),
        Field::Double(value) => float(*value),
        Field::Str(value) => text(value),
        Field::Bytes(value) => match std::str::from_utf8(value.data()) {
            Ok(value) => text(value),
            Err(_) => refused("bytes that are not UTF-8"),
        },
        Field::Date(days) => {
            match jiff::civil::date(1970, 1, 1).checked_add(jiff::Span::new().days(i64::from(*days))) {
                Ok(date) => Ok(date.to_string().into()),
                Err(_) => refused("a date beyond the year 9999"),
            }
        }
        _ => refused("a value that no column can hold"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use std::io::Write as _;
    use std::sync::Arc;

    use super::super::ParquetWriter;
    use super::*;
    use crate::artifact::{Table, TablePiece, Values};

    #[test]
    fn what_is_written_reads_back() {
        let table = Table::new([
            (Column::new("t", ColumnType::Text), Values::texts([Some("é"), None])),
            (Column::new("n", ColumnType::Integer), Values::integers([None, Some(i64::MIN)])),
            (Column::new("x", ColumnType::Float).with_unit("nM"), Values::floats([0.1, 2.0])),
            (Column::new("ok", ColumnType::Boolean), Values::booleans([Some(true), None])),
        ])
        .unwrap();
        let mut file = Vec::new();
        let mut writer = ParquetWriter::begin(&table, &[0, 1, 2, 3], &mut file).unwrap();
        writer.rows(&TablePiece { rows: 0..table.rows(), table: Arc::new(table.clone()), first: 0 }).unwrap();
        writer.end().unwrap();
        let mut copy = tempfile::tempfile().unwrap();
        copy.write_all(&file).unwrap();
        for file in [RecordText::Copied(copy), RecordText::Whole(file.into())] {
            let (columns, count) = parquet_schema("a.parquet", &file).unwrap();
            assert_eq!((columns.as_slice(), count), (table.columns(), 2));
            let mut records = Vec::new();
            each_parquet_row("a.parquet", &file, |cells| {
                records.push(cells);
                Ok(())
            })
            .unwrap();
            assert_eq!(records[0], Ok(vec![json!("é"), Value::Null, json!(0.1), json!(true)]));
            assert_eq!(records[1], Ok(vec![Value::Null, json!(i64::MIN), json!(2.0), Value::Null]));
        }
    }

    #[test]
    fn values_that_no_column_can_hold_are_refused() {
        for (field, expected) in [
            (Field::Double(f64::NAN), Ok(Value::Null)),
            (Field::Double(f64::INFINITY), Err("has an infinite number in the column `x`")),
            (Field::ULong(u64::MAX), Err("has an integer of more than 63 bits in the column `x`")),
            (Field::Str("\0".into()), Err("has the character U+0000, which cannot be stored, in the column `x`")),
            (Field::Bytes(vec![0xff].into()), Err("has bytes that are not UTF-8 in the column `x`")),
            (Field::Bytes(b"abc".to_vec().into()), Ok(json!("abc"))),
            (Field::Date(19_389), Ok(json!("2023-02-01"))),
        ] {
            assert_eq!(cell("x", &field), expected.map_err(str::to_owned), "{field}");
        }
        let error =
            parquet_schema("a.parquet", &RecordText::Whole(b"PAR1 is not enough".into())).err().unwrap().to_string();
        assert!(error.contains("cannot read `a.parquet` as Parquet"), "{error}");
    }
}
