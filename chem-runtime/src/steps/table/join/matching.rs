//! Matches the rows of two tables, and builds the joined table.

use std::collections::{HashMap, HashSet};

use super::as_many_columns;
use crate::artifact::TablePiece;
use crate::cancel::{self, Interrupted, until_stopped};
use crate::prelude::*;
use crate::records::{Key, column_indices, key_of, two_spellings, type_name};

/// The maximum number of rows in a joined table. If all rows had the same key, the numbers of rows would multiply.
const MAX_ROWS: usize = 20_000_000;

/// The indices of the columns that are joined on.
pub(super) struct Keys {
    left: Vec<usize>,
    right: Vec<usize>,
}

/// The matches between two tables.
pub(super) struct Matches {
    /// The rows of the right table with equal keys, in order.
    groups: Vec<Vec<usize>>,
    /// For each row of the left table, the index of the group that it matches.
    pub(super) of_left: Vec<Option<usize>>,
    /// The number of rows of the right table without a match.
    pub(super) unused: usize,
}

impl Keys {
    pub(super) fn find(
        left: &Table,
        right: &Table,
        on: &[ColumnName],
        right_on: &[ColumnName],
    ) -> Result<Self, StepError> {
        as_many_columns(on, Some(right_on))?;
        let found = Self { left: column_indices(left, on, "on")?, right: column_indices(right, right_on, "right_on")? };
        for (&one, &other) in found.left.iter().zip(&found.right) {
            let (one, other) = (&left.columns()[one], &right.columns()[other]);
            if comparable(one.ty) != comparable(other.ty) {
                let numbers = [left.column(&one.name), right.column(&other.name)].into_iter().flatten();
                let numbers = numbers.filter_map(|(column, data)| Some((column, data.numbers_in_text()?)));
                let why: String =
                    numbers.map(|(column, numbers)| format!("; in `{}`, {numbers}", column.name)).collect();
                return Err(StepError::new(format!(
                    "`{}` is {} on the left and `{}` is {} on the right, so no row would match{why}",
                    one.name,
                    type_name(one.ty),
                    other.name,
                    type_name(other.ty)
                )));
            }
        }
        Ok(found)
    }

    /// Refuses to compare numbers as text if that makes a difference.
    pub(super) fn refuse_two_spellings(&self, left: &Table, right: &Table) -> Result<(), StepError> {
        for (&one, &other) in self.left.iter().zip(&self.right) {
            let (Some(data), Some(others)) = (left.data(one), right.data(other)) else { continue };
            if let Some((first, second)) = two_spellings(&[data, others]) {
                let (one, other) = (&left.columns()[one].name, &right.columns()[other].name);
                return Err(StepError::new(format!(
                    "`{one}` on the left and `{other}` on the right are text, so `{first}` does not equal `{second}`; read \
                     both as numbers, or write `as: text`"
                )));
            }
        }
        Ok(())
    }

    pub(super) fn matches(&self, left: &Table, right: &Table) -> Result<Matches, Interrupted> {
        let (mut groups, mut by_key): (Vec<Vec<usize>>, HashMap<Vec<Key<'_>>, usize>) = Default::default();
        for row in 0..right.rows() {
            cancel::check()?;
            if let Some(key) = row_key(right, &self.right, row) {
                let group = *by_key.entry(key).or_insert(groups.len());
                if group == groups.len() {
                    groups.push(Vec::new());
                }
                groups[group].push(row);
            }
        }
        let group_of = |row| row_key(left, &self.left, row).and_then(|key| by_key.get(&key)).copied();
        let of_left: Vec<Option<usize>> = until_stopped((0..left.rows()).map(group_of))?;
        let used: HashSet<usize> = of_left.iter().flatten().copied().collect();
        let unused = right.rows() - used.into_iter().map(|group| groups[group].len()).sum::<usize>();
        Ok(Matches { groups, of_left, unused })
    }

    /// Returns the joined table of a left one with the columns `left`, of which [`Joined::rows`] makes the rows.
    pub(super) fn joined<'a>(
        &self,
        left: &[Column],
        right: &'a Table,
        matches: &'a Matches,
        keep_all: bool,
    ) -> Result<Joined<'a>, StepError> {
        let alone = usize::from(keep_all);
        let rows: usize =
            matches.of_left.iter().map(|group| group.map_or(alone, |group| matches.groups[group].len())).sum();
        if rows > MAX_ROWS {
            return Err(StepError::new(format!(
                "the joined table would have {rows} rows; at most {MAX_ROWS} are allowed; join on more columns"
            )));
        }
        let mut taken: HashSet<Box<str>> = left.iter().map(|column| (*column.name).into()).collect();
        let keys: HashSet<usize> = self.right.iter().copied().collect();
        let more = right.columns().iter().enumerate().filter(|(index, _)| !keys.contains(index));
        let more = more.map(|(index, column)| {
            let name = name_beside(&taken, &column.name);
            taken.insert(name.clone());
            (index, Column { name: name.into(), ..column.clone() })
        });
        Ok(Joined { right, matches, keep_all, more: more.collect() })
    }
}

