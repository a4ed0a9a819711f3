//! Writes a table as an Apache Parquet file: <https://parquet.apache.org/docs/file-format/>.

use std::io::Write;
use std::sync::Arc;

use arrow_array::{Array, LargeStringArray};
use bytes::Bytes;
use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::column::writer::{ColumnCloseResult, ColumnWriter, ColumnWriterImpl, get_column_writer};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{WriterProperties, WriterPropertiesPtr};
use parquet::file::writer::{SerializedFileWriter, SerializedPageWriter, TrackedWrite};
use parquet::schema::types::{ColumnDescPtr, Type, TypePtr};
use rayon::prelude::*;

use crate::artifact::{Column, ColumnType, Table, TableBuilder, TablePiece, Values};
use crate::cancel;
use crate::step::StepError;
use crate::step::workers::workers;

/// The number of rows in a row group, except the last.
const GROUP_ROWS: usize = 1 << 17;

/// The number of rows that are not worth other threads.
const FEW_ROWS: usize = 1 << 10;

/// A writer of a Parquet file with the columns of a table at some indices, in that order. Missing values are nulls; text is a
/// UTF-8 byte array, integers are INT64, floats DOUBLE, booleans BOOLEAN. Units and providers go to the metadata of the file,
/// as `unit:NAME` and `provider:NAME`. The same table always gives the same bytes.
pub(crate) struct ParquetWriter<'a> {
    file: SerializedFileWriter<Vec<u8>>,
    columns: Vec<usize>,
    /// The rows of the next row group, with only these columns.
    group: TableBuilder,
    out: &'a mut dyn Write,
}

impl<'a> ParquetWriter<'a> {
    /// Begins a file with the columns of `head` at the indices `columns`.
    ///
    /// # Errors
    /// Fails if there is no column to write.
    pub(crate) fn begin(head: &Table, columns: &[usize], out: &'a mut dyn Write) -> Result<Self, StepError> {
        let group = TableBuilder::new(head.select(columns).columns().to_vec());
        if group.columns().is_empty() {
            return Err(StepError::new("no column to write; a Parquet file has at least one"));
        }
        let file = opened(group.columns()).map_err(failed)?;
        Ok(Self { file, columns: columns.to_vec(), group, out })
    }

    /// Writes rows.
    ///
    /// # Errors
    /// Fails if the file cannot be written.
    pub(crate) fn rows(&mut self, piece: &TablePiece) -> Result<(), StepError> {
        let mut start = piece.rows.start;
        while start < piece.rows.end {
            let end = piece.rows.end.min(start + GROUP_ROWS - self.group.rows());
            self.group.append(&piece.table.select(&self.columns).slice(start..end))?;
            start = end;
            if self.group.rows() == GROUP_ROWS {
                self.write_group()?;
            }
        }
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// Fails if the file cannot be written.
    pub(crate) fn end(mut self) -> Result<(), StepError> {
        if self.group.rows() > 0 {
            self.write_group()?;
        }
        let rest = self.file.into_inner().map_err(failed)?;
        Ok(self.out.write_all(&rest)?)
    }

    fn write_group(&mut self) -> Result<(), StepError> {
        let next = TableBuilder::new(self.group.columns().to_vec());
        let group = std::mem::replace(&mut self.group, next).finish()?;
        encode(&group, &mut self.file)?;
        // The writer counts the bytes of the file by itself.
        let written = std::mem::take(self.file.inner_mut());
        Ok(self.out.write_all(&written)?)
    }
}

fn failed(error: ParquetError) -> StepError {
    StepError::context("cannot write Parquet", error)
}

fn opened(columns: &[Column]) -> Result<SerializedFileWriter<Vec<u8>>, ParquetError> {
    let fields = columns.iter().map(field).collect::<Result<Vec<TypePtr>, _>>()?;
    let schema = Type::group_type_builder("table").with_fields(fields).build()?;
    let about = |what: &str, column: &Column, text: &Option<String>| {
        text.as_ref().map(|text| KeyValue { key: format!("{what}:{}", column.name), value: Some(text.clone()) })
    };
    let notes: Vec<KeyValue> = columns
        .iter()
        .flat_map(|column| [about("unit", column, &column.unit), about("provider", column, &column.provider)])
        .flatten()
        .collect();
    let properties = WriterProperties::builder()
        // Not the library's name and version, which would change the bytes with each release.
        .set_created_by("chem".to_owned())
        .set_key_value_metadata((!notes.is_empty()).then_some(notes))
        .build();
    SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties))
}

