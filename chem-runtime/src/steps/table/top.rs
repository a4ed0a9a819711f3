//! `table.top`: keeps the highest or lowest rows.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::sort::{AS_TEXT, compare, refuse_numbers_in_text, refuse_two_spellings};
use crate::prelude::*;
use crate::records::{Key, column_index, column_indices, key_of, sort_rows};
use crate::step::{Descent, DroppedRow, Explanation, OfEqual, same_columns};

/// Keeps the rows of a table, or the molecules, with the highest or lowest values of a column.
///
/// The output is sorted by rank, the best row first; rows with equal values keep their order. A row without a value is
/// dropped. With `per`, the best rows of each group are kept: a group is the rows with equal values in these columns, where
/// missing values are equal to each other.
///
/// Of several rows with the same value, the first in the table are kept up to `count`, or all with `ties: keep`. The signal
/// `ranked` counts the rows `kept` and `dropped`, and the dropped rows whose value is `missing`. A text column that contains
/// mostly numbers is refused, because `9` would be higher than `100`, and `NA` higher than both. Read the column as numbers,
/// or rank it as text with `as: text`.
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
/// - A column of `by` or `per` does not exist; the message lists the columns.
/// - The column `by` is text and contains mostly numbers; the message shows values that are not numbers. Or a column of
///   `per` is text and contains one number in two spellings, such as `5` and `5.0`.
#[step("table.top", version = 2, columns = same_columns, descent = descent, explain = explain)]
#[allow(clippy::too_many_arguments, reason = "each is a parameter that a manifest may give")]
pub fn top_rows(
    table: Input<Stream<Dataset>>,
    /// The column to rank by.
    #[param(example = "potency")]
    by: ColumnName,
    /// The number of rows to keep, for each group if `per` is set.
    #[param(min = 1, example = "10")]
    count: usize,
    /// Whether the highest or the lowest values are the best.
    #[param(default = "highest", one_of = ["highest", "lowest"])]
    order: String,
    /// The columns to group by.
    #[param(default = [], example = "[cluster]")]
    per: Vec<ColumnName>,
    /// What to do with rows whose value equals the last one kept: drop them (`cut`) or keep them too (`keep`).
    #[param(default = "cut", one_of = ["cut", "keep"])]
    ties: String,
    /// `text` ranks and groups by text columns as text even if they contain mostly numbers.
    #[param(one_of = ["text"])]
    r#as: Option<String>,
    context: &ExecutionContext<'_>,
) -> Result<Dataset, StepError> {
    let head = table.head()?;
    column_index(&head, by.as_str(), "by")?;
    column_indices(&head, &per, "per")?;
    let keys = table.only([&by].into_iter().chain(&per).map(ColumnName::as_str), context)?;
    if r#as.is_none() {
        refuse_numbers_in_text(&keys, "by", [by.as_str()], AS_TEXT)?;
        refuse_two_spellings(&keys, "per", &per, AS_TEXT)?;
    }
    let ranked = rank(&keys, column_index(&keys, by.as_str(), "by")?, order == "highest")?;
    let kept = best(&keys, &ranked, &column_indices(&keys, &per, "per")?, count, ties == "keep");
    let missing = keys.rows() - ranked.rows.len();
    context
        .signal("ranked", &json!({ "kept": kept.len(), "dropped": keys.rows() - kept.len(), "missing": missing }))?;
    table.gather(&kept, context)
}

fn descent(_: &TopRows) -> Descent<'_> {
    Descent::Selected { of_equal: OfEqual::First, computed: &[] }
}

/// Compares the row with the last of its group that was kept.
fn explain(step: &TopRows, dropped: &DroppedRow<'_>) -> Result<Option<Explanation>, StepError> {
    let by = step.by.as_str();
    let value = dropped.value(by);
    if value.is_null() {
        return Ok(Some(Explanation::because(format!("{by} has no value"), [(by, value)])));
    }
    let kept = dropped.kept(&std::iter::once(by).chain(step.per.iter().map(ColumnName::as_str)).collect::<Vec<_>>())?;
    let group = |table: &Table, row: usize| -> Vec<Value> {
        step.per.iter().filter_map(|name| Some(table.column(name.as_str())?.1.json(row))).collect()
    };
    let own = group(dropped.row(), 0);
    let Some(last) = (0..kept.rows()).rfind(|row| group(&kept, *row) == own) else { return Ok(None) };
    let limit = kept.column(by).map(|(_, data)| data.json(last)).unwrap_or_default();
    let groups: Vec<String> =
        step.per.iter().zip(&own).map(|(name, value)| format!("{name} {}", spelled(value))).collect();
    let within = if groups.is_empty() { String::new() } else { format!(" of the rows with {}", groups.join(" and ")) };
    let tied = if limit == value { ", and of equal values the first rows are kept" } else { "" };
    let words = format!(
        "{by} {} is not among the {} {}{within}, of which the last is {}{tied}",
        spelled(&value),
        step.count,
        step.order,
        spelled(&limit)
    );
    Ok(Some(Explanation::because(words, [(by, value), ("last", limit)])))
}

