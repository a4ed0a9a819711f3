//! `table.join`: columns of another table, by what both have in common.

use std::collections::{BTreeMap, HashMap};

use serde_json::json;

use super::read::format_of;
use crate::prelude::*;
use crate::records::{Key, RecordFile, TableFormat, TableText, column_places, header_of, key_of, text_of, type_name};
use crate::step::PathPart;

/// A joined table has at most so many rows: two tables in which all rows have one value would multiply.
const MAX_ROWS: usize = 20_000_000;

/// Joins a table, or molecules, with another table: rows that are equal in the columns `on` become one.
///
/// The other table is the output of an earlier step, wired to `right`, or a CSV, TSV or JSON Lines file, which is read as
/// `table.read` does, except that what has to equal text is read as text, and digits that have to equal numbers are
/// numbers also with a leading zero. Where more has to be said of the file, such as what separates its cells or which of
/// them have no value, read it by `table.read` and wire that.
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
/// - Both `right` and `file` are given, or none of them.
/// - A column that `on` or `right_on` names is not in its table; the message names those that are. Or the two name a
///   different number of columns, or none.
/// - Columns that are to be equal hold values of types that never are, such as text and numbers.
/// - The file cannot be read, or has a record that cannot be used; or it has numbers that are too long to be compared
///   exactly beside others that are not whole.
/// - The result would have more than 20,000,000 rows.
#[step("table.join", version = 3, columns = columns_of_join, check = can_join)]
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
    context: &ExecutionContext<'_>,
) -> Result<Dataset, StepError> {
    one_right_side(right.is_some(), file.is_some())?;
    as_many_columns(&on, right_on.as_deref())?;
    let from_file;
    let right: Option<&Table> = match &file {
        Some(file) => {
            from_file = read_file(file, left.table(), &on, right_on.as_deref().unwrap_or(&on), context)?;
            Some(&from_file)
        }
        None => right.as_deref(),
    };
    let Some(right) = right else {
        return Err(no_right_side().into());
    };
    let columns = Columns::find(left.table(), right, &on, right_on.as_deref().unwrap_or(&on))?;
    let matches = columns.matches(left.table(), right);
    let matched = matches.of_left.iter().filter(|rows| !rows.is_empty()).count();
    let unmatched = left.table().rows() - matched;
    context.signal("joined", &json!({ "matched": matched, "unmatched": unmatched, "unused": matches.unused }))?;
    let having = |wanted: bool| {
        let rows = matches.of_left.iter().enumerate().filter(move |(_, found)| found.is_empty() != wanted);
        rows.map(|(row, _)| row).collect::<Vec<_>>()
    };
    match how.as_str() {
        "semi" => Ok(left.gather(&having(true))),
        "anti" => Ok(left.gather(&having(false))),
        how => columns.joined(&left, right, &matches, how == "left"),
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
    sides.into_iter().chain(columns).chain(not_in_file(step, context)).collect()
}

/// The columns that the file with the right table does not have, as its first line tells.
fn not_in_file(step: &JoinTable, context: &ColumnContext<'_>) -> Vec<Misfit> {
    let Some(file) = &step.file else { return Vec::new() };
    let Ok(TableFormat::Delimited(delimiter)) = format_of(file.as_str(), None, b',') else { return Vec::new() };
    let Some(header) = context.beginning(file).and_then(|beginning| header_of(beginning, delimiter)) else {
        return Vec::new();
    };
    let there: Vec<&str> = header.iter().collect();
    let (param, named) = step.right_on.as_ref().map_or(("on", &step.on), |named| ("right_on", named));
    let missing = named.iter().enumerate().filter(|(_, name)| !there.contains(&name.as_str()));
    let misfit = |(at, name): (usize, &ColumnName)| {
        Misfit::no_column(param, name.as_str(), file.as_str(), &there).at(PathPart::Index(at))
    };
    missing.map(misfit).collect()
}

/// Where the left table loses rows and nothing else, its columns are known.
fn columns_of_join(step: &JoinTable, context: &ColumnContext<'_>) -> crate::step::Columns {
    match step.how.as_str() {
        "semi" | "anti" => context.input("left"),
        _ => crate::step::Columns::Unknown,
    }
}

/// The table in `file`, of which the columns that have to be equal are read to be compared with those on the left.
fn read_file(
    file: &InputFile,
    left: &Table,
    on: &[ColumnName],
    right_on: &[ColumnName],
    context: &ExecutionContext<'_>,
) -> Result<Table, StepError> {
    let name = file.as_str();
    let format = format_of(name, None, b',').map_err(|_| {
        StepError::new(format!("`{name}` is not called `.csv`, `.tsv` or `.jsonl`; read it by `table.read`"))
    })?;
    let text = text_of(name, file.read(context.files())?)?;
    let typed = on.iter().zip(right_on);
    let typed = typed.filter_map(|(on, right)| Some((right.to_string(), left.column(on.as_str())?.0.ty)));
    read_text(name, format, &text, typed.collect())
}

/// The table in `text`, of which the columns `keys` have to equal columns of these types.
///
/// Where that is a number, what stands in the file says which: an integer would refuse fractions, and a float would make
/// one of two long numbers. What is text by that, such as digits with a leading zero, is read as floats that are short
/// enough to be exact, or refused.
fn read_text(
    name: &str,
    format: TableFormat,
    text: &[u8],
    keys: BTreeMap<String, ColumnType>,
) -> Result<Table, StepError> {
    let read = |types: &BTreeMap<String, ColumnType>| {
        let how = TableText { name, format, types, types_from: "right_on", missing: &[], strict: true };
        how.read(text).map(|read| read.kept)
    };
    let is_number = |(_, ty): &(String, ColumnType)| matches!(ty, ColumnType::Integer | ColumnType::Float);
    let (numbers, mut types) = keys.into_iter().partition::<BTreeMap<String, ColumnType>, _>(is_number);
    let found = read(&types)?;
    // A column that is not there is read again as well, for the message that says so.
    let is_open = |name: &String| found.column(name).is_none_or(|(column, _)| column.ty == ColumnType::Text);
    let open: Vec<String> = numbers.into_keys().filter(is_open).collect();
    if open.is_empty() {
        return Ok(found);
    }
    types.extend(open.iter().map(|name| (name.clone(), ColumnType::Float)));
    let found = read(&types)?;
    let has_long = |name: &str| match found.column(name) {
        Some((_, ColumnData::Float(values))) => values.iter().flatten().any(|value| value.abs() >= 2_f64.powi(53)),
        _ => false,
    };
    match open.iter().find(|name| has_long(name)) {
        Some(column) => Err(StepError::new(format!(
            "`{name}` has numbers in the column `{column}` that are too long to be compared exactly; read it by \
             `table.read`, with `types` that say what the column is"
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
    /// For each row of the left table, the rows of the right one.
    of_left: Vec<Vec<usize>>,
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
        let mut by_key: HashMap<Vec<Key<'_>>, Vec<usize>> = HashMap::new();
        for row in 0..right.rows() {
            if let Some(key) = row_key(right, &self.right, row) {
                by_key.entry(key).or_default().push(row);
            }
        }
        let mut used = vec![false; right.rows()];
        let of_left: Vec<Vec<usize>> = (0..left.rows())
            .map(|row| {
                let found =
                    row_key(left, &self.left, row).and_then(|key| by_key.get(&key)).cloned().unwrap_or_default();
                found.iter().for_each(|&row| used[row] = true);
                found
            })
            .collect();
        Matches { of_left, unused: used.iter().filter(|used| !**used).count() }
    }

    fn joined(&self, left: &Dataset, right: &Table, matches: &Matches, keep_all: bool) -> Result<Dataset, StepError> {
        let rows: usize = matches.of_left.iter().map(|found| found.len().max(usize::from(keep_all))).sum();
        if rows > MAX_ROWS {
            return Err(StepError::new(format!(
                "the joined table would have {rows} rows, and {MAX_ROWS} are allowed; join on more columns"
            )));
        }
        let (mut of_left, mut of_right) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
        for (row, found) in matches.of_left.iter().enumerate() {
            of_left.extend(std::iter::repeat_n(row, found.len()));
            of_right.extend_from_slice(found);
            if keep_all && found.is_empty() {
                of_left.push(row);
                // There is no such row, and so no value.
                of_right.push(usize::MAX);
            }
        }
        let gathered = right.gather(&of_right);
        let mut taken: Vec<String> = left.table().columns().iter().map(|column| column.name.to_string()).collect();
        let more = gathered.columns().iter().enumerate().filter(|(place, _)| !self.right.contains(place));
        let more: Vec<_> = more
            .filter_map(|(place, column)| {
                let mut name = column.name.to_string();
                while taken.contains(&name) {
                    name.push_str("_right");
                }
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

    fn table(text: &str) -> Table {
        let types = BTreeMap::new();
        let format = crate::records::TableFormat::Delimited(b',');
        TableText { name: "t", format, types: &types, types_from: "", missing: &[], strict: true }
            .read(text.as_bytes())
            .unwrap()
            .kept
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
        let right = read_text("a.csv", TableFormat::Delimited(b','), text.as_bytes(), keys);
        let right = right.map_err(|error| error.to_string())?;
        let on = ["key".into()];
        let columns = Columns::find(&left, &right, &on, &on).map_err(|error| error.to_string())?;
        Ok(columns.matches(&left, &right).of_left.iter().map(|rows| !rows.is_empty()).collect())
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
    fn a_join_that_multiplies_is_stopped_before_it_does() {
        let same = Table::new([(Column::new("k", ColumnType::Integer), ColumnData::Integer(vec![Some(1); 5_000]))]);
        let (same, on) = (same.unwrap(), ["k".into()]);
        let columns = Columns::find(&same, &same, &on, &on).unwrap();
        let matches = columns.matches(&same, &same);
        let said = columns.joined(&Dataset::new("table", same.clone()), &same, &matches, false).unwrap_err();
        assert!(said.to_string().contains("25000000 rows"), "{said}");
    }
}
