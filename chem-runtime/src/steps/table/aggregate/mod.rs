//! `table.aggregate`: aggregates groups of rows.

mod measure;

use std::collections::HashMap;

pub use measure::{Aggregate, Measure};

use super::sort::{AS_TEXT, refuse_numbers_in_text, refuse_two_spellings};
use crate::cancel::{self, Interrupted};
use crate::prelude::*;
use crate::records::{Key, column_index, column_indices, key_of};
use crate::step::{Descent, Grouping};

/// Aggregates each group of rows into one row, with counts, means and other measures.
///
/// A group is the rows with equal values in all columns of `by`, where missing values are equal to each other. The groups
/// are in the order of their first rows. Without `by` all rows form one group, even if there are none.
///
/// A measure is `count`, or one of `count`, `distinct`, `sum`, `mean`, `median`, `min`, `max`, `std` and `first` with a
/// column in parentheses. The name of its column has the form `mean_potency`, unless ` as ` and another name follow. Missing
/// values are ignored: `count(potency)` counts the values, `count` the rows, and the mean of no values is missing. The
/// standard deviation is that of a sample, with divisor `n - 1`, and missing for fewer than two values. Measures other than
/// counts keep the unit of their column.
///
/// `min` and `max` of a text column that contains mostly numbers are refused, because `9` would be greater than `100`, and
/// `NA` greater than both. Read the column as numbers, or compare it as text with `as: text`.
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
/// - A column does not exist; the message lists the columns.
/// - A numeric measure is applied to a column of text or booleans; or `min` or `max` to a text column that contains mostly
///   numbers. Or a column of `by` is text and contains one number in two spellings, such as `5` and `5.0`.
/// - Two columns would have the same name, or `values` is empty.
/// - A sum of integers does not fit into 64 bits, or a result is not finite.
#[step("table.aggregate", version = 2, columns = aggregated, check = can_aggregate, descent = descent)]
pub fn aggregate_table(
    table: Input<Stream<Table>>,
    /// The columns to group by.
    #[param(default = [], example = "[cluster]")]
    by: Vec<ColumnName>,
    /// The measures to compute for each group.
    #[param(example = "[count, mean(potency), max(potency) as best]")]
    values: Vec<Aggregate>,
    /// `text` compares text columns as text even if they contain mostly numbers.
    #[param(one_of = ["text"])]
    r#as: Option<String>,
    context: &ExecutionContext<'_>,
) -> Result<Table, StepError> {
    let head = table.head()?;
    column_indices(&head, &by, "by")?;
    let measured: Vec<&str> = values.iter().filter_map(|value| value.column.as_deref()).collect();
    measured.iter().try_for_each(|column| column_index(&head, column, "values").map(drop))?;
    let table = table.only(by.iter().map(ColumnName::as_str).chain(measured), context)?;
    aggregate(&table, &by, &values, r#as.is_some())
}

fn aggregate(table: &Table, by: &[ColumnName], values: &[Aggregate], as_text: bool) -> Result<Table, StepError> {
    some_measure(by, values)?;
    if !as_text {
        refuse_numbers_in_text(table, "values", values.iter().filter_map(Aggregate::ordered_by), AS_TEXT)?;
        refuse_two_spellings(table, "by", by, AS_TEXT)?;
    }
    let by = column_indices(table, by, "by")?;
    let groups = groups(table, &by)?;
    let firsts: Vec<usize> = groups.iter().filter_map(|rows| rows.first().copied()).collect();
    let keys = table.gather(&firsts);
    let mut columns: Vec<(Column, Values)> = Vec::new();
    for index in by {
        if let (Some(column), Some(data)) = (keys.columns().get(index), keys.data(index)) {
            columns.push((column.clone(), data.clone()));
        }
    }
    for value in values {
        let index = value.column.as_ref().map(|column| column_index(table, column, "values")).transpose()?;
        cancel::check()?;
        columns.push(value.over(table, index, &groups)?);
    }
    Ok(Table::new(columns)?)
}

fn some_measure(by: &[ColumnName], values: &[Aggregate]) -> Result<(), Misfit> {
    if values.is_empty() {
        return Err(Misfit::new("values", "`values` is empty; expected at least one measure, such as `[count]`"));
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

fn descent(step: &AggregateTable) -> Descent<'_> {
    Descent::Grouped(Grouping::By(step.by.iter().map(ColumnName::as_str).collect()))
}

/// Returns the rows of each group.
pub(super) fn groups(table: &Table, by: &[usize]) -> Result<Vec<Vec<usize>>, Interrupted> {
    if by.is_empty() {
        return Ok(vec![(0..table.rows()).collect()]);
    }
    let mut indices: HashMap<Vec<Key<'_>>, usize> = HashMap::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for row in 0..table.rows() {
        cancel::check()?;
        let key = by.iter().filter_map(|index| table.data(*index)).map(|data| key_of(data, row)).collect();
        let index = *indices.entry(key).or_insert(groups.len());
        match groups.get_mut(index) {
            Some(rows) => rows.push(row),
            None => groups.push(vec![row]),
        }
    }
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn sample() -> Table {
        let texts = ["a", "b", "a", "", "b", "a"].map(|text| (!text.is_empty()).then_some(text));
        let floats = [Some(1.0), Some(4.0), Some(2.0), Some(8.0), None, Some(6.0)];
        Table::new([
            (Column::new("g", ColumnType::Text), Values::texts(texts)),
            (Column::new("x", ColumnType::Float).with_unit("nM"), Values::floats(floats)),
            (
                Column::new("n", ColumnType::Integer),
                Values::integers([Some(i64::MAX), None, None, None, None, Some(1)]),
            ),
        ])
        .unwrap()
    }

    fn aggregate_as(table: Table, by: &[&str], values: &[&str], as_text: Option<&str>) -> Result<Table, String> {
        let by: Vec<ColumnName> = by.iter().copied().map(ColumnName::from).collect();
        let values: Vec<Aggregate> = values.iter().map(|value| Aggregate::read(&json!(value)).unwrap()).collect();
        let found = super::aggregate(&table, &by, &values, as_text.is_some());
        found.map_err(|error| error.to_string())
    }

    fn aggregate(table: Table, by: &[&str], values: &[&str]) -> Result<Table, String> {
        aggregate_as(table, by, values, None)
    }

    fn rows(table: &Table) -> Value {
        (0..table.rows()).map(|row| Value::from(table.row(row))).collect()
    }

    #[test]
    fn groups_are_in_the_order_of_their_first_rows_and_missing_values_are_ignored() {
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
    fn the_maximum_of_text_that_is_mostly_numbers_requires_as_text() {
        let texts = ["9.5", "10.2", "NA", "8.7", ">10"];
        let table = Table::new([(Column::new("x", ColumnType::Text), Values::texts(texts))]).unwrap();
        let measures = ["min(x)", "max(x)", "count"];
        let refused = aggregate(table.clone(), &[], &measures).unwrap_err();
        assert!(refused.contains("`NA`, `>10`") && refused.contains("`as: text`"), "{refused}");
        let found = aggregate_as(table.clone(), &[], &measures, Some("text")).unwrap();
        assert_eq!(rows(&found), json!([["10.2", "NA", 5]]));
        aggregate(table, &["x"], &["count(x)", "first(x)", "distinct(x)"]).unwrap();
        let twice = Values::texts(["5", "5.0", "x"]);
        let twice = Table::new([(Column::new("x", ColumnType::Text), twice)]).unwrap();
        let refused = aggregate(twice.clone(), &["x"], &["count"]).unwrap_err();
        assert!(refused.contains("`5` and `5.0` into two groups"), "{refused}");
        assert_eq!(aggregate_as(twice, &["x"], &["count"], Some("text")).unwrap().rows(), 3);
        aggregate(sample(), &[], &["max(g)", "max(x)"]).unwrap();
    }

    #[test]
    fn no_rows_form_one_group_without_by_and_none_with_it() {
        let empty = sample().gather(&[]);
        assert_eq!(
            rows(&aggregate(empty.clone(), &[], &["count", "mean(x)", "sum(n)", "min(g)"]).unwrap()),
            json!([[0, null, null, null]])
        );
        assert_eq!(aggregate(empty, &["g"], &["count"]).unwrap().rows(), 0);
    }

    #[test]
    fn a_measure_that_cannot_be_computed_is_an_error() {
        for (by, values, why) in [
            (&["g"][..], &["mean(g)"][..], "`g` is text"),
            (&["g"], &["mean(y)"], "`x`"),
            (&["h"], &["count"], "`h`"),
            (&["g"], &["count as g"], "`g`"),
            (&[], &[], "at least one measure"),
            (&[], &["sum(n)"], "64 bits"),
        ] {
            let error = aggregate(sample(), by, values).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
        // The fourth row has no `g`.
        let error = aggregate(sample().gather(&[3]), &[], &["mean(g)"]).unwrap_err();
        assert!(error.contains("`g` is text without values; ") && error.contains("`types: { g: float }`"), "{error}");
    }
}
