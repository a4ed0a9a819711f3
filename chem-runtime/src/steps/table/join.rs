//! `table.join`: columns of another table, by what both have in common.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::json;

use super::file::TableFile;
use crate::prelude::*;
use crate::records::{DeclaredType, Key, RecordFile, TableText, column_places, key_of, type_name};
use crate::step::PathPart;

/// A joined table has at most so many rows: two tables in which all rows have one value would multiply.
const MAX_ROWS: usize = 20_000_000;

/// Joins a table, or molecules, with another table: rows that are equal in the columns `on` become one.
///
/// The other table is the output of an earlier step, wired to `right`, or a CSV, TSV or JSON Lines file, which is read as
/// `table.read` does with the same `format`, `types`, `units`, `missing` and `delimiter`. But what has to equal text is
/// read as text, digits that have to equal numbers are numbers also with a leading zero, and a record that cannot be used
/// fails the step.
///
/// The rows of the left table keep their order and their columns, and the other columns of the right one come behind,
/// `_right` added to the names that the left one has already. A row that matches several rows becomes several, in the
/// order of the right table. Text equals text and numbers equal numbers; a missing value equals nothing.
///
/// `how` says what becomes of rows of the left table: with `inner` those without a match are dropped, and with `left`
/// they are kept and have no values in the new columns. `semi` keeps the rows that have a match and `anti` those that
/// have none, once each and without new columns.
///
/// The signal `joined` counts the rows of the left table that were `matched` and `unmatched`, and those of the right one
/// that are `unused`.
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
/// - Both `right` and `file` are given, or none of them; or a parameter says how a file is read, and there is none.
/// - A column that `on` or `right_on` names is not in its table; the message names those that are. Or the two name a
///   different number of columns, or none.
/// - Columns that are to be equal hold values of types that never are, such as text and numbers.
/// - The file cannot be read, or has a record that cannot be used; or it has numbers that are too long to be compared
///   exactly beside others that are not whole.
/// - The result would have more than 20,000,000 rows.
#[step("table.join", version = 3, columns = columns_of_join, check = can_join)]
#[allow(clippy::too_many_arguments, reason = "each is a parameter that a manifest may give")]
pub fn join_table(
    left: Input<Dataset>,
    right: Option<Input<Table>>,
    /// The columns in which rows have to be equal.
    #[param(example = "[name]", columns_of = "left")]
    on: Vec<ColumnName>,
    /// What these columns are called in the right table, if they have other names there.
    #[param(example = "[compound]", columns_of = "right")]
    right_on: Option<Vec<ColumnName>>,
    /// What becomes of rows of the left table that match, and of those that do not.
    #[param(default = "inner", one_of = ["inner", "left", "semi", "anti"])]
    how: String,
    /// A file with the right table, where no step gives it.
    #[param(example = "data/assay.csv")]
    file: Option<RecordFile>,
    /// What the file is, where its extension does not say it.
    #[param(one_of = ["csv", "tsv", "jsonl"])]
    format: Option<String>,
    /// The types of columns of the file: `text`, `integer`, `float` or `boolean` by name. The others are found out.
    #[param(default = BTreeMap::new(), example = "{ pIC50: float, batch: text }")]
    types: BTreeMap<String, ColumnType>,
    /// The units of columns of the file, by name.
    #[param(default = BTreeMap::new(), example = "{ ic50: nM }")]
    units: BTreeMap<String, String>,
    /// Texts that stand for a missing value in a CSV or TSV file.
    #[param(default = [], example = "[NA, n/a]")]
    missing: Vec<String>,
    /// What separates the cells of a CSV file.
    #[param(default = ",", one_of = [",", ";", "|"])]
    delimiter: String,
    context: &ExecutionContext<'_>,
) -> Result<Dataset, StepError> {
    one_right_side(right.is_some(), file.is_some())?;
    as_many_columns(&on, right_on.as_deref())?;
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
            };
            let typed = on.iter().zip(right_on.as_ref().unwrap_or(&on));
            let typed =
                typed.filter_map(|(on, right)| Some((right.to_string(), left.table().column(on.as_str())?.0.ty)));
            from_file = read(file, &file.text(context)?, typed.collect())?;
            Some(&from_file)
        }
        None => right.as_deref(),
    };
    let Some(right) = right else {
        return Err(no_right_side().into());
    };
    let columns = Columns::find(left.table(), right, &on, right_on.as_deref().unwrap_or(&on))?;
    let matches = columns.matches(left.table(), right);
    let matched = matches.of_left.iter().flatten().count();
    let unmatched = left.table().rows() - matched;
    context.signal("joined", &json!({ "matched": matched, "unmatched": unmatched, "unused": matches.unused }))?;
    let having = |wanted: bool| {
        let rows = matches.of_left.iter().enumerate().filter(move |(_, found)| found.is_some() == wanted);
        rows.map(|(row, _)| row).collect::<Vec<_>>()
    };
    match how.as_str() {
        "semi" => Ok(left.gather(&having(true))),
        "anti" => Ok(left.gather(&having(false))),
        how => columns.joined(&left, right, &matches, how == "left"),
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
        })
    }
}