/// The joined table.
pub(super) struct Joined<'a> {
    right: &'a Table,
    matches: &'a Matches,
    keep_all: bool,
    /// The columns of the right table that it has, by their indices there.
    more: Vec<(usize, Column)>,
}

impl Joined<'_> {
    /// Returns the rows that come from some rows of the left table.
    pub(super) fn rows(&self, piece: &TablePiece) -> Result<Table, StepError> {
        let (mut of_left, mut of_right) = (Vec::new(), Vec::new());
        for row in piece.rows.clone() {
            match self.matches.of_left[piece.first + row].map(|group| &self.matches.groups[group]) {
                Some(found) => {
                    of_left.extend(std::iter::repeat_n(row, found.len()));
                    of_right.extend_from_slice(found);
                }
                None if self.keep_all => {
                    of_left.push(row);
                    // An index out of range gathers missing values.
                    of_right.push(usize::MAX);
                }
                None => {}
            }
        }
        cancel::check()?;
        let mut table = piece.table.gather(&of_left);
        let more = self
            .more
            .iter()
            .filter_map(|(index, column)| Some((column.clone(), self.right.data(*index)?.gather(&of_right))));
        table.extend(more)?;
        Ok(table)
    }
}

impl Matches {
    /// Returns those of some rows of the left table that have a match, or that have none.
    pub(super) fn having(&self, wanted: bool, piece: &TablePiece) -> Table {
        let rows = piece.rows.clone().filter(|row| self.of_left[piece.first + row].is_some() == wanted);
        piece.table.gather(&rows.collect::<Vec<_>>())
    }
}

/// Returns the values of a row in these columns; `None` if one of them is missing.
fn row_key<'a>(table: &'a Table, columns: &[usize], row: usize) -> Option<Vec<Key<'a>>> {
    let keys = columns.iter().filter_map(|index| table.data(*index)).map(|data| key_of(data, row));
    keys.map(|key| (key != Key::Missing).then_some(key)).collect()
}

/// Maps types whose values can be equal to the same name.
fn comparable(ty: ColumnType) -> &'static str {
    match ty {
        ColumnType::Integer | ColumnType::Float => "number",
        other => type_name(other),
    }
}

