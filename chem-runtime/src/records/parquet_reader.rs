//! Reads Apache Parquet files some rows at a time.

use std::collections::VecDeque;
use std::fs::File;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use parquet::column::reader::ColumnReader;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use rayon::prelude::*;

use super::parquet_columns::{Meaning, Piece};
use super::record_text::RecordText;
use super::shared_file::SharedFile;
use crate::artifact::Column;
use crate::cancel;
use crate::step::StepError;
use crate::step::limits::TABLE_CELLS;
use crate::step::workers::workers;

/// The number of rows that are read first.
const FIRST_ROWS: usize = 64;

/// The number of rows that are read at once at most.
const MOST_ROWS: usize = 8192;

/// The number of values that are read at once at most, if there are several rows.
const MOST_VALUES: usize = 1 << 20;

/// The length of the texts of rows that are worked on at once, in bytes, unless a row is longer.
const TEXT_BYTES: usize = 4 << 20;

/// Returns the names of the columns of the file at `path`; `None` if it cannot be read.
pub(crate) fn parquet_columns(path: &Path) -> Option<Vec<String>> {
    let reader = caught("", || SerializedFileReader::new(File::open(path)?)).ok()?;
    let schema = reader.metadata().file_metadata().schema();
    Some(schema.get_fields().iter().map(|field| field.name().to_owned()).collect())
}

/// Runs `work` of the library on the file called `name`. The library panics on some damaged files. Unwind safety holds because
/// nothing of the file is used after a failure.
///
/// # Errors
/// Fails like `work`, or if it panics.
fn caught<T>(name: &str, work: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, StepError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|error| StepError::context(format!("cannot read `{name}` as Parquet"), error)),
        Err(_) => Err(StepError::new(format!("cannot read `{name}` as Parquet: it is damaged"))),
    }
}

fn open(name: &str, file: &RecordText<'_>) -> Result<Box<dyn FileReader>, StepError> {
    Ok(match file {
        RecordText::Copied(copy) => {
            let copy =
                SharedFile::new(copy).map_err(|error| StepError::context(format!("cannot read `{name}`"), error))?;
            Box::new(caught(name, || SerializedFileReader::new(copy))?)
        }
        file => {
            let bytes = Bytes::copy_from_slice(file.whole());
            Box::new(caught(name, || SerializedFileReader::new(bytes))?)
        }
    })
}

/// Returns what the values of each column of the file called `name` mean.
///
/// # Errors
/// Fails if a column has values that no column of a table can hold.
fn meanings(name: &str, reader: &dyn FileReader) -> Result<Vec<Meaning>, StepError> {
    let fields = reader.metadata().file_metadata().schema().get_fields();
    let meaning = |field: &Arc<parquet::schema::types::Type>| {
        Meaning::of(field).map_err(|what| {
            StepError::new(format!(
                "the column `{}` of `{name}` has {what}, which no column of a table can hold; leave it out, or write it as \
                 text",
                field.name()
            ))
        })
    };
    fields.iter().map(meaning).collect()
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
    let fields = metadata.schema().get_fields().iter().zip(meanings(name, &*reader)?);
    let columns: Vec<Column> = fields
        .map(|(field, meaning)| {
            let column = Column::new(field.name(), meaning.ty());
            match unit(field.name()) {
                Some(unit) => column.with_unit(&unit),
                None => column,
            }
        })
        .collect();
    let rows = u64::try_from(metadata.num_rows()).unwrap_or(u64::MAX);
    let cells = rows.saturating_mul(columns.len() as u64);
    if cells > TABLE_CELLS.get() {
        return Err(StepError::new(format!("`{name}` has {cells} cells; {}", TABLE_CELLS.advice())));
    }
    Ok((columns, rows))
}

/// Some consecutive rows of a file.
#[derive(Debug, Clone)]
pub(super) struct ParquetRows {
    /// The values of each column, in these and other rows.
    pub(super) pieces: Arc<Vec<Piece>>,
    /// The rows in the pieces.
    pub(super) rows: Range<usize>,
}

