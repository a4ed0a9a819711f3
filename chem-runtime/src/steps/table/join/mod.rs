//! `table.join`: joins two tables.

mod matching;

use std::collections::{BTreeMap, HashSet};

use serde_json::json;

use self::matching::{Keys, name_beside};
use super::file::TableFile;
use crate::prelude::*;
use crate::records::{DeclaredType, RecordFile, RecordText, TableText, column_indices};
use crate::step::{Columns, Descent, HowJoined, Joined, PathPart, ReadSecond, Streamed};

/// Joins a table, or molecules, with another table on equal values in the columns `on`.
///
/// The right table is the output of an earlier step, wired to `right`, or a CSV, TSV, JSON Lines or Parquet file, or an Excel workbook. The file is read
/// like `table.read` does with the same parameters, with three differences: a column that is joined on text is read as text,
/// digits with a leading zero are numbers in a column that is joined on numbers, and a record that cannot be used fails the
/// step.
///
/// The rows of the left table keep their order and their columns, followed by the other columns of the right table, with
/// the suffix `_right` if the left table has the name already. A row that matches several rows is repeated, in the order of
/// the right table. Text equals text and numbers equal numbers; a missing value equals nothing.
///
/// `how` selects the rows of the left table: `inner` drops those without a match, and `left` keeps them, without values in
/// the new columns. `semi` keeps the rows with a match and `anti` those without, once each and without new columns.
///
/// The signal `joined` counts the rows of the left table that were `matched` and `unmatched`, and the `unused` rows of the
/// right table.
///
/// # Example
/// ```yaml
/// flow: formulas-again
/// steps:
///   - id: read
///     uses: table.read
///     with: { path: data/approved-drugs.csv }
///   - id: names
///     uses: table.select
///     with: { columns: [name] }
///   - id: join
///     uses: table.join
///     inputs: { left: names, right: read }
///     with: { on: [name], how: left }
/// ```
///
/// # Errors
/// - Both or neither of `right` and `file` are set; or a parameter for reading the file is set without `file`.
/// - A column of `on` or `right_on` does not exist; the message lists the columns. Or the two name different numbers of
///   columns, or none.
/// - Two joined columns have types that are never equal, such as text and numbers. Or they are text that is mostly numbers
///   and contain one number in two spellings, such as `5` and `5.0`, which are not equal as text.
/// - The file cannot be read, or has a record that cannot be used; or a column contains both fractions and numbers that are
///   too long to be compared exactly.
/// - The result would have more than 20,000,000 rows.
#[step("table.join", version = 4, columns = columns_of_join, check = can_join, descent = descent)]
#[allow(clippy::too_many_arguments, reason = "each is a parameter that a manifest may give")]
pub fn join_table(
    left: Input<Stream<Dataset>>,
    right: Option<Input<Table>>,
    /// The columns whose values must be equal.
    #[param(example = "[name]", columns_of = "left")]
    on: Vec<ColumnName>,
    /// The names of these columns in the right table, if they differ.
    #[param(example = "[compound]", columns_of = "right")]
    right_on: Option<Vec<ColumnName>>,
    /// The kind of join.
    #[param(default = "inner", one_of = ["inner", "left", "semi", "anti"])]
    how: String,
    /// A file with the right table, instead of a wired step.
    #[param(example = "data/assay.csv")]
    file: Option<RecordFile>,
    /// The format, if the extension of the file does not determine it.
    #[param(one_of = ["csv", "tsv", "jsonl", "parquet", "xlsx"])]
    format: Option<String>,
    /// The types of columns of the file by name: `text`, `integer`, `float` or `boolean`. Other types are inferred.
    #[param(default = BTreeMap::new(), example = "{ pIC50: float, batch: text }")]
    types: BTreeMap<String, ColumnType>,
    /// The units of columns of the file, by name.
    #[param(default = BTreeMap::new(), example = "{ ic50: nM }")]
    units: BTreeMap<String, String>,
    /// Texts that represent a missing value in a CSV or TSV file, or in a workbook.
    #[param(default = [], example = "[NA, n/a]")]
    missing: Vec<String>,
    /// The separator of the cells in a CSV file.
    #[param(default = ",", one_of = [",", ";", "|"])]
    delimiter: String,
    /// The encoding of the file. Defaults to `utf-8`; `utf-16` is determined by the byte order mark.
    #[param(one_of = ["utf-8", "latin1", "windows-1252", "utf-16", "utf-16le", "utf-16be"])]
    encoding: Option<String>,
    /// The decimal separator of numbers in a CSV or TSV file. Defaults to `.`.
    #[param(one_of = [".", ","])]
    decimal: Option<String>,
    /// Whether the first line of a CSV or TSV file, or the first row of a sheet, contains the names of the columns. Defaults to `true`. With `false`, the
    /// columns are called `column_1`, `column_2` and so on, or as `column_names` says.
    header: Option<bool>,
    /// The names of the columns of a CSV or TSV file, or of a sheet, without a header.
    #[param(example = "[name, pIC50]")]
    column_names: Option<Vec<String>>,
    /// The sheet of an Excel workbook. Defaults to the only one.
    #[param(example = "Plate 1")]
    sheet: Option<String>,
    /// What to do with merged cells in an Excel workbook, of which only the first has a value: fail (`refuse`), give all of them
    /// its value (`fill`), or leave the others without one (`first`). Defaults to `refuse`.
    #[param(one_of = ["refuse", "fill", "first"])]
    merged_cells: Option<String>,
    /// `text` joins on text columns as text even if they contain mostly numbers.
    #[param(one_of = ["text"])]
    r#as: Option<String>,
    context: &ExecutionContext<'_>,
) -> Result<Streamed<Dataset>, StepError> {
    one_right_side(right.is_some(), file.is_some())?;
    as_many_columns(&on, right_on.as_deref())?;
    let head = left.head()?;
    let from_file;
    let right: Option<&Table> = match &file {
        Some(path) => {
            let file = TableFile {
                param: "file",
                path,
                format: format.as_deref(),
                types: &types,
                units: &units,
                missing: &missing,
                delimiter: &delimiter,
                encoding: encoding.as_deref(),
                decimal: decimal.as_deref(),
                header,
                column_names: column_names.as_deref(),
                sheet: sheet.as_deref(),
                merged_cells: merged_cells.as_deref(),
            };
            let typed = on.iter().zip(right_on.as_ref().unwrap_or(&on));
            let typed = typed.filter_map(|(on, right)| Some((right.to_string(), head.column(on.as_str())?.0.ty)));
            from_file = read(file, &file.text(context)?, typed.collect())?;
            Some(&from_file)
        }
        None => right.as_deref(),
    };
    let Some(right) = right else {
        return Err(no_right_side().into());
    };
    column_indices(&head, &on, "on")?;
    let of_left = left.only(on.iter().map(ColumnName::as_str), context)?;
    let keys = Keys::find(&of_left, right, &on, right_on.as_deref().unwrap_or(&on))?;
    if r#as.is_none() {
        keys.refuse_two_spellings(&of_left, right)?;
    }
    let matches = keys.matches(&of_left, right)?;
    drop(of_left);
    let matched = matches.of_left.iter().flatten().count();
    let unmatched = left.rows() - matched;
    context.signal("joined", &json!({ "matched": matched, "unmatched": unmatched, "unused": matches.unused }))?;
    match how.as_str() {
        "semi" => left.map(context, |piece| Ok(matches.having(true, piece))),
        "anti" => left.map(context, |piece| Ok(matches.having(false, piece))),
        how => {
            let joined = keys.joined(left.columns(), right, &matches, how == "left")?;
            left.map(context, |piece| joined.rows(piece))
        }
    }
}

