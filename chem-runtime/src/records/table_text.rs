//! Texts that are read as tables: what they are, and their records one after the other.

use std::collections::BTreeMap;

use super::delimited_reader::{HeaderLine, Layout};
use super::json_lines_reader::{JsonLine, objects};
use super::lines::Lines;
use super::record_text::RecordText;
use super::sheet::SheetChoice;
#[cfg(feature = "excel")]
use super::sheet_reader::Sheet;
use super::typing::{Decimal, Notation};
use super::uniting::Uniting;
use crate::artifact::ColumnType;
use crate::cancel;
use crate::step::StepError;

/// The options for reading a text as a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TableText<'a> {
    /// The name of the text in messages.
    pub name: &'a str,
    /// The format of the text.
    pub format: TableFormat,
    /// The declared types of columns; other types are inferred.
    pub types: &'a BTreeMap<String, DeclaredType>,
    /// How cells of delimited text are written.
    pub cells: CellText<'a>,
    /// The columns of numbers with relations, such as `>10`.
    pub qualified: &'a [String],
    /// Whether a record that cannot be used is an error rather than a reject.
    pub strict: bool,
}

/// A text that is read as a part of a table.
#[derive(Debug)]
pub(crate) struct SourceText<'t> {
    /// The path of the file, for messages.
    pub path: &'t str,
    /// The name of the file in the data.
    pub name: &'t str,
    pub text: &'t RecordText<'t>,
}

/// How several texts become one table.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Several<'a> {
    /// What happens to columns that only some of them have.
    pub columns: Uniting,
    /// The name of a new column with the name of each row's file.
    pub file_column: Option<&'a str>,
}

/// How the cells of delimited text are written, besides the delimiter, and which cells of a workbook are read.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CellText<'a> {
    /// Texts that represent a missing value, besides the empty text.
    pub missing: &'a [String],
    pub decimal: Decimal,
    pub header: HeaderLine<'a>,
    /// The sheet of a workbook.
    #[cfg_attr(not(feature = "excel"), allow(dead_code, reason = "without workbooks no sheet is chosen"))]
    pub sheet: SheetChoice<'a>,
}

/// The declared type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DeclaredType {
    /// The type of all values in the column.
    pub ty: ColumnType,
    /// The parameter that declares it, for messages.
    pub by: &'static str,
}

impl DeclaredType {
    /// Returns the types that the parameter `by` declares.
    pub(crate) fn all(types: &BTreeMap<String, ColumnType>, by: &'static str) -> BTreeMap<String, Self> {
        types.iter().map(|(name, ty)| (name.clone(), Self { ty: *ty, by })).collect()
    }
}

/// The format of a text of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TableFormat {
    /// Cells separated by this character; the first record contains the names of the columns.
    Delimited(u8),
    /// An object on each line.
    JsonLines,
    /// Apache Parquet, whose columns have types.
    Parquet,
    /// A sheet of an Excel workbook, whose cells have types.
    Excel,
}

impl TableText<'_> {
    pub(super) fn notation(&self) -> Notation {
        let spelled = matches!(self.format, TableFormat::Delimited(_)).then_some(self.cells.decimal);
        Notation { spelled, padded: false }
    }

    pub(super) fn is_missing(&self, cell: &str) -> bool {
        cell.is_empty() || self.cells.missing.iter().any(|missing| missing == cell)
    }

    /// Returns how a text that `delimiter` separates is laid out.
    pub(super) fn layout(&self, delimiter: u8) -> Layout<'_> {
        Layout { delimiter, header: self.cells.header }
    }

    /// Reads the sheet of a workbook.
    #[cfg(feature = "excel")]
    pub(super) fn sheet(&self, source: &SourceText<'_>) -> Result<Sheet, StepError> {
        Ok(Sheet::read(source.path, source.text.whole(), self.cells.sheet, self.cells.header)?)
    }

    /// Calls `each` with the objects of JSON Lines.
    pub(super) fn each_object(
        &self,
        source: &SourceText<'_>,
        mut each: impl FnMut(JsonLine<'_>) -> Result<(), StepError>,
    ) -> Result<(), StepError> {
        source.text.in_parts(source.path, |part| {
            let mut lines = Lines::of_part(&part);
            for line in objects(&mut lines) {
                each(line)?;
                cancel::check()?;
            }
            Ok(lines.taken())
        })
    }
}