fn no_right_side() -> Misfit {
    Misfit::new("file", "there is no table to join: wire a step to `right`, or name a `file`")
}

fn one_right_side(wired: bool, file: bool) -> Result<(), Misfit> {
    match (wired, file) {
        (true, true) => Err(Misfit::new("file", "both `right` and `file` give a table to join; give one")),
        (false, false) => Err(no_right_side()),
        _ => Ok(()),
    }
}

fn as_many_columns(on: &[ColumnName], right_on: Option<&[ColumnName]>) -> Result<(), Misfit> {
    let of_right = right_on.unwrap_or(on);
    if on.is_empty() || on.len() != of_right.len() {
        let message = format!(
            "`on` names {} columns and `right_on` {}; name as many in both, and at least one",
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

/// What is wrong with the file, or with what is said of one that is not there.
fn wrong_with_file(step: &JoinTable, context: &ColumnContext<'_>) -> Vec<Misfit> {
    let Some(file) = step.file() else {
        let given = [
            ("format", step.format.is_some()),
            ("types", !step.types.is_empty()),
            ("units", !step.units.is_empty()),
            ("missing", !step.missing.is_empty()),
            ("delimiter", step.delimiter != ","),
        ];
        let misfit = |(param, _): (&'static str, bool)| {
            Misfit::new(param, format!("`{param}` says how `file` is read, and no file is named"))
                .with_help("leave it out")
        };
        return given.into_iter().filter(|(_, given)| *given).map(misfit).collect();
    };
    let header = file.header(context);
    let mut misfits = file.misfits(header.as_ref());
    let Some(header) = header else { return misfits };
    let there: Vec<&str> = header.iter().collect();
    let (param, named) = step.right_on.as_ref().map_or(("on", &step.on), |named| ("right_on", named));
    let missing = named.iter().enumerate().filter(|(_, name)| !there.contains(&name.as_str()));
    let misfit = |(at, name): (usize, &ColumnName)| {
        Misfit::no_column(param, name.as_str(), file.name(), &there).at(PathPart::Index(at))
    };
    misfits.extend(missing.map(misfit));
    misfits
}

/// Those of the left table, and behind them those of the right one that the step has not to find equal.
fn columns_of_join(step: &JoinTable, context: &ColumnContext<'_>) -> crate::step::Columns {
    use crate::step::Columns::{Known, Unknown};

    let left = context.input("left");
    if matches!(step.how.as_str(), "semi" | "anti") {
        return left;
    }
    let right = match step.file() {
        Some(file) => file.header(context).map_or(Unknown, |header| crate::step::Columns::known(header.iter())),
        None => context.input("right"),
    };
    let (Known(mut columns), Known(more)) = (left, right) else { return Unknown };
    let keys = step.right_on.as_ref().unwrap_or(&step.on);
    for name in more.iter().filter(|name| keys.iter().all(|key| key.as_str() != &***name)) {
        columns.push(name_beside(&columns, name));
    }
    Known(columns)
}

/// What a column of the right table that is called `name` is called beside those that are `taken`.
fn name_beside(taken: &[Box<str>], name: &str) -> Box<str> {
    let mut name = name.to_owned();
    while taken.iter().any(|taken| **taken == *name) {
        name.push_str("_right");
    }
    name.into()
}

/// The table in `file`, which reads `text`. The columns `keys` have to equal columns of these types; what is declared of
/// them counts all the same.
///
/// Where that is a number, what stands in the file says which: an integer would refuse fractions, and a float would make
/// one of two long numbers. What is text by that, such as digits with a leading zero, is read as floats that are short
/// enough to be exact, or refused.
fn read(file: TableFile<'_>, text: &[u8], mut keys: BTreeMap<String, ColumnType>) -> Result<Table, StepError> {
    let format = file.format()?;
    let read = |types: &BTreeMap<String, DeclaredType>| {
        let how = TableText { name: file.name(), format, types, missing: file.missing, strict: true };
        file.with_units(how.read(text)?.kept)
    };
    keys.retain(|name, _| !file.types.contains_key(name));
    let is_number = |(_, ty): &(String, ColumnType)| matches!(ty, ColumnType::Integer | ColumnType::Float);
    let (numbers, texts) = keys.into_iter().partition::<BTreeMap<String, ColumnType>, _>(is_number);
    let mut types = DeclaredType::all(file.types, "types");
    types.extend(DeclaredType::all(&texts, "right_on"));
    let found = read(&types)?;
    // A column that is not there is read again as well, for the message that says so.
    let is_open = |name: &String| found.column(name).is_none_or(|(column, _)| column.ty == ColumnType::Text);
    let open: Vec<String> = numbers.into_keys().filter(is_open).collect();
    if open.is_empty() {
        return Ok(found);
    }
    let float = DeclaredType { ty: ColumnType::Float, by: "right_on" };
    types.extend(open.iter().map(|name| (name.clone(), float)));
    let found = read(&types)?;
    let has_long = |name: &str| match found.column(name) {
        Some((_, ColumnData::Float(values))) => values.iter().flatten().any(|value| value.abs() >= 2_f64.powi(53)),
        _ => false,
    };
    match open.iter().find(|name| has_long(name)) {
        Some(column) => Err(StepError::new(format!(
            "`{}` has numbers in the column `{column}` that are too long to be compared exactly; say by `types` what the \
             column is",
            file.name()
        ))),
        None => Ok(found),
    }
}

/// The places of the columns that have to be equal.
struct Columns {
    left: Vec<usize>,
    right: Vec<usize>,
}

/// Which rows match.
struct Matches {
    /// Rows of the right table that are equal where it counts, in order.
    groups: Vec<Vec<usize>>,
    /// For each row of the left table, the group that matches it.
    of_left: Vec<Option<usize>>,
    /// How many rows of the right table match none.
    unused: usize,
}

impl Columns {
    fn find(left: &Table, right: &Table, on: &[ColumnName], right_on: &[ColumnName]) -> Result<Self, StepError> {
        as_many_columns(on, Some(right_on))?;
        let found = Self { left: column_places(left, on, "on")?, right: column_places(right, right_on, "right_on")? };
        for (&one, &other) in found.left.iter().zip(&found.right) {
            let (one, other) = (&left.columns()[one], &right.columns()[other]);
            if comparable(one.ty) != comparable(other.ty) {
                return Err(StepError::new(format!(
                    "`{}` is {} on the left and `{}` is {} on the right, so no row would match",
                    one.name,
                    type_name(one.ty),
                    other.name,
                    type_name(other.ty)
                )));
            }
        }
        Ok(found)
    }

    fn matches(&self, left: &Table, right: &Table) -> Matches {
        let (mut groups, mut by_key): (Vec<Vec<usize>>, HashMap<Vec<Key<'_>>, usize>) = Default::default();
        for row in 0..right.rows() {
            if let Some(key) = row_key(right, &self.right, row) {
                let group = *by_key.entry(key).or_insert(groups.len());
                if group == groups.len() {
                    groups.push(Vec::new());
                }
                groups[group].push(row);
            }
        }
        let of_left: Vec<Option<usize>> = (0..left.rows())
            .map(|row| row_key(left, &self.left, row).and_then(|key| by_key.get(&key)).copied())
            .collect();
        let used: HashSet<usize> = of_left.iter().flatten().copied().collect();
        let unused = right.rows() - used.into_iter().map(|group| groups[group].len()).sum::<usize>();
        Matches { groups, of_left, unused }
    }

    fn joined(&self, left: &Dataset, right: &Table, matches: &Matches, keep_all: bool) -> Result<Dataset, StepError> {
        let alone = usize::from(keep_all);
        let rows: usize =
            matches.of_left.iter().map(|group| group.map_or(alone, |group| matches.groups[group].len())).sum();
        if rows > MAX_ROWS {
            return Err(StepError::new(format!(
                "the joined table would have {rows} rows, and {MAX_ROWS} are allowed; join on more columns"
            )));
        }
        let (mut of_left, mut of_right) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
        for (row, group) in matches.of_left.iter().enumerate() {
            match group.map(|group| &matches.groups[group]) {
                Some(found) => {
                    of_left.extend(std::iter::repeat_n(row, found.len()));
                    of_right.extend_from_slice(found);
                }
                None if keep_all => {
                    of_left.push(row);
                    // There is no such row, and so no value.
                    of_right.push(usize::MAX);
                }
                None => {}
            }
        }
        let gathered = right.gather(&of_right);
        let mut taken: Vec<Box<str>> = left.table().columns().iter().map(|column| (*column.name).into()).collect();
        let more = gathered.columns().iter().enumerate().filter(|(place, _)| !self.right.contains(place));
        let more: Vec<_> = more
            .filter_map(|(place, column)| {
                let name = name_beside(&taken, &column.name);
                taken.push(name.clone());
                Some((Column { name: name.into(), ..column.clone() }, gathered.data(place)?.clone()))
            })
            .collect();
        Ok(left.gather(&of_left).with_columns(more)?)
    }
}

/// The values of a row in these columns; none if one of them is missing.
fn row_key<'a>(table: &'a Table, places: &[usize], row: usize) -> Option<Vec<Key<'a>>> {
    let keys = places.iter().filter_map(|place| table.data(*place)).map(|data| key_of(data, row));
    keys.map(|key| (key != Key::Missing).then_some(key)).collect()
}

/// Types whose values can be equal have one name here.
fn comparable(ty: ColumnType) -> &'static str {
    match ty {
        ColumnType::Integer | ColumnType::Float => "number",
        other => type_name(other),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::records::TableFormat;

    fn table(text: &str) -> Table {
        let types = BTreeMap::new();
        let format = TableFormat::Delimited(b',');
        TableText { name: "t", format, types: &types, missing: &[], strict: true }.read(text.as_bytes()).unwrap().kept
    }

    fn left() -> Dataset {
        Dataset::new("molecules", table("id,x\n1,a\n2,b\n,c\n2,d\n9,e\n"))
    }

    fn right() -> Table {
        table("key,x,y\n2.0,p,true\n,q,true\n1,r,false\n2,s,\n7,t,true\n")
    }

    fn columns() -> Columns {
        Columns::find(left().table(), &right(), &["id".into()], &["key".into()]).unwrap()
    }

    fn joined(keep_all: bool) -> (Vec<String>, Value) {
        let (left, right, columns) = (left(), right(), columns());
        let joined = columns.joined(&left, &right, &columns.matches(left.table(), &right), keep_all).unwrap();
        assert_eq!(joined.kind(), "molecules");
        let table = joined.table();
        let names = table.columns().iter().map(|column| column.name.to_string()).collect();
        (names, (0..table.rows()).map(|row| Value::from(table.row(row))).collect())
    }

    #[test]
    fn rows_match_in_order_and_missing_values_match_nothing() {
        let (names, rows) = joined(false);
        assert_eq!(names, ["id", "x", "x_right", "y"]);
        let expected = json!([
            [1, "a", "r", false],
            [2, "b", "p", true],
            [2, "b", "s", null],
            [2, "d", "p", true],
            [2, "d", "s", null],
        ]);
        assert_eq!(rows, expected);
        assert_eq!(columns().matches(left().table(), &right()).unused, 2);
    }

    #[test]
    fn a_left_join_keeps_what_has_no_match() {
        let rows = joined(true).1;
        assert_eq!(rows.as_array().unwrap().len(), 7);
        assert_eq!((&rows[3], &rows[6]), (&json!([null, "c", null, null]), &json!([9, "e", null, null])));
    }

    #[test]
    fn columns_that_can_never_be_equal_are_refused() {
        let find = |on: &[&str], right_on: &[&str]| {
            let owned = |names: &[&str]| names.iter().copied().map(ColumnName::from).collect::<Vec<_>>();
            Columns::find(left().table(), &right(), &owned(on), &owned(right_on)).err().map(|error| error.to_string())
        };
        assert!(find(&["x"], &["key"]).unwrap().contains("`x` is text on the left and `key` is float on the right"));
        assert!(find(&["id"], &[]).unwrap().contains("`on` names 1"));
        assert!(find(&[], &[]).is_some());
        assert!(find(&["id"], &["id"]).unwrap().contains("`right_on`"));
        assert!(find(&["id", "x"], &["key", "x"]).is_none());
    }

    /// Which values on the left have a match in the column `key` of the file that reads `text`.
    fn matched(left: ColumnData, text: &str) -> Result<Vec<bool>, String> {
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
        };
        let right = read(described, text.as_bytes(), keys);
        let right = right.map_err(|error| error.to_string())?;
        let on = ["key".into()];
        let columns = Columns::find(&left, &right, &on, &on).map_err(|error| error.to_string())?;
        Ok(columns.matches(&left, &right).of_left.iter().map(Option::is_some).collect())
    }

    #[test]
    fn numbers_of_a_file_equal_numbers_of_either_type_and_exactly() {
        // 2^53 is the nearest float to 2^53 + 1.
        let integers = ColumnData::Integer(vec![Some(2), Some(1 << 53)]);
        let floats = ColumnData::Float(vec![Some(2.0), Some(2_f64.powi(53))]);
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
                let said = matched(left.clone(), text).unwrap_err();
                assert!(said.contains(why), "{said}");
            }
        }
        let texts = ColumnData::Text(vec![Some("007".into()), Some("7".into())]);
        assert_eq!(matched(texts, "key\n007\n"), Ok(vec![true, false]));
    }

    #[test]
    fn the_columns_of_a_join_are_known_where_those_of_both_tables_are() {
        let params = json!({ "on": ["id"], "right_on": ["key"] });
        let step = JoinTable::from_params(params.as_object().unwrap()).unwrap();
        let known = |names: &[&str]| crate::step::Columns::known(names.iter().copied());
        let inputs = [("left", Some(known(&["id", "x"]))), ("right", Some(known(&["key", "x", "y"])))];
        let (nowhere, written) = (std::path::Path::new("/nowhere"), HashSet::new());
        let found = columns_of_join(&step, &ColumnContext::new(&inputs, nowhere, &written));
        let names: Vec<&str> = found.names().unwrap().iter().map(|name| &**name).collect();
        assert_eq!(names, joined(false).0);
    }

    #[test]
    fn a_join_that_multiplies_is_stopped_before_it_does() {
        // Row by row this would take 80 GB.
        let same = Table::new([(Column::new("k", ColumnType::Integer), ColumnData::Integer(vec![Some(1); 100_000]))]);
        let (same, on) = (same.unwrap(), ["k".into()]);
        let columns = Columns::find(&same, &same, &on, &on).unwrap();
        let matches = columns.matches(&same, &same);
        assert_eq!((matches.of_left.iter().flatten().count(), matches.unused), (100_000, 0));
        let said = columns.joined(&Dataset::new("table", same.clone()), &same, &matches, false).unwrap_err();
        assert!(said.to_string().contains("10000000000 rows"), "{said}");
    }
}