impl JoinTable {
    fn file(&self) -> Option<TableFile<'_>> {
        Some(TableFile {
            param: "file",
            path: self.file.as_ref()?,
            format: self.format.as_deref(),
            types: &self.types,
            units: &self.units,
            missing: &self.missing,
            delimiter: &self.delimiter,
            encoding: self.encoding.as_deref(),
            decimal: self.decimal.as_deref(),
            header: self.header,
            column_names: self.column_names.as_deref(),
            sheet: self.sheet.as_deref(),
            merged_cells: self.merged_cells.as_deref(),
        })
    }
}

fn no_right_side() -> Misfit {
    Misfit::new("file", "no right table: wire a step to `right`, or set `file`")
}

fn one_right_side(wired: bool, file: bool) -> Result<(), Misfit> {
    match (wired, file) {
        (true, true) => Err(Misfit::new("file", "expected either `right` or `file`, found both")),
        (false, false) => Err(no_right_side()),
        _ => Ok(()),
    }
}

fn as_many_columns(on: &[ColumnName], right_on: Option<&[ColumnName]>) -> Result<(), Misfit> {
    let of_right = right_on.unwrap_or(on);
    if on.is_empty() || on.len() != of_right.len() {
        let message = format!(
            "`on` names {} columns and `right_on` {}; expected the same number in both, and at least one",
            on.len(),
            of_right.len()
        );
        return Err(Misfit::new("on", message));
    }
    let twice = Misfit::twice("on", on).or_else(|| Misfit::twice("right_on", right_on.unwrap_or_default()));
    twice.map_or(Ok(()), Err)
}

