//! `molecules.read`: reads molecules from a file.

mod accept;
mod delimited_columns;
mod formats;
mod from_table;
mod inline;
mod named;
mod queries;
mod raw;
mod reader;
mod sd_records;
mod smiles_lines;
mod survey;

use std::collections::BTreeMap;

use csv::StringRecord;
pub use from_table::{MoleculesFromTable, molecules_from_table};
pub use inline::{InlineMolecule, InlineMolecules, inline_molecules};
use serde_json::json;

use self::accept::{Accept, Policy};
use self::delimited_columns::{ColumnTypes, FileColumns};
use self::formats::Format;
use self::named::columns_are_there;
pub(super) use self::queries::{Query, read_queries};
use self::raw::Source;
use self::reader::Made;
use self::sd_records::{Duplicates, SdFields};
pub(super) use self::sd_records::{Header, begins_a_field, field_header};
use self::survey::{How, kept_columns};
use super::molecules::{Molecules, PROMISED};
use crate::artifact::ColumnType;
use crate::prelude::*;
#[cfg(feature = "excel")]
use crate::records::sheet_columns;
use crate::records::{
    Decimal, Encoding, HeaderLine, Layout, Notation, RecordFiles, RecordPart, RecordText, Several, SheetChoice,
    Uniting, extension, header_of, other_workbook, written_in_files,
};
use crate::step::{Files, NamedFile, RecordOutlets, SourceRecord, Streamed, WrittenRecord};

