//! Reads the columns of an Apache Parquet file, some rows at a time.

use parquet::basic::{ConvertedType, Repetition, Type as Physical};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::ParquetError;
use parquet::schema::types::Type;

use crate::artifact::{Cell, ColumnType};

/// What the values of a column mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Boolean,
    Integer,
    /// Integers whose bits are those of an unsigned one.
    Unsigned,
    Float,
    Text,
    /// Days since 1970-01-01.
    Date,
}

impl Meaning {
    /// Returns the meaning of a column's values, or what it has that no column of a table can hold.
    pub(super) fn of(field: &Type) -> Result<Self, &'static str> {
        if !field.is_primitive() {
            return Err("nested values");
        }
        let info = field.get_basic_info();
        if info.has_repetition() && info.repetition() == Repetition::REPEATED {
            return Err("lists");
        }
        let plain = info.logical_type_ref().is_none();
        match (field.get_physical_type(), info.converted_type()) {
            (Physical::BOOLEAN, _) => Ok(Self::Boolean),
            (Physical::INT32, ConvertedType::DATE) => Ok(Self::Date),
            (
                Physical::INT32 | Physical::INT64,
                ConvertedType::INT_8 | ConvertedType::INT_16 | ConvertedType::INT_32 | ConvertedType::INT_64,
            ) => Ok(Self::Integer),
            (
                Physical::INT32 | Physical::INT64,
                ConvertedType::UINT_8 | ConvertedType::UINT_16 | ConvertedType::UINT_32 | ConvertedType::UINT_64,
            ) => Ok(Self::Unsigned),
            (Physical::INT32 | Physical::INT64, ConvertedType::NONE) if plain => Ok(Self::Integer),
            (Physical::FLOAT | Physical::DOUBLE, _) => Ok(Self::Float),
            (Physical::BYTE_ARRAY, ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::JSON) => Ok(Self::Text),
            (Physical::BYTE_ARRAY, ConvertedType::NONE) if plain => Ok(Self::Text),
            (_, ConvertedType::DECIMAL) => Err("decimals"),
            (Physical::INT32 | Physical::INT64 | Physical::INT96, _) => Err("times"),
            _ => Err("bytes"),
        }
    }

    /// Returns the type of a column with such values.
    pub(super) fn ty(self) -> ColumnType {
        match self {
            Self::Boolean => ColumnType::Boolean,
            Self::Integer | Self::Unsigned => ColumnType::Integer,
            Self::Float => ColumnType::Float,
            Self::Text | Self::Date => ColumnType::Text,
        }
    }
}

/// The values of a column in consecutive rows.
#[derive(Debug)]
pub(super) struct Piece {
    meaning: Meaning,
    /// The values that are not null.
    values: Decoded,
    /// For each row, 0 if its value is null; empty if none can be.
    levels: Vec<i16>,
}

#[derive(Debug)]
enum Decoded {
    Booleans(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Float(Vec<f32>),
    Double(Vec<f64>),
    Bytes(Vec<ByteArray>),
    /// Dates as text; `None` beyond the year 9999.
    Dates(Vec<Option<String>>),
}

impl Piece {
    /// Reads the next `rows` values of a column.
    ///
    /// # Errors
    /// Fails if the column is damaged, or has fewer values.
    pub(super) fn read(reader: &mut ColumnReader, meaning: Meaning, rows: usize) -> Result<Self, ParquetError> {
        let mut levels = Vec::new();
        let levels_of = &mut levels;
        let values = match reader {
            ColumnReader::BoolColumnReader(reader) => Decoded::Booleans(values(reader, rows, levels_of)?),
            ColumnReader::Int32ColumnReader(reader) if meaning == Meaning::Date => {
                Decoded::Dates(values(reader, rows, levels_of)?.into_iter().map(date).collect())
            }
            ColumnReader::Int32ColumnReader(reader) => Decoded::Int32(values(reader, rows, levels_of)?),
            ColumnReader::Int64ColumnReader(reader) => Decoded::Int64(values(reader, rows, levels_of)?),
            ColumnReader::FloatColumnReader(reader) => Decoded::Float(values(reader, rows, levels_of)?),
            ColumnReader::DoubleColumnReader(reader) => Decoded::Double(values(reader, rows, levels_of)?),
            ColumnReader::ByteArrayColumnReader(reader) => Decoded::Bytes(values(reader, rows, levels_of)?),
            // `Meaning::of` refuses such columns.
            ColumnReader::Int96ColumnReader(_) | ColumnReader::FixedLenByteArrayColumnReader(_) => {
                return Err(ParquetError::General("a column has values of an unexpected type".to_owned()));
            }
        };
        Ok(Self { meaning, values, levels })
    }

    /// Adds the lengths of the texts of the rows to `lengths`.
    pub(super) fn add_lengths(&self, lengths: &mut [usize]) {
        let Decoded::Bytes(texts) = &self.values else { return };
        for (length, index) in lengths.iter_mut().zip(self.indices(0)) {
            *length += index.and_then(|index| texts.get(index)).map_or(0, ByteArray::len);
        }
    }

    /// Returns the values from the row `start` on, or what they are that no column can hold. NaN is a missing value.
    pub(super) fn cells(&self, start: usize) -> impl Iterator<Item = Result<Cell<'_>, &'static str>> {
        self.indices(start).map(|index| index.map_or(Ok(Cell::Missing), |index| self.cell(index)))
    }

