//! A file with a table, as described by the parameters of a step.

use std::collections::{BTreeMap, HashSet};

use csv::StringRecord;

use crate::prelude::*;
#[cfg(feature = "excel")]
use crate::records::sheet_columns;
use crate::records::{
    CellText, Decimal, Encoding, HeaderLine, Layout, RecordText, SheetChoice, TableFormat, extension, header_of,
    misfit_of_names, other_separator, other_workbook,
};
use crate::step::{Files, PathPart};

/// A file with a table and the parameters for reading it. They have the same names in every step that reads a table, except
/// for the parameter that names the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct TableFile<'a> {
    /// The parameter that names the file.
    pub(super) param: &'static str,
    pub(super) path: &'a InputFile,
    pub(super) format: Option<&'a str>,
    pub(super) types: &'a BTreeMap<String, ColumnType>,
    pub(super) units: &'a BTreeMap<String, String>,
    pub(super) missing: &'a [String],
    pub(super) delimiter: &'a str,
    pub(super) encoding: Option<&'a str>,
    pub(super) decimal: Option<&'a str>,
    pub(super) header: Option<bool>,
    pub(super) column_names: Option<&'a [String]>,
    pub(super) sheet: Option<&'a str>,
    pub(super) merged_cells: Option<&'a str>,
}

impl<'a> TableFile<'a> {
    pub(super) fn name(&self) -> &str {
        self.path.as_str()
    }