/// Reads molecules from a SMILES, CSV, TSV or SD file, which may be compressed with gzip, or from a sheet of an Excel workbook.
///
/// The extension determines the format. `.smi`, `.smiles` or `.txt`: a SMILES, white space and a name on each line; lines
/// that begin with `#` are comments, and a first line that begins with the word `smiles`, in any case, is a header, which
/// is skipped and not counted. `.csv` and `.tsv`: the first line contains the names of the columns, unless `header: false`
/// is set. `.xlsx` and `.xlsm`: so does the first row of the sheet that is not empty; `docs/reading.md` describes how cells are
/// read. `.sdf` and `.sd`: for each molecule a mol block, V2000 or V3000, data fields, and a line `$$$$`, which is optional
/// after the last molecule of a `.mol` file. Each extension may be followed by `.gz`. The text is UTF-8, unless `encoding`
/// names another encoding.
///
/// The molecules have the columns `name`, `smiles` (canonical, isomeric) and `record` (the number of the record in the
/// file), followed by the other columns of a CSV or TSV file or a sheet, or the data fields of an SD file in the order of their first
/// appearance. Their types are declared in `types` or inferred as by `table.read`: integers, numbers, `true` and `false`, or
/// else text; digits with a leading zero are text. A column of the file with one of these three names gets the prefix
/// `file_`. The name of a record in an SD file is its first line. The value of a field ends before an empty line, or
/// before a line that can only be the header of another field, without the blank lines between them; leading and trailing
/// white space is kept. The name of a field may be its number, `> DT12`.
///
/// A record that cannot be used goes to the output `rejects`, with its line, its text and the reason: a text that is not a
/// valid SMILES or not a possible molecule; bytes that are not UTF-8; a row with too few or too many cells; a record of an
/// SD file that is empty, truncated or a query, or that has a line that may be either a header or part of a value; a mol
/// block whose counts do not match its lines; or a molecule beyond the limits of 1,000 atoms, 150 ring closures and 20,000
/// characters. So does what a SMILES cannot represent, unless a parameter accepts that: a CXSMILES extension, and in a mol block racemic and relative
/// stereocentres, an atropisomer, and a bond that ends at several atoms. The atoms `R`, `R#` and `*` of a mol block are
/// dummy atoms, `*` in SMILES, and R group 1 is `[1*]`; atoms for several elements, such as `A`, `Q` and lists, make the
/// block a query. Drawn hydrogens are kept: if an atom has one too many, its single bond to a metal becomes dative, as in
/// cisplatin, or the record is rejected, whereas RDKit drops the hydrogen. SMILES that RDKit refuses are refused, and two
/// more kinds: aromatic silicon (`[si]`), which the chemistry library does not support, and the allene tag `@AL`, which
/// RDKit ignores.
///
/// Each molecule has one canonical SMILES, which parses as that molecule and is its own canonical SMILES. It is RDKit's,
/// except where RDKit's changes or alternates when it is parsed again, as for `O=[IH]` and some cages: then it is the
/// stable one, or the first in the order of characters of those that alternate. A molecule is refused if its canonical
/// SMILES cannot be parsed or parses as another molecule, which can happen with dummy atoms in aromatic rings, many relative
/// stereocentres in a ring, and stereochemistry at the nitrogen of a fused aziridine. A SMILES that closes a ring with `~`
/// is refused too; RDKit parses it as a single bond.
///
/// The signal `read` counts `records`, `kept` and `rejected`. The signal `accepted` counts the molecules that lost something
/// because a parameter accepts it: `stereo_groups`, `cxsmiles`, `duplicate_data`, and `coordinates` if they are 3D. An empty
/// file has no records.
///
/// Several files are read as one: `path` is a pattern or a list. They have one format, and their columns are united by name: see
/// `columns`. Types are inferred from all files together. `record` is then the number of the record in its file. A reject
/// names its file in the column `file`, and `file_column` names the file of each molecule. The name is the path below the
/// directory that all written paths share.
///
/// # Example
/// ```yaml
/// flow: drugs
/// steps:
///   - id: read
///     uses: molecules.read
///     with: { path: data/approved-drugs.csv }
/// ```
///
/// # Errors
/// - The file does not exist or cannot be read, is not gzip data although its name ends in `.gz`, or is not in the encoding that
///   `encoding` names.
/// - Neither the extension of the file nor `format` determines the format, or the files have different formats.
/// - No file matches a pattern, or a file is named twice.
/// - A file lacks a column that another one has, unless `columns` accepts it; the message names both files. Or a column of the
///   files has the name in `file_column`.
/// - A column that a parameter names does not exist; the message lists the columns. Or two columns have the same name.
/// - A workbook has several sheets and `sheet` names none, or has no such sheet; the message lists the sheets. Or the sheet has
///   merged cells, unless `merged_cells` accepts them. Or the workbook is damaged, has a password, or is not of the kind `.xlsx`.
/// - The file changes during reading.
/// - With `on_error: fail`, a record that cannot be used; the message gives its line, its text and the reason.
/// - More than the share `fail_above` of the records cannot be used; the message gives the numbers and the most common
///   reason. Or `fail_above` is set together with `on_error: fail`.
#[step("molecules.read", version = 6, columns = columns_of_molecules, check = columns_are_there, written = written)]
#[allow(clippy::too_many_arguments, reason = "each is a parameter that a manifest may give")]
pub fn read_molecules(
    /// The file to read, or several that are read as one: a pattern, in which `*` matches any characters of a name, `?` one
    /// character, and `**` any number of directories, or a list of paths and patterns. The files that match a pattern are sorted.
    #[param(example = "data/approved-drugs.csv")]
    path: RecordFiles,
    /// The name of a new column, behind all others, with the name of each molecule's file.
    #[param(example = "library")]
    file_column: Option<String>,
    /// What to do with columns, or data fields, that only some of several files have: refuse them (`same`), keep them, without
    /// values for the molecules of the other files (`all`), or drop them (`common`). Defaults to `same`.
    #[param(one_of = ["same", "all", "common"])]
    columns: Option<String>,
    /// The format, if the extension of the file does not determine it.
    #[param(one_of = ["smi", "csv", "tsv", "xlsx", "sdf", "mol"])]
    format: Option<String>,
    /// The column with the SMILES in a CSV or TSV file or a sheet. Case matters only if two columns differ by case alone.
    #[param(default = "smiles")]
    smiles_column: String,
    /// The column with standard InChIs in a CSV or TSV file or a sheet, instead of SMILES. A molecule that does not have the InChI from
    /// which it was read is rejected.
    #[param(example = "inchi")]
    inchi_column: Option<String>,
    /// The column with the names. Defaults to `name` if there is one; in an SD file, to the first line of a record.
    name_column: Option<String>,
    /// The types of columns by name: `text`, `integer`, `float` or `boolean`. Other types are inferred. A record with a
    /// value of another type is rejected.
    #[param(default = BTreeMap::new(), example = "{ pIC50: float, batch: text }")]
    types: BTreeMap<String, ColumnType>,
    /// Columns of the type `float`, as in `types`.
    #[param(default = [], example = "[pIC50]")]
    numbers: Vec<String>,
    /// Columns of numbers with relations, such as `>10`, `<0.1` and `~5`. Such a column holds the numbers, and a text column
    /// behind it, `NAME_relation`, holds `>`, `>=`, `<`, `<=`, `>>`, `<<`, `~`, or `=` for a number without a relation.
    #[param(example = "[ic50]")]
    qualified: Option<Vec<String>>,
    /// Texts that represent a missing value in the other columns.
    #[param(default = [], example = "[NA, n/a]")]
    missing: Vec<String>,
    /// The separator of the cells in a CSV file.
    #[param(default = ",", one_of = [",", ";", "|"])]
    delimiter: String,
    /// The encoding of the file. Defaults to `utf-8`; `utf-16` is determined by the byte order mark.
    #[param(one_of = ["utf-8", "latin1", "windows-1252", "utf-16", "utf-16le", "utf-16be"])]
    encoding: Option<String>,
    /// The decimal separator of numbers. Defaults to `.`.
    #[param(one_of = [".", ","])]
    decimal: Option<String>,
    /// Whether the first line of a CSV or TSV file, or the first row of a sheet, contains the names of the columns. Defaults to `true`. With `false`, the
    /// columns are called `column_1`, `column_2` and so on, or as `column_names` says.
    header: Option<bool>,
    /// The names of the columns of a CSV or TSV file, or of a sheet, without a header.
    #[param(example = "[smiles, name, pIC50]")]
    column_names: Option<Vec<String>>,
    /// The sheet of an Excel workbook. Defaults to the only one.
    #[param(example = "Plate 1")]
    sheet: Option<String>,
    /// What to do with merged cells in an Excel workbook, of which only the first has a value: fail (`refuse`), give all of them
    /// its value (`fill`), or leave the others without one (`first`). Defaults to `refuse`.
    #[param(one_of = ["refuse", "fill", "first"])]
    merged_cells: Option<String>,
    /// What to do with a mol block of an atropisomer, whose axis a SMILES cannot describe: treat it as a record that cannot
    /// be used (`reject`), or drop the configuration of the axis (`flatten`).
    #[param(default = "reject", one_of = ["reject", "flatten"])]
    atropisomers: String,
    /// What to do with racemic and relative stereocentres, of a V3000 mol block (`STERAC1`, `STEREL1`) or a CXSMILES extension
    /// (`|&1:1|`, `|o1:1|`): reject the record (`refuse`), read them as drawn (`ignore`), or read them as drawn and
    /// also keep the canonical CXSMILES with the groups in the text column `stereo_groups` (`keep`). Defaults to `refuse`.
    #[param(one_of = ["refuse", "ignore", "keep"])]
    stereo_groups: Option<String>,
    /// What to do with a CXSMILES extension that contains anything else, such as labels or coordinates: reject the record
    /// (`refuse`), read the SMILES without it (`ignore`), or also keep the SMILES and the extension as written in the text
    /// column `cxsmiles` (`keep`). Defaults to `refuse`.
    #[param(one_of = ["refuse", "ignore", "keep"])]
    cxsmiles: Option<String>,
    /// What to do with the coordinates of a mol block: reject a record with 3D coordinates (`refuse`), read the molecule
    /// without them (`ignore`), or also keep the mol block of each record, whether 2D or 3D, as it is in the file, in the
    /// text column `mol_block` (`keep`), which `molecules.write` can write. Defaults to `ignore`.
    #[param(one_of = ["refuse", "ignore", "keep"])]
    coordinates: Option<String>,
    /// What to do with a record of an SD file that has data under one name several times: reject the record (`reject`), take
    /// the first or the last (`first`, `last`), or join the values with line feeds (`join`). Defaults to `reject`.
    #[param(one_of = ["reject", "first", "last", "join"])]
    duplicate_data: Option<String>,
    /// What to do with a record that cannot be used: put it into `rejects` (`reject`) or fail the step (`fail`).
    #[param(default = "reject", one_of = ["reject", "fail"])]
    on_error: String,
    /// The share of rejected records, from 0 to 1, above which the step fails; an equal share does not fail it. Defaults to
    /// no limit.
    #[param(min = 0.0, max = 1.0, example = "0.05")]
    fail_above: Option<f64>,
    context: &ExecutionContext<'_>,
) -> Result<Streamed<WithRejects<Molecules>>, StepError> {
    let step = ReadMolecules {
        path,
        file_column,
        columns,
        format,
        smiles_column,
        inchi_column,
        name_column,
        types,
        numbers,
        qualified,
        missing,
        delimiter,
        encoding,
        decimal,
        header,
        column_names,
        sheet,
        merged_cells,
        atropisomers,
        stereo_groups,
        cxsmiles,
        coordinates,
        duplicate_data,
        on_error,
        fail_above,
    };
    let (name, files) = (step.path.describe(), context.files());
    let format = format_of_all(&step.path.found(files)?, step.format.as_deref())?;
    let texts = step.path.texts(files, |file| {
        let text = step.text(file, &format, files)?;
        Ok((text.in_memory()?, text))
    })?;
    let survey = step.how(&name, &format).survey(&texts)?;
    let mut out = RecordOutlets::resumed(context)?;
    survey.read(out.position(), |RecordPart { kept, rejects, made: Made { texts, accepted }, records }| {
        context.progress(records, Some(survey.records));
        out.count(accepted);
        out.put(WithRejects { kept, rejects }, texts, records)
    })?;
    let (kept, rejected) = out.counts();
    let refused = format!("records of `{name}` cannot be used");
    out.reasons().check_share(kept + rejected, step.fail_above, &refused)?;
    let mut counts = json!({ "records": kept + rejected, "kept": kept, "rejected": rejected });
    if step.path.single().is_none() {
        counts["files"] = json!(texts.len());
    }
    context.signal("read", &counts)?;
    if !out.counted().is_empty() {
        context.signal("accepted", &json!(out.counted()))?;
    }
    out.finish()
}