    /// Returns the indices of the values from the row `start` on; `None` where a value is null.
    fn indices(&self, start: usize) -> impl Iterator<Item = Option<usize>> {
        let is_present = |row: usize| self.levels.get(row).is_none_or(|level| *level > 0);
        let rows = if self.levels.is_empty() { self.values.len() } else { self.levels.len() };
        let mut next = (0..start).filter(|row| is_present(*row)).count();
        (start..rows).map(move |row| {
            let index = is_present(row).then_some(next);
            next += usize::from(index.is_some());
            index
        })
    }

    fn cell(&self, index: usize) -> Result<Cell<'_>, &'static str> {
        let is_unsigned = self.meaning == Meaning::Unsigned;
        let missing = Ok(Cell::Missing);
        match &self.values {
            Decoded::Booleans(values) => values.get(index).map_or(missing, |value| Ok(Cell::Boolean(*value))),
            Decoded::Int32(values) => values.get(index).map_or(missing, |value| {
                Ok(Cell::Integer(if is_unsigned { i64::from(value.cast_unsigned()) } else { i64::from(*value) }))
            }),
            Decoded::Int64(values) => values.get(index).map_or(missing, |value| {
                let exceeds = is_unsigned && *value < 0;
                if exceeds { Err("an integer of more than 63 bits") } else { Ok(Cell::Integer(*value)) }
            }),
            Decoded::Float(values) => values.get(index).map_or(missing, |value| float(f64::from(*value))),
            Decoded::Double(values) => values.get(index).map_or(missing, |value| float(*value)),
            Decoded::Bytes(values) => values.get(index).map_or(missing, |value| text(value.data())),
            Decoded::Dates(values) => match values.get(index) {
                Some(None) => Err("a date beyond the year 9999"),
                Some(Some(date)) => Ok(Cell::Text(date)),
                None => missing,
            },
        }
    }
}

impl Decoded {
    fn len(&self) -> usize {
        match self {
            Self::Booleans(values) => values.len(),
            Self::Int32(values) => values.len(),
            Self::Int64(values) => values.len(),
            Self::Float(values) => values.len(),
            Self::Double(values) => values.len(),
            Self::Bytes(values) => values.len(),
            Self::Dates(values) => values.len(),
        }
    }
}

fn values<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    rows: usize,
    levels: &mut Vec<i16>,
) -> Result<Vec<T::T>, ParquetError> {
    let mut values = Vec::new();
    let (found, _, _) = reader.read_records(rows, Some(levels), None, &mut values)?;
    if found < rows {
        return Err(ParquetError::General("a column has fewer values than there are rows".to_owned()));
    }
    Ok(values)
}

fn float(value: f64) -> Result<Cell<'static>, &'static str> {
    match value {
        value if value.is_nan() => Ok(Cell::Missing),
        value if value.is_infinite() => Err("an infinite number"),
        value => Ok(Cell::Float(value)),
    }
}

fn text(bytes: &[u8]) -> Result<Cell<'_>, &'static str> {
    let text = std::str::from_utf8(bytes).map_err(|_| "bytes that are not UTF-8")?;
    if text.contains('\0') { Err("the character U+0000, which cannot be stored,") } else { Ok(Cell::Text(text)) }
}

fn date(days: i32) -> Option<String> {
    let since = jiff::Span::new().try_days(days).ok()?;
    Some(jiff::civil::date(1970, 1, 1).checked_add(since).ok()?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_no_column_can_hold_are_refused() {
        let piece = |meaning, values| Piece { meaning, values, levels: Vec::new() };
        let bytes = |bytes: &[u8]| Decoded::Bytes(vec![bytes.to_vec().into()]);
        for (meaning, values, expected) in [
            (Meaning::Float, Decoded::Double(vec![f64::NAN]), Ok(Cell::Missing)),
            (Meaning::Float, Decoded::Float(vec![f32::INFINITY]), Err("an infinite number")),
            (Meaning::Unsigned, Decoded::Int64(vec![-1]), Err("an integer of more than 63 bits")),
            (Meaning::Unsigned, Decoded::Int32(vec![-1]), Ok(Cell::Integer(u32::MAX.into()))),
            (Meaning::Text, bytes(b"\0"), Err("the character U+0000, which cannot be stored,")),
            (Meaning::Text, bytes(b"\xff"), Err("bytes that are not UTF-8")),
            (Meaning::Text, bytes(b"abc"), Ok(Cell::Text("abc"))),
            (Meaning::Date, Decoded::Dates(vec![date(19_389)]), Ok(Cell::Text("2023-02-01"))),
            (Meaning::Date, Decoded::Dates(vec![date(i32::MAX)]), Err("a date beyond the year 9999")),
        ] {
            assert_eq!(piece(meaning, values).cells(0).collect::<Vec<_>>(), [expected]);
        }
    }

    #[test]
    fn nulls_are_missing_from_any_row_on() {
        let levels = vec![0, 1, 1, 0, 1];
        let piece = Piece { meaning: Meaning::Integer, values: Decoded::Int64(vec![7, 8, 9]), levels };
        let all = [Cell::Missing, Cell::Integer(7), Cell::Integer(8), Cell::Missing, Cell::Integer(9)];
        for start in 0..=5 {
            let cells: Vec<Cell<'_>> = piece.cells(start).map(Result::unwrap).collect();
            assert_eq!(cells, all[start..]);
        }
    }
}