/// Returns a name for the right table's column `name` that is not `taken`.
pub(super) fn name_beside(taken: &HashSet<Box<str>>, name: &str) -> Box<str> {
    let mut name = name.to_owned();
    while taken.contains(name.as_str()) {
        name.push_str("_right");
    }
    name.into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::super::{JoinTable, columns_of_join};
    use super::*;
    use crate::records::{CellText, TableFormat, TableText};
    use crate::step::Columns;

    fn table(text: &str) -> Table {
        let types = BTreeMap::new();
        let format = TableFormat::Delimited(b',');
        TableText { name: "t", format, types: &types, cells: CellText::default(), qualified: &[], strict: true }
            .read(text.as_bytes())
            .unwrap()
            .kept
    }

    fn left() -> Table {
        table("id,x\n1,a\n2,b\n,c\n2,d\n9,e\n")
    }

    fn right() -> Table {
        table("key,x,y\n2.0,p,true\n,q,true\n1,r,false\n2,s,\n7,t,true\n")
    }

    fn keys() -> Keys {
        Keys::find(&left(), &right(), &["id".into()], &["key".into()]).unwrap()
    }

    fn joined(keep_all: bool) -> (Vec<String>, Value) {
        let (left, right, keys) = (left(), right(), keys());
        let matches = keys.matches(&left, &right).unwrap();
        let joined = keys.joined(left.columns(), &right, &matches, keep_all).unwrap();
        let left = Arc::new(left);
        let part = |rows| joined.rows(&TablePiece { table: left.clone(), rows, first: 0 }).unwrap();
        // In parts of any size, the same rows come out.
        let mut table = TableBuilder::new(part(0..2).columns().to_vec());
        for rows in [0..2, 2..2, 2..5] {
            table.append(&part(rows)).unwrap();
        }
        let table = table.finish().unwrap();
        assert_eq!(table, part(0..5));
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
        assert_eq!(keys().matches(&left(), &right()).unwrap().unused, 2);
    }

    #[test]
    fn one_number_in_two_spellings_is_refused() {
        let refused = |left: &str, right: &str| {
            let (left, right) = (table(left), table(right));
            let keys = Keys::find(&left, &right, &["id".into()], &["id".into()]).unwrap();
            keys.refuse_two_spellings(&left, &right).map_err(|error| error.to_string())
        };
        let message = refused("id\n5\nNA\n7\n", "id\n5.0\nx\n").unwrap_err();
        assert!(message.contains("`5` does not equal `5.0`") && message.contains("`as: text`"), "{message}");
        assert_eq!(refused("id\n5\nNA\n7\n", "id\n5\nx\n"), Ok(()));
        assert_eq!(refused("id\n5\n7\n", "id\n5.0\n"), Ok(()), "numbers are compared as numbers");
    }

    #[test]
    fn a_left_join_keeps_unmatched_rows() {
        let rows = joined(true).1;
        assert_eq!(rows.as_array().unwrap().len(), 7);
        assert_eq!((&rows[3], &rows[6]), (&json!([null, "c", null, null]), &json!([9, "e", null, null])));
    }

    #[test]
    fn columns_that_can_never_be_equal_are_refused() {
        let find = |on: &[&str], right_on: &[&str]| {
            let owned = |names: &[&str]| names.iter().copied().map(ColumnName::from).collect::<Vec<_>>();
            Keys::find(&left(), &right(), &owned(on), &owned(right_on)).err().map(|error| error.to_string())
        };
        assert!(find(&["x"], &["key"]).unwrap().contains("`x` is text on the left and `key` is float on the right"));
        assert!(find(&["id"], &[]).unwrap().contains("`on` names 1"));
        assert!(find(&[], &[]).is_some());
        assert!(find(&["id"], &["id"]).unwrap().contains("`right_on`"));
        assert!(find(&["id", "x"], &["key", "x"]).is_none());
    }

    #[test]
    fn the_columns_of_a_join_are_known_if_those_of_both_tables_are() {
        let params = json!({ "on": ["id"], "right_on": ["key"] });
        let step = JoinTable::from_params(params.as_object().unwrap()).unwrap();
        let known = |names: &[&str]| Columns::known(names.iter().copied());
        let inputs = [("left", Some(known(&["id", "x"]))), ("right", Some(known(&["key", "x", "y"])))];
        let (nowhere, written) = (std::path::Path::new("/nowhere"), HashSet::new());
        let found = columns_of_join(&step, &ColumnContext::new(&inputs, nowhere, &written));
        let names: Vec<&str> = found.names().unwrap().iter().map(|name| &**name).collect();
        assert_eq!(names, joined(false).0);
    }

    #[test]
    fn a_join_beyond_the_limit_is_refused_before_it_is_built() {
        // Row by row this would take 80 GB.
        let same = Table::new([(Column::new("k", ColumnType::Integer), Values::integers(vec![1; 100_000]))]);
        let (same, on) = (same.unwrap(), ["k".into()]);
        let keys = Keys::find(&same, &same, &on, &on).unwrap();
        let matches = keys.matches(&same, &same).unwrap();
        assert_eq!((matches.of_left.iter().flatten().count(), matches.unused), (100_000, 0));
        let message = keys.joined(same.columns(), &same, &matches, false).err().unwrap();
        assert!(message.to_string().contains("10000000000 rows"), "{message}");
    }
}