/// Reads the rows of a file, the columns on all cores.
pub(super) struct ParquetReader<'a> {
    name: &'a str,
    reader: Box<dyn FileReader>,
    meanings: Vec<Meaning>,
    /// The index of the next row group.
    next_group: usize,
    columns: Vec<ColumnReader>,
    /// The number of rows of the group that are not read.
    left: usize,
    /// The number of rows to read next.
    size: usize,
    /// The rows that were read and not returned.
    ready: VecDeque<ParquetRows>,
}

impl<'a> ParquetReader<'a> {
    /// Opens the file called `name`.
    ///
    /// # Errors
    /// Fails like [`parquet_schema`].
    pub(super) fn open(name: &'a str, file: &RecordText<'_>) -> Result<Self, StepError> {
        let reader = open(name, file)?;
        let meanings = meanings(name, &*reader)?;
        Ok(Self {
            name,
            reader,
            meanings,
            next_group: 0,
            columns: Vec::new(),
            left: 0,
            size: FIRST_ROWS,
            ready: VecDeque::new(),
        })
    }

    /// Returns the next rows; `None` behind the last.
    ///
    /// # Errors
    /// Fails if the file is damaged, or if the step is asked to stop.
    pub(super) fn next(&mut self) -> Result<Option<ParquetRows>, StepError> {
        loop {
            cancel::check()?;
            if let Some(rows) = self.ready.pop_front() {
                return Ok(Some(rows));
            }
            if self.left == 0 && !self.begin_group()? {
                return Ok(None);
            }
            self.read_pieces()?;
        }
    }

    /// Begins with the next row group. Returns `false` if there is none.
    fn begin_group(&mut self) -> Result<bool, StepError> {
        if self.next_group == self.reader.num_row_groups() {
            return Ok(false);
        }
        (self.columns, self.left) = caught(self.name, || {
            let group = self.reader.get_row_group(self.next_group)?;
            let columns = (0..self.meanings.len()).map(|column| group.get_column_reader(column));
            let rows =
                usize::try_from(group.metadata().num_rows()).map_err(|error| ParquetError::External(error.into()))?;
            Ok((columns.collect::<Result<_, _>>()?, rows))
        })?;
        self.next_group += 1;
        Ok(true)
    }

