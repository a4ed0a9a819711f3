//! `table.aggregate`: one row for each group of rows.

mod measure;

use std::collections::HashMap;

pub use measure::{Aggregate, Measure};

use super::sort::{refuse_numbers_in_text, refuse_two_spellings};
use crate::cancel::{self, Interrupted};
use crate::prelude::*;
use crate::records::{Key, column_place, column_places, key_of};

/// Makes one row of each group of rows, with counts, means and the like.
///
/// A group is the rows that are equal in all of the columns `by`; a missing value is a value of its own there. Groups
/// stand in the order in which the first of their rows stands. Without `by` all rows are one group, even if there are
/// none.
///
/// A measure is written `count`, or as one of `count`, `distinct`, `sum`, `mean`, `median`, `min`, `max`, `std` and
/// `first` with a column in parentheses; its column is then called `mean_potency`, or what stands after ` as `. Missing
/// values are left out: `count(potency)` counts the values that there are, `count` the rows, and a mean of no values is
/// missing. The standard deviation is that of a sample, `n - 1` below, and missing for fewer than two values. Means and
/// the like keep the unit of their column.
///
/// The least and the greatest of a column of text most of whose values are numbers are refused, since `9` would be greater
/// than `100`, and `NA` greater than both: it is to be read as numbers, or taken as text with `as: text`.
///
/// # Example
/// ```yaml
/// flow: drugs-by-formula
/// steps:
///   - id: read
///     uses: table.read
///     with: { path: data/approved-drugs.csv }
///   - id: formulas
///     uses: table.aggregate
///     with:
///       by: [formula]
///       values: [count as drugs, min(name) as first_name]
/// ```
///
/// # Errors
/// - A column that is named is not in the table; the message names those that are.
/// - A measure of numbers is asked of a column of text or truth values; or the least or greatest of a column of text most
///   of whose values are numbers. Or a column `by` is text and has one number in two spellings, such as `5` and `5.0`.
/// - Two columns would have one name, or no measure is given.
/// - A sum of whole numbers does not fit into 64 bits, or a result is not finite.
#[step("table.aggregate", version = 2, columns = aggregated, check = can_aggregate)]
pub fn aggregate_table(
    table: Input<Table>,
    /// The columns whose values make the groups.
    #[param(default = [], example = "[cluster]")]
    by: Vec<ColumnName>,
    /// What to tell of each group.
    #[param(example = "[count, mean(potency), max(potency) as best]")]
    values: Vec<Aggregate>,
    /// `text` takes columns of text as text whatever stands in them.
    #[param(one_of = ["text"])]
    r#as: Option<String>,
) -> Result<Table, StepError> {
    some_measure(&by, &values)?;
    if r#as.is_none() {
        refuse_numbers_in_text(&table, "values", values.iter().filter_map(Aggregate::ordered_by))?;
        refuse_two_spellings(&table, "by", &by)?;
    }
    let by = column_places(&table, &by, "by")?;
    let groups = groups(&table, &by)?;
    let firsts: Vec<usize> = groups.iter().filter_map(|rows| rows.first().copied()).collect();
    let keys = table.gather(&firsts);
    let mut columns: Vec<(Column, ColumnData)> = Vec::new();
    for place in by {
        if let (Some(column), Some(data)) = (keys.columns().get(place), keys.data(place)) {
            columns.push((column.clone(), data.clone()));
        }
    }
    for value in &values {
        let place = value.column.as_ref().map(|column| column_place(&table, column, "values")).transpose()?;
        cancel::check()?;
        columns.push(value.over(&table, place, &groups)?);
    }
    Ok(Table::new(columns)?)
}

fn some_measure(by: &[ColumnName], values: &[Aggregate]) -> Result<(), Misfit> {
    if values.is_empty() {
        return Err(Misfit::new("values", "`values` names nothing to tell of each group; write `values: [count]`"));
    }
    Misfit::twice("by", by).map_or(Ok(()), Err)
}

fn can_aggregate(step: &AggregateTable, _: &ColumnContext<'_>) -> Vec<Misfit> {
    some_measure(&step.by, &step.values).err().into_iter().collect()
}

fn aggregated(step: &AggregateTable, _: &ColumnContext<'_>) -> Columns {
    let groups = Columns::known(step.by.iter().map(ColumnName::as_str));
    groups.with(step.values.iter().map(Aggregate::column_name))
}