fn spelled(value: &Value) -> String {
    match value {
        Value::Null => "missing".to_owned(),
        Value::String(text) => format!("`{text}`"),
        other => other.to_string(),
    }
}

/// The rows with a value, best first.
struct Ranked {
    rows: Vec<usize>,
    /// The rank of each row among the distinct values, from 0.
    levels: Vec<usize>,
}

fn rank(table: &Table, by: usize, highest: bool) -> Result<Ranked, StepError> {
    let Some(data) = table.data(by) else {
        return Ok(Ranked { rows: Vec::new(), levels: Vec::new() });
    };
    let mut rows: Vec<usize> = (0..table.rows()).filter(|row| !data.is_missing(*row)).collect();
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
        per.iter().filter_map(|index| table.data(*index)).map(|data| key_of(data, row)).collect()
    };
    // For each group, the number of kept rows and the level of the last of them.
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

    use super::*;
    use crate::step::{CancelToken, Files, Inputs, Silent, StepId};

    fn sample() -> Table {
        let texts = ["a", "b", "a", "a", "b", ""].map(|text| (!text.is_empty()).then_some(text));
        Table::new([
            (
                Column::new("x", ColumnType::Integer),
                Values::integers([Some(1), Some(3), Some(3), None, Some(2), Some(3)]),
            ),
            (Column::new("g", ColumnType::Text), Values::texts(texts)),
        ])
        .unwrap()
    }

    fn top(count: usize, highest: bool, per: &[usize], keep_ties: bool) -> Vec<usize> {
        let table = sample();
        best(&table, &rank(&table, 0, highest).unwrap(), per, count, keep_ties)
    }

    #[test]
    fn the_best_rows_are_sorted_by_rank() {
        assert_eq!(top(2, true, &[], false), [1, 2]);
        assert_eq!(top(2, true, &[], true), [1, 2, 5]);
        assert_eq!(top(4, true, &[], true), [1, 2, 5, 4]);
        assert_eq!(top(2, false, &[], false), [0, 4]);
        assert_eq!(top(9, false, &[], false), [0, 4, 1, 2, 5]);
    }

    #[test]
    fn each_group_has_its_best_rows_and_missing_values_form_a_group() {
        assert_eq!(top(1, true, &[1], false), [1, 2, 5]);
        assert_eq!(top(1, false, &[1], false), [0, 4, 5]);
    }

    #[test]
    fn ranking_text_that_is_mostly_numbers_requires_as_text() {
        let texts = ["9.5", "10.2", "NA", "8.7", ">10"];
        let table = Table::new([(Column::new("x", ColumnType::Text), Values::texts(texts))]).unwrap();
        let table = Arc::new(Dataset::new("table", table));
        let (id, inputs, files) = (StepId::new("it").unwrap(), Inputs::default(), Files::relative_to("."));
        let (nothing, cancel) = (HashMap::new(), CancelToken::default());
        let context = ExecutionContext::new(&id, &inputs, &nothing, &files, &cancel, &Silent);
        let best = |as_text: Option<&str>| {
            let (order, ties) = ("highest".to_owned(), "cut".to_owned());
            let as_text = as_text.map(str::to_owned);
            let best = top_rows(
                Arc::new(Stream::from(table.clone())).into(),
                "x".into(),
                1,
                order,
                Vec::new(),
                ties,
                as_text,
                &context,
            );
            best.map(|best| best.table().row(0)).map_err(|error| error.to_string())
        };
        let refused = best(None).unwrap_err();
        assert!(refused.contains("`NA`, `>10`") && refused.contains("`as: text`"), "{refused}");
        assert_eq!(best(Some("text")), Ok(vec![json!("NA")]));
    }
}