fn can_join(step: &JoinTable, context: &ColumnContext<'_>) -> Vec<Misfit> {
    let sides = one_right_side(context.is_wired("right"), step.file.is_some()).err();
    let columns = as_many_columns(&step.on, step.right_on.as_deref()).err();
    sides.into_iter().chain(columns).chain(wrong_with_file(step, context)).collect()
}

/// Checks the file, or reports parameters for a file that is not set.
fn wrong_with_file(step: &JoinTable, context: &ColumnContext<'_>) -> Vec<Misfit> {
    let Some(file) = step.file() else {
        let params = [
            ("format", step.format.is_some()),
            ("types", !step.types.is_empty()),
            ("units", !step.units.is_empty()),
            ("missing", !step.missing.is_empty()),
            ("delimiter", step.delimiter != ","),
            ("encoding", step.encoding.is_some()),
            ("decimal", step.decimal.is_some()),
            ("header", step.header.is_some()),
            ("column_names", step.column_names.is_some()),
            ("sheet", step.sheet.is_some()),
            ("merged_cells", step.merged_cells.is_some()),
        ];
        let misfit = |(param, _): (&'static str, bool)| {
            Misfit::new(param, format!("`{param}` applies to `file`, which is not set")).with_help("omit it")
        };
        return params.into_iter().filter(|(_, is_set)| *is_set).map(misfit).collect();
    };
    let header = match file.header_names(context) {
        Ok(header) => header,
        Err(misfit) => return vec![misfit],
    };
    let mut misfits = file.misfits(header.as_ref());
    let Some(header) = header else { return misfits };
    let there: Vec<&str> = header.iter().collect();
    let (param, named) = step.right_on.as_ref().map_or(("on", &step.on), |named| ("right_on", named));
    let known: HashSet<&str> = there.iter().copied().collect();
    let missing = named.iter().enumerate().filter(|(_, name)| !known.contains(name.as_str()));
    let misfit =
        |(at, name): (usize, &ColumnName)| file.no_column(param, name.as_str(), &there).at(PathPart::Index(at));
    misfits.extend(missing.map(misfit));
    misfits
}

fn descent(step: &JoinTable) -> Descent<'_> {
    Descent::Joined(Joined {
        on: step.on.iter().map(ColumnName::as_str).collect(),
        right_on: step.right_on.as_ref().unwrap_or(&step.on).iter().map(ColumnName::as_str).collect(),
        how: match step.how.as_str() {
            "left" => HowJoined::Left,
            "semi" => HowJoined::Semi,
            "anti" => HowJoined::Anti,
            _ => HowJoined::Inner,
        },
        file: step.file.as_ref().map(|file| file.as_str()),
        read: step.file().map(|file| -> ReadSecond<'_> {
            Box::new(move |left, files| {
                let typed = step.on.iter().zip(step.right_on.as_ref().unwrap_or(&step.on));
                let typed = typed.filter_map(|(on, right)| Some((right.to_string(), left.column(on.as_str())?.0.ty)));
                read(file, &file.text_of(files)?, typed.collect())
            })
        }),
    })
}

/// Returns the columns of the left table, followed by those of the right table that are not joined on.
fn columns_of_join(step: &JoinTable, context: &ColumnContext<'_>) -> Columns {
    use Columns::{Known, Unknown};

    let left = context.input("left");
    if matches!(step.how.as_str(), "semi" | "anti") {
        return left;
    }
    let right = match step.file() {
        Some(file) => match file.header_names(context) {
            Ok(Some(header)) => Columns::known(header.iter()),
            _ => Unknown,
        },
        None => context.input("right"),
    };
    let (Known(mut columns), Known(more)) = (left, right) else { return Unknown };
    let keys = step.right_on.as_ref().unwrap_or(&step.on);
    let keys: HashSet<&str> = keys.iter().map(ColumnName::as_str).collect();
    let mut taken: HashSet<Box<str>> = columns.iter().cloned().collect();
    for name in more.iter().filter(|name| !keys.contains(&***name)) {
        let name = name_beside(&taken, name);
        taken.insert(name.clone());
        columns.push(name);
    }
    Known(columns)
}