/// Writes a row group. Its columns are encoded on all cores, unless there are few rows.
fn encode(table: &Table, writer: &mut SerializedFileWriter<Vec<u8>>) -> Result<(), StepError> {
    let of_file = writer.schema_descr().columns().iter().cloned();
    let columns: Vec<(ColumnDescPtr, &Values)> =
        of_file.zip((0..table.columns().len()).filter_map(|index| table.data(index))).collect();
    let (properties, token) = (writer.properties().clone(), cancel::current());
    let encoded = |(of_file, data): (ColumnDescPtr, &Values)| {
        token.scope(|| {
            cancel::check()?;
            Encoded::of(data, of_file, properties.clone()).map_err(failed)
        })
    };
    let encoded: Vec<Encoded> = if table.rows() < FEW_ROWS {
        columns.into_iter().map(encoded).collect::<Result<_, StepError>>()?
    } else {
        workers()?.install(|| columns.into_par_iter().map(encoded).collect::<Result<_, StepError>>())?
    };
    let mut group = writer.next_row_group().map_err(failed)?;
    for Encoded { bytes, closed } in encoded {
        group.append_column(&bytes, closed).map_err(failed)?;
    }
    group.close().map_err(failed)?;
    Ok(())
}

/// A column of a row group that is not in the file yet.
struct Encoded {
    bytes: Bytes,
    closed: ColumnCloseResult,
}

impl Encoded {
    fn of(data: &Values, column: ColumnDescPtr, properties: WriterPropertiesPtr) -> Result<Self, ParquetError> {
        let mut sink = TrackedWrite::new(Vec::new());
        let mut writer = get_column_writer(column, properties, Box::new(SerializedPageWriter::new(&mut sink)));
        match (data, &mut writer) {
            (Values::Text(values), ColumnWriter::ByteArrayColumnWriter(writer)) => {
                write(writer, values, texts(values))?;
            }
            (Values::Integer(values), ColumnWriter::Int64ColumnWriter(writer)) => {
                write(writer, values, values.iter().flatten().collect())?;
            }
            (Values::Float(values), ColumnWriter::DoubleColumnWriter(writer)) => {
                write(writer, values, values.iter().flatten().collect())?;
            }
            (Values::Boolean(values), ColumnWriter::BoolColumnWriter(writer)) => {
                write(writer, values, values.iter().flatten().collect())?;
            }
            _ => return Err(ParquetError::General("a column has another type than its values".to_owned())),
        }
        let closed = writer.close()?;
        Ok(Self { bytes: sink.into_inner()?.into(), closed })
    }
}

/// Returns the present values, which share the memory of the array.
fn texts(values: &LargeStringArray) -> Vec<ByteArray> {
    let all = Bytes::from_owner(values.values().clone());
    let ends = values.value_offsets().windows(2).enumerate().filter(|(row, _)| values.is_valid(*row));
    // An offset is within the memory.
    ends.map(|(_, ends)| all.slice(ends[0] as usize..ends[1] as usize).into()).collect()
}

/// Writes the present values, and for each row whether its value is present.
fn write<D: DataType>(
    column: &mut ColumnWriterImpl<'_, D>,
    values: &dyn Array,
    present: Vec<D::T>,
) -> Result<(), ParquetError> {
    let levels: Vec<i16> = (0..values.len()).map(|row| i16::from(values.is_valid(row))).collect();
    column.write_batch(&present, Some(&levels), None)?;
    Ok(())
}