    fn read_pieces(&mut self) -> Result<(), StepError> {
        let (name, rows) = (self.name, self.size.min(self.left));
        let columns = self.columns.par_iter_mut().zip(&self.meanings);
        let piece =
            |(reader, meaning): (&mut ColumnReader, &Meaning)| caught(name, || Piece::read(reader, *meaning, rows));
        let pieces: Vec<Result<Piece, StepError>> = workers()?.install(|| columns.map(piece).collect());
        let pieces = pieces.into_iter().collect::<Result<Vec<Piece>, _>>()?;
        self.left -= rows;
        let mut lengths = vec![0; rows];
        pieces.iter().for_each(|piece| piece.add_lengths(&mut lengths));
        let (mut cuts, mut start, mut length) = (Vec::new(), 0, 0_usize);
        for (row, more) in lengths.iter().enumerate() {
            if length + more > TEXT_BYTES && row > start {
                cuts.push(start..row);
                (start, length) = (row, 0);
            }
            length += more;
        }
        cuts.push(start..rows);
        let most = (MOST_VALUES / self.meanings.len().max(1)).clamp(1, MOST_ROWS);
        self.size = if cuts.len() > 1 { (self.size / 2).max(1) } else { (2 * self.size).min(most) };
        let pieces = Arc::new(pieces);
        self.ready.extend(cuts.into_iter().map(|rows| ParquetRows { pieces: pieces.clone(), rows }));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Write as _;
    use std::sync::Mutex;

    use serde_json::{Value, json};

    use super::super::ParquetWriter;
    use super::super::table_text::{CellText, DeclaredType, TableFormat, TableText};
    use super::*;
    use crate::artifact::{ColumnType, Table, TablePiece, Values};
    use crate::step::WithRejects;

    fn written(table: &Table) -> Vec<u8> {
        let (mut file, columns) = (Vec::new(), (0..table.columns().len()).collect::<Vec<_>>());
        let mut writer = ParquetWriter::begin(table, &columns, &mut file).unwrap();
        writer.rows(&TablePiece { rows: 0..table.rows(), table: Arc::new(table.clone()), first: 0 }).unwrap();
        writer.end().unwrap();
        file
    }

    fn read(file: &RecordText<'_>, types: &[(&str, ColumnType)]) -> Result<WithRejects<Table>, StepError> {
        let types = types.iter().map(|(name, ty)| ((*name).to_owned(), *ty)).collect();
        let types: BTreeMap<String, DeclaredType> = DeclaredType::all(&types, "types");
        let (format, cells) = (TableFormat::Parquet, CellText::default());
        TableText { name: "a.parquet", format, types: &types, cells, qualified: &[], strict: false }.read_whole(file)
    }

    fn some() -> Table {
        Table::new([
            (Column::new("t", ColumnType::Text), Values::texts([Some("é"), None])),
            (Column::new("n", ColumnType::Integer), Values::integers([None, Some(i64::MIN)])),
            (Column::new("x", ColumnType::Float).with_unit("nM"), Values::floats([0.1, 2.0])),
            (Column::new("ok", ColumnType::Boolean), Values::booleans([Some(true), None])),
        ])
        .unwrap()
    }

    #[test]
    fn what_is_written_reads_back() {
        let (table, file) = (some(), written(&some()));
        let mut copy = tempfile::tempfile().unwrap();
        copy.write_all(&file).unwrap();
        for file in [RecordText::Copied(Arc::new(Mutex::new(copy))), RecordText::Whole(file.into())] {
            let (columns, count) = parquet_schema("a.parquet", &file).unwrap();
            assert_eq!((columns.as_slice(), count), (table.columns(), 2));
            let read = read(&file, &[]).unwrap();
            assert_eq!((read.kept, read.rejects.rows()), (table.clone(), 0));
        }
    }

    #[test]
    fn rows_are_read_in_pieces_of_any_size() {
        let long = "x".repeat(TEXT_BYTES / 3);
        let text = |row: usize| match row {
            row if row % 5 == 3 => None,
            row if row % 5_000 == 4_999 => Some(long.clone()),
            row => Some(format!("t{row}")),
        };
        let table = Table::new([
            (Column::new("t", ColumnType::Text), Values::texts((0..25_000).map(text).collect::<Vec<_>>())),
            (Column::new("n", ColumnType::Integer), Values::integers(0..25_000)),
        ])
        .unwrap();
        let bytes = written(&table);
        let mut copy = tempfile::tempfile().unwrap();
        copy.write_all(&bytes).unwrap();
        let copy = RecordText::Copied(Arc::new(Mutex::new(copy)));
        for _ in 0..20 {
            assert!(read(&copy, &[]).unwrap().kept == table, "columns that are read at once read from one file");
        }
        let file = RecordText::Whole(bytes.into());
        assert!(read(&file, &[]).unwrap().kept == table);
        let text = read(&file, &[("n", ColumnType::Text)]).unwrap();
        assert_eq!((text.kept.row(7)[1].clone(), text.kept.rows()), (json!("7"), 25_000));
        let WithRejects { kept, rejects } = read(&file, &[("t", ColumnType::Integer)]).unwrap();
        assert_eq!((kept.rows(), rejects.rows()), (5_000, 20_000));
        let expected = json!([null, 3, "", "has `t2` in the column `t`, which is integer"]);
        assert_eq!(Value::from(rejects.row(2)), expected);
    }

    /// Every byte of a file is damaged in some ways.
    #[test]
    fn a_damaged_file_is_an_error_or_has_other_values() {
        let file = written(&some());
        for (index, byte) in file.iter().enumerate() {
            for other in [0, 0x7f, 0xff, byte ^ 1, byte ^ 0x80, byte.wrapping_add(1)] {
                let mut damaged = file.clone();
                damaged[index] = other;
                let _ = read(&RecordText::Whole(damaged.into()), &[]);
            }
        }
        for length in 0..file.len() {
            let cut = RecordText::Whole(file[..length].into());
            let error = read(&cut, &[]).err().unwrap().to_string();
            assert!(error.contains("cannot read `a.parquet` as Parquet"), "{error}");
        }
    }
}