/// Parses `text`, the content of `file`. `keys` are the columns that are joined on, with the types of their counterparts;
/// declared types take precedence.
///
/// The type of a key that is joined on numbers is inferred from the file: reading it as integers would refuse fractions, and
/// reading it as floats would make long integers equal. A key that is inferred as text, such as digits with a leading zero,
/// is read as floats that are short enough to be exact, or refused.
fn read(
    file: TableFile<'_>,
    text: &RecordText<'_>,
    mut keys: BTreeMap<String, ColumnType>,
) -> Result<Table, StepError> {
    let format = file.format()?;
    let read = |types: &BTreeMap<String, DeclaredType>| {
        let how = TableText { name: file.name(), format, types, cells: file.cells(), qualified: &[], strict: true };
        let table = how.read_whole(text)?.kept;
        file.expect_units(table.columns())?;
        Ok::<_, StepError>(file.with_units(table))
    };
    keys.retain(|name, _| !file.types.contains_key(name));
    let is_number = |(_, ty): &(String, ColumnType)| matches!(ty, ColumnType::Integer | ColumnType::Float);
    let (numbers, texts) = keys.into_iter().partition::<BTreeMap<String, ColumnType>, _>(is_number);
    let mut types = DeclaredType::all(file.types, "types");
    types.extend(DeclaredType::all(&texts, "right_on"));
    let found = read(&types)?;
    // Reading a missing column again reports that it is missing.
    let is_open = |name: &String| found.column(name).is_none_or(|(column, _)| column.ty == ColumnType::Text);
    let open: Vec<String> = numbers.into_keys().filter(is_open).collect();
    if open.is_empty() {
        return Ok(found);
    }
    let float = DeclaredType { ty: ColumnType::Float, by: "right_on" };
    types.extend(open.iter().map(|name| (name.clone(), float)));
    let found = read(&types)?;
    let is_long = |value: f64| value.abs() >= 2_f64.powi(53);
    let has_long = |name: &str| found.floats(name).is_ok_and(|values| values.iter().flatten().any(is_long));
    match open.iter().find(|name| has_long(name)) {
        Some(column) => Err(StepError::new(format!(
            "`{}` has numbers in the column `{column}` that are too long to be compared exactly; declare the type of the \
             column in `types`",
            file.name()
        ))),
        None => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which values on the left have a match in the column `key` of the file that reads `text`.
    fn matched(left: Values, text: &str) -> Result<Vec<bool>, String> {
        let left = Table::new([(Column::new("key", left.ty()), left)]).unwrap();
        let keys = BTreeMap::from([("key".to_owned(), left.columns()[0].ty)]);
        let (path, types, units) = ("a.csv".into(), BTreeMap::new(), BTreeMap::new());
        let described = TableFile {
            param: "file",
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
        let right = read(described, &RecordText::Whole(text.as_bytes().into()), keys);
        let right = right.map_err(|error| error.to_string())?;
        let on = ["key".into()];
        let keys = Keys::find(&left, &right, &on, &on).map_err(|error| error.to_string())?;
        Ok(keys.matches(&left, &right).unwrap().of_left.iter().map(Option::is_some).collect())
    }

    #[test]
    fn numbers_of_a_file_equal_numbers_of_either_type_and_exactly() {
        // 2^53 is the nearest float to 2^53 + 1.
        let integers = Values::integers([2, 1 << 53]);
        let floats = Values::floats([2.0, 2_f64.powi(53)]);
        for left in [integers, floats] {
            for (text, expected) in [
                ("key\n2.5\n2\n", [true, false]),
                ("key\n2.0\n", [true, false]),
                ("key\n002\n2.5\n", [true, false]),
                ("key\n9007199254740993\n2\n", [true, false]),
                ("key\n9007199254740992\n", [false, true]),
                ("key\n", [false, false]),
            ] {
                assert_eq!(matched(left.clone(), text), Ok(expected.to_vec()), "{text}");
            }
            for (text, why) in [
                ("key\n9007199254740993\n2.5\n", "in the column `key` that are too long"),
                ("key\n1\nabc\n", "line 3 of `a.csv` cannot be used: has `abc`"),
                ("key\ntrue\n", "`key` is boolean on the right"),
                ("x\n1\n", "`a.csv` has no column `key`"),
            ] {
                let message = matched(left.clone(), text).unwrap_err();
                assert!(message.contains(why), "{message}");
            }
        }
        let texts = Values::texts(["007", "7"]);
        assert_eq!(matched(texts, "key\n007\n"), Ok(vec![true, false]));
    }
}