fn field(column: &Column) -> Result<TypePtr, ParquetError> {
    let (physical, logical) = match column.ty {
        ColumnType::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        ColumnType::Integer => (Physical::INT64, None),
        ColumnType::Float => (Physical::DOUBLE, None),
        ColumnType::Boolean => (Physical::BOOLEAN, None),
    };
    let builder = Type::primitive_type_builder(&column.name, physical).with_repetition(Repetition::OPTIONAL);
    Ok(Arc::new(builder.with_logical_type(logical).build()?))
}

#[cfg(test)]
mod tests {
    use parquet::data_type::{BoolType, ByteArrayType, DoubleType, Int64Type};
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;

    use super::*;

    fn write_parquet(table: &Table, columns: &[usize], out: &mut dyn Write) -> Result<(), StepError> {
        let mut writer = ParquetWriter::begin(table, columns, out)?;
        writer.rows(&TablePiece { table: Arc::new(table.clone()), rows: 0..table.rows(), first: 0 })?;
        writer.end()
    }

    fn sample() -> Table {
        let float = Column::new("x", ColumnType::Float).with_unit("nM").with_provider("it@1");
        Table::new([
            (Column::new("t", ColumnType::Text), Values::texts([Some("é"), None, Some("")])),
            (Column::new("n", ColumnType::Integer), Values::integers([None, Some(i64::MIN), Some(3)])),
            (float, Values::floats([Some(0.1), Some(-2.0), None])),
            (Column::new("ok", ColumnType::Boolean), Values::booleans([Some(true), None, Some(false)])),
        ])
        .unwrap()
    }

    fn written(table: &Table, columns: &[usize]) -> Vec<u8> {
        let mut out = Vec::new();
        write_parquet(table, columns, &mut out).unwrap();
        out
    }

    #[test]
    fn a_written_file_reads_back_and_is_reproducible() {
        let file = written(&sample(), &[3, 0, 1, 2]);
        assert_eq!(file, written(&sample(), &[3, 0, 1, 2]));
        let reader = SerializedFileReader::new(stored(file)).unwrap();
        let rows: Vec<Vec<(String, Field)>> = reader
            .get_row_iter(None)
            .unwrap()
            .map(|row| row.unwrap().get_column_iter().map(|(name, field)| (name.clone(), field.clone())).collect())
            .collect();
        let named = |row: [Field; 4]| ["ok", "t", "n", "x"].map(str::to_owned).into_iter().zip(row).collect::<Vec<_>>();
        let text = |text: &str| Field::Str(text.to_owned());
        assert_eq!(rows[0], named([Field::Bool(true), text("é"), Field::Null, Field::Double(0.1)]));
        assert_eq!(rows[1], named([Field::Null, Field::Null, Field::Long(i64::MIN), Field::Double(-2.0)]));
        assert_eq!(rows[2], named([Field::Bool(false), text(""), Field::Long(3), Field::Null]));
        let notes = reader.metadata().file_metadata().key_value_metadata().unwrap();
        let notes: Vec<_> = notes.iter().map(|note| (note.key.as_str(), note.value.as_deref())).collect();
        assert_eq!(notes, [("unit:x", Some("nM")), ("provider:x", Some("it@1"))]);
    }

    #[test]
    fn every_number_reads_back_to_the_bit() {
        let mut random = crate::records::Random::seeded(5);
        let known = [6.022e23, 1e17, 9_007_199_254_740_994.0, f64::MAX, 5e-324, 0.1, 0.0];
        let drawn = std::iter::repeat_with(|| f64::from_bits(random.next_u64()));
        let values: Vec<f64> = known.into_iter().chain(drawn.filter(|value| value.is_finite()).take(500)).collect();
        let data = Values::floats(values.iter().copied());
        let table = Table::new([(Column::new("x", ColumnType::Float), data)]).unwrap();
        let reader = SerializedFileReader::new(stored(written(&table, &[0]))).unwrap();
        let read = reader.get_row_iter(None).unwrap().map(|row| match row.unwrap().get_column_iter().next() {
            Some((_, Field::Double(value))) => value.to_bits(),
            other => panic!("{other:?} is not a number"),
        });
        let written: Vec<u64> = table.floats("x").unwrap().iter().flatten().map(|value| value.to_bits()).collect();
        assert_eq!(read.collect::<Vec<_>>(), written);
    }