/// Finds records in the files again.
fn written(
    step: &ReadMolecules,
    records: &[SourceRecord<'_>],
    files: &Files,
) -> Result<Vec<Option<WrittenRecord>>, StepError> {
    let format = format_of_all(&step.path.found(files)?, step.format.as_deref())?;
    written_in_files(&step.path, files, step.file_column.as_deref(), records, |named, search| {
        let (name, text) = (named.file.as_str(), step.text(&named.file, &format, files)?);
        let how = step.how(name, &format);
        search.during(|search| how.format.each_text(Source { name, text: &text }, |line, text| search.pass(line, text)))
    })
}

/// Returns the columns of the output. Those of CSV and TSV files come from their first lines.
fn columns_of_molecules(step: &ReadMolecules, context: &ColumnContext<'_>) -> Columns {
    let promised = Columns::known(PROMISED.map(|(name, _)| name));
    let kept = kept_columns(step.accept());
    let Ok(Some(found)) = context.found("path", &step.path) else { return Columns::Unknown };
    let Ok(format) = format_of_all(&found, step.format.as_deref()) else { return Columns::Unknown };
    let more = match format.as_str() {
        "smi" => Some(Vec::new()),
        // The data fields of an SD file are known only after reading all records.
        "sdf" | "mol" => None,
        _ => step.more_columns(&format, &found, context).ok().flatten(),
    };
    more.map_or(Columns::Unknown, |more| promised.with(more).with(kept).with(step.file_column.as_deref()))
}

impl ReadMolecules {
    /// Returns the text of a file, or the bytes of a workbook.
    fn text<'t>(&self, file: &InputFile, format: &str, files: &'t Files) -> Result<RecordText<'t>, StepError> {
        match format {
            "xlsx" => Ok(RecordText::Whole(file.read(files)?.into())),
            _ => RecordText::of(file, files, Encoding::of(self.encoding.as_deref())),
        }
    }

    /// Returns how the files, which messages call `name`, are read.
    fn how<'a>(&'a self, name: &'a str, format: &str) -> How<'a> {
        let columns = self.file_columns(format);
        // A workbook has numbers of its own.
        let spelled = (format != "xlsx").then(|| Decimal::of(self.decimal.as_deref()));
        let is_sd = matches!(format, "sdf" | "mol");
        let several =
            Several { columns: Uniting::of(self.columns.as_deref()), file_column: self.file_column.as_deref() };
        How {
            name,
            format: match format {
                "csv" | "tsv" => Format::Delimited(columns),
                "xlsx" => Format::Sheet(SheetChoice::of(self.sheet.as_deref(), self.merged_cells.as_deref()), columns),
                _ if is_sd => Format::Sd(SdFields {
                    in_mol_file: format == "mol",
                    name: self.name_column.as_deref(),
                    types: self.types(),
                    missing: &self.missing,
                    duplicates: Duplicates::of(self.duplicate_data.as_deref()),
                }),
                _ => Format::Lines(Some(self.accept())),
            },
            types: self.types(),
            notation: Notation { spelled, padded: is_sd },
            accept: self.accept(),
            several: self.path.single().is_none().then_some(several),
            strict: self.on_error == "fail",
        }
    }

    fn accept(&self) -> Accept {
        Accept {
            flatten: self.atropisomers == "flatten",
            stereo_groups: Policy::of(self.stereo_groups.as_deref()),
            cxsmiles: Policy::of(self.cxsmiles.as_deref()),
            coordinates: self.coordinates.as_deref().map_or(Policy::Ignore, |name| Policy::of(Some(name))),
        }
    }

    fn types(&self) -> ColumnTypes<'_> {
        let qualified = self.qualified.as_deref().unwrap_or_default();
        ColumnTypes { numbers: &self.numbers, types: &self.types, qualified, may_lack: self.path.single().is_none() }
    }

    fn file_columns(&self, format: &str) -> FileColumns<'_> {
        FileColumns {
            smiles: &self.smiles_column,
            inchi: self.inchi_column.as_deref(),
            name: self.name_column.as_deref(),
            types: self.types(),
            missing: &self.missing,
            accept: Some(self.accept()),
            layout: Layout {
                delimiter: separator(format, &self.delimiter),
                header: HeaderLine::of(self.header, self.column_names.as_deref()),
            },
        }
    }

    /// Returns the names of the columns of files that already exist, unless they are SMILES or SD files.
    ///
    /// # Errors
    /// Reports a sheet that a workbook does not have, or that cannot be read.
    fn header_names(
        &self,
        format: &str,
        found: &[NamedFile],
        context: &ColumnContext<'_>,
    ) -> Result<Option<Vec<StringRecord>>, Misfit> {
        if format == "xlsx" {
            let names = found.iter().map(|named| self.sheet_names(named, context).transpose());
            return names.collect::<Option<Result<_, _>>>().transpose();
        }
        let (encoding, layout) = (Encoding::of(self.encoding.as_deref()), self.file_columns(format).layout);
        Ok(found.iter().map(|named| header_of(context.beginning(&named.file)?, encoding, layout)).collect())
    }

    #[cfg(feature = "excel")]
    fn sheet_names(&self, named: &NamedFile, context: &ColumnContext<'_>) -> Result<Option<StringRecord>, Misfit> {
        if context.first_bytes(&named.file, 1).is_none() {
            return Ok(None);
        }
        let path = named.file.as_str();
        let sheet = SheetChoice::of(self.sheet.as_deref(), self.merged_cells.as_deref());
        let header = HeaderLine::of(self.header, self.column_names.as_deref());
        let names = sheet_columns(&context.path(path), path, sheet, header);
        Ok(names.map_err(|unread| unread.misfit("path"))?.map(|names| names.iter().collect()))
    }

    #[cfg(not(feature = "excel"))]
    fn sheet_names(&self, _: &NamedFile, _: &ColumnContext<'_>) -> Result<Option<StringRecord>, Misfit> {
        Ok(None)
    }

    /// Returns the columns of CSV or TSV files, or of sheets, besides those that all molecules have; `None` if they are not known.
    ///
    /// # Errors
    /// Reports a file that lacks a column, or a sheet that cannot be read.
    fn more_columns(
        &self,
        format: &str,
        found: &[NamedFile],
        context: &ColumnContext<'_>,
    ) -> Result<Option<Vec<Box<str>>>, Misfit> {
        let Some(headers) = self.header_names(format, found, context)? else { return Ok(None) };
        let paths: Vec<&str> = found.iter().map(|named| named.file.as_str()).collect();
        let more = headers.iter().zip(&paths);
        let more = more.map(|(header, path)| delimited_columns::more(path, header, self.file_columns(format)));
        let Some(more) = more.collect::<Option<Vec<_>>>() else { return Ok(None) };
        let united = Uniting::of(self.columns.as_deref()).unite_further(&more);
        united.map(Some).map_err(|disunited| Misfit::new("path", disunited.of_files(&paths)))
    }
}

