//! `table.top`: the best rows.

use std::collections::HashMap;

use serde_json::json;

use super::sort::{compare, signal_text_order};
use crate::prelude::*;
use crate::records::{Key, column_place, column_places, is_missing, key_of, sort_rows};
use crate::step::same_columns;

/// Keeps the rows of a table, or the molecules, with the highest or lowest values of a column.
///
/// They stand in the order of their rank, the best first; rows with equal values keep the order that they had. A row in
/// which the value is missing has no rank and is dropped. With `per`, the best of each group are kept: the rows that are
/// equal in these columns, a missing value being a value of its own there.
///
/// Where more rows are equal than places are left, the first of them in the table are kept, or with `ties: keep` all of
/// them. The signal `ranked` counts the rows `kept` and `dropped`, and how many of the dropped had the value `missing`.
/// Text is ranked as text also where all that is there spells numbers, as in a file's column that was not read as
/// numbers: `9` is higher than `100`. The signal `ordered_as_text` then names the `column`.
///
/// # Example
/// ```yaml
/// flow: last-in-the-alphabet
/// steps:
///   - id: read
///     uses: table.read
///     with: { path: data/approved-drugs.csv }
///   - id: last
///     uses: table.top
///     with: { by: name, count: 3 }
/// ```
///
/// # Errors
/// - A column that `by` or `per` names is not in the table; the message names those that are.
#[step("table.top", version = 1, columns = same_columns)]
pub fn top_rows(
    table: Input<Dataset>,
    /// The column that ranks the rows.
    #[param(example = "potency")]
    by: ColumnName,
    /// How many rows to keep, of each group if there are groups.
    #[param(min = 1, example = "10")]
    count: usize,
    /// Which end of the values is the best.
    #[param(default = "highest", one_of = ["highest", "lowest"])]
    order: String,
    /// Columns by which the rows are grouped.
    #[param(default = [], example = "[cluster]")]
    per: Vec<ColumnName>,
    /// Whether rows that are equal to the last one kept are cut off (`cut`) or kept as well (`keep`).
    #[param(default = "cut", one_of = ["cut", "keep"])]
    ties: String,
    context: &ExecutionContext<'_>,
) -> Result<Dataset, StepError> {
    let all = table.table();
    let ranked = rank(all, column_place(all, by.as_str(), "by")?, order == "highest")?;
    let kept = best(all, &ranked, &column_places(all, &per, "per")?, count, ties == "keep");
    let missing = all.rows() - ranked.rows.len();
    context.signal("ranked", &json!({ "kept": kept.len(), "dropped": all.rows() - kept.len(), "missing": missing }))?;
    signal_text_order(all, [by.as_str()], context)?;
    Ok(table.gather(&kept))
}

/// The rows that have a value, best first, and for each of them its place among the values.
struct Ranked {
    rows: Vec<usize>,
    levels: Vec<usize>,
}

fn rank(table: &Table, by: usize, highest: bool) -> Result<Ranked, StepError> {
    let Some(data) = table.data(by) else {
        return Ok(Ranked { rows: Vec::new(), levels: Vec::new() });
    };
    let mut rows: Vec<usize> = (0..table.rows()).filter(|row| !is_missing(data, *row)).collect();
    sort_rows(&mut rows, |one, other| compare(data, highest, false, one, other))?;
    let mut level = 0;
    let levels = (0..rows.len()).map(|at| {
        if at > 0 && compare(data, highest, false, rows[at - 1], rows[at]).is_ne() {
            level += 1;
        }
        level
    });
    let levels = levels.collect();
    Ok(Ranked { rows, levels })
}

fn best(table: &Table, ranked: &Ranked, per: &[usize], count: usize, keep_ties: bool) -> Vec<usize> {
    let group = |row: usize| -> Vec<Key<'_>> {
        per.iter().filter_map(|place| table.data(*place)).map(|data| key_of(data, row)).collect()
    };
    // For each group, how many were kept and the level of the last of them.
    let mut groups: HashMap<Vec<Key<'_>>, (usize, usize)> = HashMap::new();
    let mut kept = Vec::new();
    for (&row, &level) in ranked.rows.iter().zip(&ranked.levels) {
        let (taken, last) = groups.entry(group(row)).or_insert((0, level));
        if *taken < count || keep_ties && *last == level {
            (*taken, *last) = (*taken + 1, level);
            kept.push(row);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::sort::with_signals;
    use super::*;

    fn sample() -> Table {
        let texts = ["a", "b", "a", "a", "b", ""].map(|text| (!text.is_empty()).then(|| text.into()));
        Table::new([
            (
                Column::new("x", ColumnType::Integer),
                ColumnData::Integer(vec![Some(1), Some(3), Some(3), None, Some(2), Some(3)]),
            ),
            (Column::new("g", ColumnType::Text), ColumnData::Text(texts.to_vec())),
        ])
        .unwrap()
    }

    fn top(count: usize, highest: bool, per: &[usize], keep_ties: bool) -> Vec<usize> {
        let table = sample();
        best(&table, &rank(&table, 0, highest).unwrap(), per, count, keep_ties)
    }

    #[test]
    fn the_best_rows_come_in_the_order_of_their_rank() {
        assert_eq!(top(2, true, &[], false), [1, 2]);
        assert_eq!(top(2, true, &[], true), [1, 2, 5]);
        assert_eq!(top(4, true, &[], true), [1, 2, 5, 4]);
        assert_eq!(top(2, false, &[], false), [0, 4]);
        assert_eq!(top(9, false, &[], false), [0, 4, 1, 2, 5]);
    }

    #[test]
    fn groups_have_their_own_best_and_a_missing_group_is_one() {
        assert_eq!(top(1, true, &[1], false), [1, 2, 5]);
        assert_eq!(top(1, false, &[1], false), [0, 4, 5]);
    }

    #[test]
    fn a_rank_by_text_that_spells_numbers_is_told() {
        let texts = ColumnData::Text(vec![Some("100".into()), None, Some("9".into())]);
        let table = Table::new([(Column::new("x", ColumnType::Text), texts)]).unwrap();
        let table = Arc::new(Dataset::new("table", table));
        let (order, ties) = ("highest".to_owned(), "cut".to_owned());
        let (best, signals) =
            with_signals(|context| top_rows(table.into(), "x".into(), 1, order, Vec::new(), ties, context));
        assert_eq!(best.unwrap().table().row(0), [json!("9")]);
        let told = signals.iter().find(|(name, _)| name == "ordered_as_text");
        assert_eq!(told.map(|(_, data)| data), Some(&json!({ "column": "x" })));
    }
}