    #[test]
    fn many_rows_form_several_groups_and_no_rows_form_a_valid_file() {
        let values = 0..GROUP_ROWS as i64 + 5;
        let table = Table::new([(Column::new("n", ColumnType::Integer), Values::integers(values))]).unwrap();
        let reader = SerializedFileReader::new(stored(written(&table, &[0]))).unwrap();
        assert_eq!((reader.num_row_groups(), reader.metadata().file_metadata().num_rows()), (2, GROUP_ROWS as i64 + 5));
        let empty = SerializedFileReader::new(stored(written(&table.gather(&[]), &[0]))).unwrap();
        assert_eq!(empty.metadata().file_metadata().num_rows(), 0);
        assert!(write_parquet(&table, &[], &mut Vec::new()).unwrap_err().to_string().contains("at least one"));
    }

    #[test]
    fn writing_stops_within_a_row() {
        let one = |column: usize| (Column::new(&format!("c{column}"), ColumnType::Integer), Values::integers([1]));
        let wide = Table::new((0..1_000).map(one)).unwrap();
        let all: Vec<usize> = (0..wide.columns().len()).collect();
        assert!(cancel::checks_during(|| write_parquet(&wide, &all, &mut std::io::sink()).unwrap()) >= all.len());
    }

    #[test]
    fn columns_that_are_encoded_apart_give_the_bytes_of_those_that_are_written_in_place() {
        let rows = 40_000;
        let some = |row: i64| (row % 7 > 0).then_some(row);
        // Few values, and more than a dictionary holds; long and short texts; a column without values.
        let text = |row: i64| some(row).map(|row| "x".repeat((row % 90) as usize) + &row.to_string());
        let columns = [
            Values::texts((0..rows).map(text)),
            Values::texts((0..rows).map(|row| format!("{}", row % 5))),
            Values::texts((0..rows).map(|_| None::<&str>)),
            Values::integers((0..rows).map(|row| some(row * row))),
            Values::integers((0..rows).map(|row| row % 3)),
            Values::floats((0..rows).map(|row| some(row).map(|row| row as f64 / 8.0))),
            Values::booleans((0..rows).map(|row| some(row).map(|row| row % 2 == 0))),
        ];
        let column = |(index, data): (usize, Values)| (Column::new(&format!("c{index}"), data.ty()), data);
        let table = Table::new(columns.into_iter().enumerate().map(column)).unwrap().slice(3..rows as usize);
        let all: Vec<usize> = (0..table.columns().len()).collect();
        let mut in_place = opened(table.columns()).unwrap();
        let mut group = in_place.next_row_group().unwrap();
        for data in all.iter().filter_map(|index| table.data(*index)) {
            let mut column = group.next_column().unwrap().unwrap();
            let levels: Vec<i16> = (0..data.len()).map(|row| i16::from(!data.is_missing(row))).collect();
            let levels = Some(levels.as_slice());
            let written = match data {
                Values::Text(values) => {
                    let present: Vec<ByteArray> = values.iter().flatten().map(ByteArray::from).collect();
                    column.typed::<ByteArrayType>().write_batch(&present, levels, None)
                }
                Values::Integer(values) => {
                    let present: Vec<i64> = values.iter().flatten().collect();
                    column.typed::<Int64Type>().write_batch(&present, levels, None)
                }
                Values::Float(values) => {
                    let present: Vec<f64> = values.iter().flatten().collect();
                    column.typed::<DoubleType>().write_batch(&present, levels, None)
                }
                Values::Boolean(values) => {
                    let present: Vec<bool> = values.iter().flatten().collect();
                    column.typed::<BoolType>().write_batch(&present, levels, None)
                }
            };
            written.unwrap();
            column.close().unwrap();
        }
        group.close().unwrap();
        assert!(in_place.into_inner().unwrap() == written(&table, &all));
    }

    /// A file with these bytes.
    fn stored(file: Vec<u8>) -> std::fs::File {
        use std::io::Seek as _;
        let mut temporary = tempfile::tempfile().unwrap();
        temporary.write_all(&file).unwrap();
        temporary.rewind().unwrap();
        temporary
    }
}