/// The rows of each group.
fn groups(table: &Table, by: &[usize]) -> Result<Vec<Vec<usize>>, Interrupted> {
    if by.is_empty() {
        return Ok(vec![(0..table.rows()).collect()]);
    }
    let mut places: HashMap<Vec<Key<'_>>, usize> = HashMap::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for row in 0..table.rows() {
        cancel::check()?;
        let key = by.iter().filter_map(|place| table.data(*place)).map(|data| key_of(data, row)).collect();
        let place = *places.entry(key).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(rows) => rows.push(row),
            None => groups.push(vec![row]),
        }
    }
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;

    fn sample() -> Table {
        let texts = ["a", "b", "a", "", "b", "a"].map(|text| (!text.is_empty()).then(|| text.into()));
        let floats = [Some(1.0), Some(4.0), Some(2.0), Some(8.0), None, Some(6.0)];
        Table::new([
            (Column::new("g", ColumnType::Text), ColumnData::Text(texts.to_vec())),
            (Column::new("x", ColumnType::Float).with_unit("nM"), ColumnData::Float(floats.to_vec())),
            (
                Column::new("n", ColumnType::Integer),
                ColumnData::Integer(vec![Some(i64::MAX), None, None, None, None, Some(1)]),
            ),
        ])
        .unwrap()
    }

    fn aggregate_as(table: Table, by: &[&str], values: &[&str], as_text: Option<&str>) -> Result<Table, String> {
        let by = by.iter().copied().map(ColumnName::from).collect();
        let values = values.iter().map(|value| Aggregate::read(&json!(value)).unwrap()).collect();
        let found = aggregate_table(Arc::new(table).into(), by, values, as_text.map(str::to_owned));
        found.map_err(|error| error.to_string())
    }

    fn aggregate(table: Table, by: &[&str], values: &[&str]) -> Result<Table, String> {
        aggregate_as(table, by, values, None)
    }

    fn rows(table: &Table) -> Value {
        (0..table.rows()).map(|row| Value::from(table.row(row))).collect()
    }

    #[test]
    fn groups_stand_where_their_first_row_stands_and_missing_values_are_left_out() {
        let measures =
            ["count", "count(x)", "mean(x)", "median(x) as middle", "std(x)", "min(x)", "sum(x)", "first(x)"];
        let found = aggregate(sample(), &["g"], &measures).unwrap();
        let names: Vec<&str> = found.columns().iter().map(|column| &*column.name).collect();
        assert_eq!(names, ["g", "count", "count_x", "mean_x", "middle", "std_x", "min_x", "sum_x", "first_x"]);
        let units: Vec<_> = found.columns().iter().map(|column| column.unit.is_some()).collect();
        assert_eq!(units, [false, false, false, true, true, true, true, true, true]);
        let expected = json!([
            ["a", 3, 3, 3.0, 2.0, 7.0_f64.sqrt(), 1.0, 9.0, 1.0],
            ["b", 2, 1, 4.0, 4.0, null, 4.0, 4.0, 4.0],
            [null, 1, 1, 8.0, 8.0, null, 8.0, 8.0, 8.0],
        ]);
        assert_eq!(rows(&found), expected);
    }

    #[test]
    fn the_greatest_of_texts_that_are_mostly_numbers_is_refused_unless_it_is_to_be_text() {
        let texts = ["9.5", "10.2", "NA", "8.7", ">10"].map(|text| Some(text.into()));
        let table = Table::new([(Column::new("x", ColumnType::Text), ColumnData::Text(texts.to_vec()))]).unwrap();
        let measures = ["min(x)", "max(x)", "count"];
        let refused = aggregate(table.clone(), &[], &measures).unwrap_err();
        assert!(refused.contains("`NA`, `>10`") && refused.contains("`as: text`"), "{refused}");
        let found = aggregate_as(table.clone(), &[], &measures, Some("text")).unwrap();
        assert_eq!(rows(&found), json!([["10.2", "NA", 5]]));
        aggregate(table, &["x"], &["count(x)", "first(x)", "distinct(x)"]).unwrap();
        let twice = ColumnData::Text(vec![Some("5".into()), Some("5.0".into()), Some("x".into())]);
        let twice = Table::new([(Column::new("x", ColumnType::Text), twice)]).unwrap();
        let refused = aggregate(twice.clone(), &["x"], &["count"]).unwrap_err();
        assert!(refused.contains("two groups of `5` and `5.0`"), "{refused}");
        assert_eq!(aggregate_as(twice, &["x"], &["count"], Some("text")).unwrap().rows(), 3);
        aggregate(sample(), &[], &["max(g)", "max(x)"]).unwrap();
    }

    #[test]
    fn no_rows_are_one_group_or_none() {
        let empty = sample().gather(&[]);
        assert_eq!(
            rows(&aggregate(empty.clone(), &[], &["count", "mean(x)", "sum(n)", "min(g)"]).unwrap()),
            json!([[0, null, null, null]])
        );
        assert_eq!(aggregate(empty, &["g"], &["count"]).unwrap().rows(), 0);
    }

    #[test]
    fn what_cannot_be_told_is_an_error() {
        for (by, values, why) in [
            (&["g"][..], &["mean(g)"][..], "`g` is text"),
            (&["g"], &["mean(y)"], "`x`"),
            (&["h"], &["count"], "`h`"),
            (&["g"], &["count as g"], "`g`"),
            (&[], &[], "nothing"),
            (&[], &["sum(n)"], "64 bits"),
        ] {
            let said = aggregate(sample(), by, values).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
        // The fourth row has no `g`.
        let said = aggregate(sample().gather(&[3]), &[], &["mean(g)"]).unwrap_err();
        assert!(said.contains("`g` is text without a value; ") && said.contains("`types: { g: float }`"), "{said}");
    }
}