/// Returns the separator of the cells; for CSV it is the parameter.
fn separator(format: &str, delimiter: &str) -> u8 {
    if format == "tsv" { b'\t' } else { delimiter.bytes().next().unwrap_or(b',') }
}

/// Returns the format of all files.
fn format_of_all(files: &[NamedFile], explicit: Option<&str>) -> Result<String, Misfit> {
    let mut formats = files.iter().map(|named| Ok((format_of(named.file.as_str(), explicit)?, named.file.as_str())));
    let Some(first) = formats.next() else { return Err(Misfit::new("path", "`path` names no file")) };
    let (format, first) = first?;
    for other in formats {
        let (other, path) = other?;
        if other != format {
            return Err(Misfit::new("path", format!("`{first}` and `{path}` have different formats"))
                .with_help("read them in steps of their own, and unite the molecules with `table.union`"));
        }
    }
    Ok(format)
}

fn format_of(file: &str, explicit: Option<&str>) -> Result<String, Misfit> {
    if let Some(format) = explicit {
        return Ok(format.to_owned());
    }
    match extension(file).as_deref() {
        Some("smi" | "smiles" | "txt") => Ok("smi".to_owned()),
        Some("sdf" | "sd") => Ok("sdf".to_owned()),
        Some(known @ ("csv" | "tsv" | "mol")) => Ok(known.to_owned()),
        Some("xlsx" | "xlsm") => Ok("xlsx".to_owned()),
        _ => {
            let formats = "write `format: smi`, `csv`, `tsv`, `xlsx`, `sdf` or `mol`";
            let undetermined = || format!("cannot determine the format of `{file}`; {formats}");
            Err(Misfit::new("path", other_workbook(file).unwrap_or_else(undetermined)))
        }
    }
}