    /// Returns how the cells are written.
    pub(super) fn cells(&self) -> CellText<'a> {
        let header = HeaderLine::of(self.header, self.column_names);
        let sheet = SheetChoice::of(self.sheet, self.merged_cells);
        CellText { missing: self.missing, decimal: Decimal::of(self.decimal), header, sheet }
    }

    /// Returns the format, from the parameter `format` or else from the extension.
    pub(super) fn format(&self) -> Result<TableFormat, Misfit> {
        let extension = extension(self.name());
        match self.format.or(extension.as_deref()) {
            Some("csv") => Ok(TableFormat::Delimited(self.delimiter.bytes().next().unwrap_or(b','))),
            Some("tsv") => Ok(TableFormat::Delimited(b'\t')),
            Some("jsonl" | "ndjson") => Ok(TableFormat::JsonLines),
            Some("parquet") => Ok(TableFormat::Parquet),
            Some("xlsx" | "xlsm") => Ok(TableFormat::Excel),
            _ => Err(Misfit::new(
                self.param,
                match other_workbook(self.name()) {
                    Some(message) => message,
                    None => format!(
                        "cannot determine the format of `{}`; write `format: csv`, `tsv`, `jsonl`, `parquet` or `xlsx`",
                        self.name()
                    ),
                },
            )),
        }
    }

    /// Returns the text of the file, or the bytes of one that is not text.
    pub(super) fn text<'t>(&self, context: &'t ExecutionContext<'_>) -> Result<RecordText<'t>, StepError> {
        self.text_of(context.files())
    }

    /// Returns the text like [`text`](Self::text), of the file among `files`.
    pub(super) fn text_of<'t>(&self, files: &'t Files) -> Result<RecordText<'t>, StepError> {
        match self.format()? {
            TableFormat::Parquet => RecordText::of_bytes(self.path, files),
            TableFormat::Excel => Ok(RecordText::Whole(self.path.read(files)?.into())),
            _ => RecordText::of(self.path, files, Encoding::of(self.encoding)),
        }
    }

    /// Returns the names of the columns of a file that already exists, unless it is JSON Lines.
    ///
    /// # Errors
    /// Reports a sheet that the workbook does not have, or that cannot be read.
    pub(super) fn header_names(&self, context: &ColumnContext<'_>) -> Result<Option<StringRecord>, Misfit> {
        let (Some(beginning), Ok(format)) = (context.beginning(self.path), self.format()) else { return Ok(None) };
        Ok(match format {
            TableFormat::Delimited(delimiter) => {
                let layout = Layout { delimiter, header: self.cells().header };
                header_of(beginning, Encoding::of(self.encoding), layout)
            }
            TableFormat::JsonLines => None,
            #[cfg(not(feature = "parquet"))]
            TableFormat::Parquet => None,
            #[cfg(feature = "parquet")]
            TableFormat::Parquet => {
                let names = crate::records::parquet_columns(&context.path(self.name()));
                names.map(|names| names.iter().collect())
            }
            #[cfg(not(feature = "excel"))]
            TableFormat::Excel => None,
            #[cfg(feature = "excel")]
            TableFormat::Excel => {
                let CellText { sheet, header, .. } = self.cells();
                let names = sheet_columns(&context.path(self.name()), self.name(), sheet, header);
                names.map_err(|unread| unread.misfit(self.param))?.map(|names| names.iter().collect())
            }
        })
    }

    /// Checks the parameters against the format and, if known, the header.
    pub(super) fn misfits(&self, header: Option<&StringRecord>) -> Vec<Misfit> {
        let format = match self.format() {
            Ok(format) => format,
            Err(misfit) => return vec![misfit],
        };
        let mut misfits = self.inapplicable(format);
        misfits.extend(misfit_of_names(self.header, self.column_names));
        let Some(header) = header else { return misfits };
        let there: Vec<&str> = header.iter().collect();
        let known: HashSet<&str> = header.iter().collect();
        let named = self.types.keys().map(|name| ("types", name)).chain(self.units.keys().map(|name| ("units", name)));
        let missing = named.filter(|(_, name)| !known.contains(name.as_str()));
        let misfit = |(param, name): (&'static str, &String)| {
            self.no_column(param, name, &there).at(PathPart::Key(name.clone()))
        };
        misfits.extend(missing.map(misfit));
        misfits
    }

    /// Reports that the parameter `param` names the column `name`, which is not among the columns `there` of the file.
    pub(super) fn no_column(&self, param: &'static str, name: &str, there: &[&str]) -> Misfit {
        let misfit = Misfit::no_column(param, name, self.name(), there);
        let other = match self.format() {
            Ok(TableFormat::Delimited(delimiter)) => other_separator(there, delimiter),
            _ => None,
        };
        match other {
            Some(help) => misfit.with_help(help),
            None => misfit,
        }
    }

    /// Reports the parameters that do not apply to a file in this format. A default value counts as omitted.
    fn inapplicable(&self, format: TableFormat) -> Vec<Misfit> {
        let delimiter = self.delimiter != ",";
        let missing = !self.missing.is_empty();
        let no_text = "applies to text, but a Parquet file has typed values";
        let (params, help) = match format {
            TableFormat::Parquet => (
                vec![
                    ("missing", missing, no_text),
                    ("delimiter", delimiter, no_text),
                    ("encoding", self.encoding.is_some(), no_text),
                    ("decimal", self.decimal.is_some(), no_text),
                    ("header", self.header.is_some(), no_text),
                ],
                "omit it",
            ),
            TableFormat::JsonLines => (
                vec![
                    (
                        "missing",
                        missing,
                        "lists texts for missing values in CSV and TSV files, but JSON Lines have `null`",
                    ),
                    ("delimiter", delimiter, "is the separator of cells, but JSON Lines have no cells"),
                    ("decimal", self.decimal.is_some(), "applies to CSV and TSV files, but JSON has a decimal point"),
                    (
                        "header",
                        self.header.is_some(),
                        "applies to CSV and TSV files, but JSON Lines name their members",
                    ),
                ],
                "omit it",
            ),
            TableFormat::Delimited(b'\t') => (
                vec![("delimiter", delimiter, "is the separator of a CSV file, but a TSV file is separated by tabs")],
                "omit it, or write `format: csv`",
            ),
            TableFormat::Excel => (
                vec![
                    ("delimiter", delimiter, "is the separator of cells in text, but a workbook has cells"),
                    ("encoding", self.encoding.is_some(), "applies to text, but a workbook has its own encoding"),
                    ("decimal", self.decimal.is_some(), "applies to text, but a workbook has typed values"),
                ],
                "omit it",
            ),
            TableFormat::Delimited(_) => (Vec::new(), "omit it"),
        };
        let no_sheets = "applies to Excel workbooks, but the file has another format";
        let sheet = [("sheet", self.sheet.is_some()), ("merged_cells", self.merged_cells.is_some())]
            .map(|(param, is_set)| (param, is_set && format != TableFormat::Excel, no_sheets));
        let set = params.into_iter().chain(sheet).filter(|(_, is_set, _)| *is_set);
        set.map(|(param, _, what)| Misfit::new(param, format!("`{param}` {what}")).with_help(help)).collect()
    }

    /// Checks that the columns which have units are among those of the file.
    pub(super) fn expect_units(&self, columns: &[Column]) -> Result<(), StepError> {
        let there: HashSet<&str> = columns.iter().map(|column| &*column.name).collect();
        if let Some(of) = self.units.keys().find(|of| !there.contains(of.as_str())) {
            return Err(StepError::new(format!("`{}` has no column `{of}`, which `units` names", self.name())));
        }
        Ok(())
    }

    /// Adds the units to the columns of `table`, which was read from the file.
    pub(super) fn with_units(&self, table: Table) -> Table {
        table.with_units(|name| self.units.get(name).map(String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls `visit` with the file `path` and otherwise default settings.
    fn of<T>(path: &str, visit: impl FnOnce(TableFile<'_>) -> T) -> T {
        let (path, types, units) = (path.into(), BTreeMap::new(), BTreeMap::new());
        let file = TableFile {
            param: "path",
            path: &path,
            format: None,
            types: &types,
            units: &units,
            missing: &[],
            delimiter: ",",
            encoding: None,
            decimal: None,
            header: None,
            column_names: None,
            sheet: None,
            merged_cells: None,
        };
        visit(file)
    }

    #[test]
    fn the_name_or_the_format_says_what_a_file_is() {
        for (name, format, expected) in [
            ("a.csv.gz", None, TableFormat::Delimited(b';')),
            ("a.tsv", None, TableFormat::Delimited(b'\t')),
            ("a.JSONL", None, TableFormat::JsonLines),
            ("a.csv", Some("jsonl"), TableFormat::JsonLines),
        ] {
            let found = of(name, |file| TableFile { format, delimiter: ";", ..file }.format());
            assert_eq!(found.unwrap(), expected, "{name}");
        }
        assert_eq!(of("a.parquet", |file| file.format()).unwrap(), TableFormat::Parquet);
        assert_eq!(of("a.XLSX", |file| file.format()).unwrap(), TableFormat::Excel);
        let misfit = of("a.dat", |file| TableFile { param: "file", ..file }.format()).unwrap_err();
        assert!(misfit.param == "file" && misfit.message.contains("`a.dat`"), "{misfit}");
        let misfit = of("a.xls", |file| file.format()).unwrap_err();
        assert_eq!(misfit.message, "cannot read `a.xls`, a workbook of another kind than `.xlsx`; save it as `.xlsx`");
    }

    #[test]
    fn what_says_nothing_of_a_file_is_found() {
        let na = ["NA".to_owned()];
        let found = |name: &str, format: Option<&str>, delimiter: &str, missing: &[String]| -> Vec<&'static str> {
            let misfits = of(name, |file| TableFile { format, delimiter, missing, ..file }.misfits(None));
            misfits.iter().map(|misfit| misfit.param).collect()
        };
        assert_eq!(found("a.jsonl", None, ";", &na), ["missing", "delimiter"]);
        assert_eq!(found("a.csv", Some("jsonl"), ",", &na), ["missing"]);
        assert_eq!(found("a.tsv.gz", None, "|", &na), ["delimiter"]);
        for (path, delimiter) in [("a.csv", ";"), ("a.tsv", ","), ("a.csv.gz", ",")] {
            assert!(found(path, None, delimiter, &na).is_empty(), "{path} {delimiter}");
        }
        assert!(found("a.jsonl", None, ",", &[]).is_empty());
        let names = ["a".to_owned()];
        let params = |name, header| -> Vec<&'static str> {
            let misfits = of(name, |file| {
                TableFile { decimal: Some(","), header, column_names: Some(&names), ..file }.misfits(None)
            });
            misfits.iter().map(|misfit| misfit.param).collect()
        };
        assert_eq!(params("a.jsonl", Some(false)), ["decimal", "header"]);
        let of_sheet = |name| -> Vec<&'static str> {
            let misfits = of(name, |file| {
                let file = TableFile { sheet: Some("a"), merged_cells: Some("fill"), ..file };
                TableFile { decimal: Some(","), delimiter: ";", ..file }.misfits(None)
            });
            misfits.iter().map(|misfit| misfit.param).collect()
        };
        assert_eq!(of_sheet("a.csv"), ["sheet", "merged_cells"]);
        assert_eq!(of_sheet("a.xlsx"), ["delimiter", "decimal"]);
        assert_eq!(params("a.csv", None), ["column_names"]);
        assert_eq!(params("a.csv", Some(true)), ["column_names"]);
        assert!(params("a.csv", Some(false)).is_empty());
    }

    #[test]
    fn units_belong_to_columns_that_are_there() {
        let column = (Column::new("ic50", ColumnType::Float), Values::floats([3.0]));
        let table = Table::new([column]).unwrap();
        let with = |column: &str| {
            let units = BTreeMap::from([(column.to_owned(), "nM".to_owned())]);
            of("a.csv", |file| {
                let file = TableFile { units: &units, ..file };
                file.expect_units(table.columns()).map(|()| file.with_units(table.clone()))
            })
        };
        assert_eq!(with("ic50").unwrap().columns()[0].unit.as_deref(), Some("nM"));
        assert!(with("ki").unwrap_err().to_string().contains("`ki`"));
    }
}
