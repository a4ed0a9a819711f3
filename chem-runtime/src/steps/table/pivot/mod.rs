//! `table.pivot`: turns rows into columns.

mod plan;

use std::collections::HashMap;

use serde_json::{Value, json};

use self::plan::{Plan, clashes};
use super::aggregate::{Aggregate, Measure, groups};
use super::sort::{AS_TEXT, refuse_numbers_in_text, refuse_two_spellings};
use crate::prelude::*;
use crate::records::{cell_text, column_index, column_indices};
use crate::step::{Descent, Grouping};

/// The maximum number of new columns.
const MAX_COLUMNS: usize = 10_000;

/// The maximum number of cells in the new columns.
const MAX_CELLS: usize = 50_000_000;

/// Turns rows into columns, the opposite of `table.unpivot`.
///
/// Each text in the column `name` becomes a column with the values of the column `value`.
/// The rows with equal values in the columns `keep` become one row, where missing values are equal to each other; the rows are
/// in the order of the first of each. By default all columns except `name` and `value` are kept. A cell is missing if no row
/// has its name, or none of them has a value.
///
/// `names` lists the new columns, in this order; a name that no row has gives a column without values, and a row with another
/// name is refused. Without `names`, the columns are in the order of their first rows, and `chem check` does not know them: it
/// cannot check the names of columns in the later steps.
///
/// Several values for one cell are refused, unless `aggregate` names the measure to take, one of those of `table.aggregate`.
/// Missing values are ignored; a cell without values counts 0.
///
/// The new columns have the type and the unit of the column `value`, unless the measure gives another: integers stay integers
/// although cells are missing, and a mean is a float.
///
/// The signal `pivoted` counts the `rows` before and `after`, the new `columns`, and the cells that are `missing`.
///
/// # Example
/// ```yaml
/// flow: wide-table
/// steps:
///   - id: read
///     uses: table.read
///     with: { path: data/assay.csv }
///   - id: pivot
///     uses: table.pivot
///     with: { keep: [compound], name: target, value: ic50, names: [COX-1, COX-2], others: drop }
/// ```
///
/// # Errors
/// - A column does not exist; the message lists the columns. Or one is both kept and `name` or `value`.
/// - A column is neither kept nor `name` or `value` and would be lost: add it to `keep`, or accept the loss with
///   `others: drop`.
/// - A cell has several values and `aggregate` is not set; the message names the cell.
/// - A row has no text in the column `name`, or one that `names` does not list.
/// - A new column has the name of one that is kept, or `names` has a text twice.
/// - A numeric measure is applied to text or booleans; or `min` or `max` to text that is mostly numbers. Or a kept column is
///   text and contains one number in two spellings, such as `5` and `5.0`.
/// - There would be more than 10,000 new columns, or more than 50,000,000 cells.
#[step("table.pivot", version = 1, columns = columns_of_pivot, check = can_pivot, descent = descent)]
#[allow(clippy::too_many_arguments, reason = "each is a parameter that a manifest may give")]
pub fn pivot_table(
    table: Input<Table>,
    /// The columns whose values identify a row of the result. Defaults to all except `name` and `value`.
    #[param(example = "[compound]")]
    keep: Option<Vec<ColumnName>>,
    /// The column with the names of the new columns.
    #[param(default = "name")]
    name: ColumnName,
    /// The column with the values.
    #[param(default = "value")]
    value: ColumnName,
    /// The new columns, in this order. Defaults to those that the rows name.
    #[param(example = "[COX-1, COX-2]")]
    names: Option<Vec<String>>,
    /// The measure to take of several values for one cell. Defaults to refusing them.
    #[param(one_of = ["count", "distinct", "sum", "mean", "median", "min", "max", "std", "first"])]
    aggregate: Option<String>,
    /// What to do with columns that are neither kept nor `name` or `value`: refuse them, or drop them.
    #[param(default = "refuse", one_of = ["refuse", "drop"])]
    others: String,
    /// `text` compares text columns as text even if they contain mostly numbers.
    #[param(one_of = ["text"])]
    r#as: Option<String>,
    context: &ExecutionContext<'_>,
) -> Result<Table, StepError> {
    let there: Vec<Box<str>> = table.columns().iter().map(|column| (*column.name).into()).collect();
    let plan =
        Plan { keep: keep.as_deref(), name: &name, value: &value, names: names.as_deref(), drops: others == "drop" };
    let by = column_indices(&table, keep.as_deref().unwrap_or_default(), "keep")?;
    let (name_index, value_index) =
        (column_index(&table, name.as_str(), "name")?, column_index(&table, value.as_str(), "value")?);
    plan.alone()?;
    plan.against(&there)?;
    let by = match &keep {
        Some(_) => by,
        None => (0..there.len()).filter(|index| ![name_index, value_index].contains(index)).collect(),
    };
    let measure = aggregate.as_deref().and_then(Measure::named);
    if r#as.is_none() {
        if let Some(Measure::Min | Measure::Max) = measure {
            refuse_numbers_in_text(&table, "value", [value.as_str()], AS_TEXT)?;
        }
        let kept: Vec<ColumnName> = by.iter().map(|index| ColumnName::from(&*there[*index])).collect();
        refuse_two_spellings(&table, "keep", &kept, AS_TEXT)?;
    }

    let groups = groups(&table, &by)?;
    // Without rows there is no row to come out, not even if nothing is kept.
    let groups: Vec<Vec<usize>> = groups.into_iter().filter(|rows| !rows.is_empty()).collect();
    let columns = new_columns(&table, name_index, &name, names.as_deref())?;
    let cells = columns.names.len().saturating_mul(groups.len());
    if columns.names.len() > MAX_COLUMNS || cells > MAX_CELLS {
        return Err(StepError::new(format!(
            "the column `{name}` would give {} columns of {} rows; at most {MAX_COLUMNS} columns and {MAX_CELLS} cells are \
             supported: is `{name}` the column with the names?",
            columns.names.len(),
            groups.len()
        )));
    }
    let kept = table.select(&by);
    let kept = kept.gather(&groups.iter().filter_map(|rows| rows.first().copied()).collect::<Vec<_>>());
    let kept_columns = kept.columns().iter().enumerate();
    let mut all: Vec<(Column, Values)> =
        kept_columns.filter_map(|(index, column)| Some((column.clone(), kept.data(index)?.clone()))).collect();
    if let Some(clash) = columns.names.iter().find(|new| kept.column(new).is_some()) {
        return Err(clashes(clash).into());
    }
    let mut rows_of: Vec<Vec<(usize, usize)>> = vec![Vec::new(); columns.names.len()];
    for (group, rows) in groups.iter().enumerate() {
        for row in rows {
            rows_of[columns.of_rows[*row]].push((group, *row));
        }
    }
    let values = table.data(value_index).zip(table.columns().get(value_index));
    let Some((data, column)) = values else { return Err(StepError::new(format!("there is no column `{value}`"))) };
    let mut missing = 0;
    for (new, rows) in columns.names.iter().zip(rows_of) {
        context.check_cancelled()?;
        let mut cells: Vec<Vec<usize>> = vec![Vec::new(); groups.len()];
        for (group, row) in rows {
            if data.is_missing(row) {
                continue;
            }
            let cell = &mut cells[group];
            cell.push(row);
            if measure.is_none() && cell.len() > 1 {
                return Err(several(&kept, group, new, &value, cell.iter().map(|row| data.json(*row))));
            }
        }
        let take = Aggregate {
            measure: measure.unwrap_or(Measure::First),
            column: Some(value.to_string()),
            name: Some(new.to_string()),
        };
        let (made, data) = take.over(&table, Some(value_index), &cells)?;
        let provider = column.provider.clone().filter(|_| measure.is_none());
        missing += data.missing();
        all.push((Column { provider, ..made }, data));
    }
    let counts =
        json!({ "rows": table.rows(), "after": groups.len(), "columns": columns.names.len(), "missing": missing });
    context.signal("pivoted", &counts)?;
    Ok(Table::new(all)?)
}

/// The new columns.
struct NewColumns {
    names: Vec<Box<str>>,
    /// For each row, the index of its column in `names`.
    of_rows: Vec<usize>,
}

/// Returns the new columns: those in `listed`, or those that the column `name` contains.
fn new_columns(
    table: &Table,
    index: usize,
    name: &ColumnName,
    listed: Option<&[String]>,
) -> Result<NewColumns, StepError> {
    let mut names: Vec<Box<str>> = listed.unwrap_or_default().iter().map(|name| name.as_str().into()).collect();
    let mut indices: HashMap<Box<str>, usize> = names.iter().cloned().zip(0..).collect();
    let mut of_rows = Vec::with_capacity(table.rows());
    let Some(data) = table.data(index) else { return Ok(NewColumns { names, of_rows }) };
    for row in 0..table.rows() {
        let text = cell_text(data, row).filter(|text| !text.trim().is_empty()).ok_or_else(|| {
            StepError::new(format!(
                "row {} has no text in the column `{name}`, which names the new columns; remove such rows with `table.filter`",
                row + 1
            ))
        })?;
        let found = match indices.get(&*text) {
            Some(found) => *found,
            None if listed.is_some() => {
                return Err(StepError::new(format!(
                    "row {} has `{text}` in the column `{name}`, which `names` does not list; add it, or remove such rows with \
                     `table.filter`",
                    row + 1
                )));
            }
            None => {
                names.push((*text).into());
                indices.insert((*text).into(), names.len() - 1);
                names.len() - 1
            }
        };
        of_rows.push(found);
    }
    Ok(NewColumns { names, of_rows })
}

/// Describes a cell with several values.
fn several(
    kept: &Table,
    group: usize,
    new: &str,
    value: &ColumnName,
    values: impl Iterator<Item = Value>,
) -> StepError {
    let values: Vec<String> = values.map(|value| format!("`{value}`")).collect();
    let row = kept.row(group);
    let kept = kept.columns().iter().zip(row).map(|(column, value)| format!("`{}` {value}", column.name));
    let of: Vec<String> = kept.take(3).collect();
    let of = if of.is_empty() { String::new() } else { format!(" of the row with {}", of.join(", ")) };
    StepError::new(format!(
        "the column `{value}` has several values for the cell `{new}`{of}: {}; keep a column that tells the rows apart, or \
         choose a measure, such as `aggregate: mean`",
        values.join(", ")
    ))
}

impl PivotTable {
    fn plan(&self) -> Plan<'_> {
        Plan {
            keep: self.keep.as_deref(),
            name: &self.name,
            value: &self.value,
            names: self.names.as_deref(),
            drops: self.others == "drop",
        }
    }
}

fn can_pivot(step: &PivotTable, context: &ColumnContext<'_>) -> Vec<Misfit> {
    let (plan, input) = (step.plan(), context.first_input());
    let found = plan.alone().and_then(|()| input.names().map_or(Ok(()), |there| plan.against(there)));
    found.err().into_iter().collect()
}

fn descent(step: &PivotTable) -> Descent<'_> {
    Descent::Grouped(match &step.keep {
        Some(keep) => Grouping::By(keep.iter().map(ColumnName::as_str).collect()),
        None => Grouping::AllBut(vec![step.name.as_str(), step.value.as_str()]),
    })
}

/// Returns the kept columns and those in `names`. Which columns the rows name is known only when the flow runs.
fn columns_of_pivot(step: &PivotTable, context: &ColumnContext<'_>) -> Columns {
    let Some(names) = &step.names else { return Columns::Unknown };
    let kept = match &step.keep {
        Some(keep) => Columns::known(keep.iter().map(ColumnName::as_str)),
        None => context.first_input().without([&step.name, &step.value]),
    };
    kept.with(names.iter().map(String::as_str))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use super::*;
    use crate::step::{CancelToken, Files, Inputs, Silent, StepId};

    /// A long table: compound, target, value in nM, and another column.
    fn long(rows: &[(&str, Option<&str>, Option<i64>)]) -> Table {
        let text = |text: &str| Some(Box::from(text));
        Table::new([
            (
                Column::new("id", ColumnType::Text),
                Values::texts(rows.iter().map(|row| if row.0.is_empty() { None } else { text(row.0) })),
            ),
            (Column::new("name", ColumnType::Text), Values::texts(rows.iter().map(|row| row.1.and_then(text)))),
            (
                Column::new("value", ColumnType::Integer).with_unit("nM").with_provider("lab@1"),
                Values::integers(rows.iter().map(|row| row.2)),
            ),
        ])
        .unwrap()
    }

    fn run(table: &Table, with: Value) -> Result<Table, String> {
        let step = PivotTable::bind(&with)?;
        let (id, inputs, files) = (StepId::new("it").unwrap(), Inputs::default(), Files::relative_to("."));
        let (nothing, cancel) = (HashMap::new(), CancelToken::default());
        let context = ExecutionContext::new(&id, &inputs, &nothing, &files, &cancel, &Silent);
        let PivotTable { keep, name, value, names, aggregate, others, r#as } = step;
        let table = Arc::new(table.clone()).into();
        pivot_table(table, keep, name, value, names, aggregate, others, r#as, &context)
            .map_err(|error| error.to_string())
    }

    impl PivotTable {
        fn bind(with: &Value) -> Result<Self, String> {
            let texts = |key: &str| -> Option<Vec<String>> {
                let list = with.get(key)?.as_array()?;
                Some(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
            };
            let text = |key: &str| with.get(key).and_then(Value::as_str).map(str::to_owned);
            Ok(Self {
                keep: texts("keep").map(|keep| keep.iter().map(|name| ColumnName::from(name.as_str())).collect()),
                names: texts("names"),
                aggregate: text("aggregate"),
                others: text("others").unwrap_or_else(|| "refuse".to_owned()),
                r#as: text("as"),
                name: text("name").as_deref().unwrap_or("name").into(),
                value: text("value").as_deref().unwrap_or("value").into(),
            })
        }
    }

    fn rows(table: &Table) -> Value {
        (0..table.rows()).map(|row| Value::from(table.row(row))).collect()
    }

    fn names(table: &Table) -> Vec<&str> {
        table.columns().iter().map(|column| &*column.name).collect()
    }

    const ROWS: &[(&str, Option<&str>, Option<i64>)] =
        &[("x", Some("b"), Some(1)), ("y", Some("a"), None), ("x", Some("a"), Some(2)), ("", Some("b"), Some(4))];

    #[test]
    fn integers_stay_integers_and_rows_and_columns_are_in_the_order_of_their_first_rows() {
        let wide = run(&long(ROWS), json!({})).unwrap();
        assert_eq!(names(&wide), ["id", "b", "a"]);
        assert_eq!(rows(&wide), json!([["x", 1, 2], ["y", null, null], [null, 4, null]]));
        let b = &wide.columns()[1];
        assert_eq!((b.ty, b.unit.as_deref(), b.provider.as_deref()), (ColumnType::Integer, Some("nM"), Some("lab@1")));
        let listed = run(&long(ROWS), json!({ "names": ["a", "c", "b"] })).unwrap();
        assert_eq!(names(&listed), ["id", "a", "c", "b"]);
        assert_eq!(rows(&listed), json!([["x", 2, null, 1], ["y", null, null, null], [null, null, null, 4]]));
        assert_eq!(listed.columns()[2].ty, ColumnType::Integer);
        let one = run(&long(ROWS), json!({ "keep": [], "others": "drop", "aggregate": "sum" })).unwrap();
        assert_eq!(rows(&one), json!([[5, 2]]));
        let none = run(&long(&[]), json!({ "names": ["a"] })).unwrap();
        assert_eq!((none.rows(), names(&none)), (0, vec!["id", "a"]));
    }

    #[test]
    fn several_values_for_a_cell_need_a_measure() {
        let twice = [ROWS, &[("x", Some("a"), Some(5)), ("y", Some("a"), Some(7))]].concat();
        let refused = run(&long(&twice), json!({})).unwrap_err();
        assert!(refused.contains("for the cell `a` of the row with `id` \"x\": `2`, `5`;"), "{refused}");
        assert!(refused.contains("`aggregate: mean`"), "{refused}");
        let a = |measure: &str| {
            let wide = run(&long(&twice), json!({ "names": ["a", "b"], "aggregate": measure })).unwrap();
            let cells = (0..3).map(|row| wide.data(1).unwrap().json(row)).collect::<Value>();
            (cells, wide.columns()[1].unit.clone())
        };
        let unit = Some("nM".to_owned());
        assert_eq!(a("mean"), (json!([3.5, 7.0, null]), unit.clone()));
        assert_eq!(a("max"), (json!([5, 7, null]), unit.clone()));
        assert_eq!(a("first"), (json!([2, 7, null]), unit));
        assert_eq!(a("count"), (json!([2, 1, 0]), None));
        // Missing values are no second value.
        run(&long(&[("x", Some("a"), None), ("x", Some("a"), Some(1))]), json!({})).unwrap();
    }

    #[test]
    fn what_has_no_place_is_refused() {
        for (rows, with, why) in [
            (&[("x", None, Some(1))][..], json!({}), "row 1 has no text in the column `name`"),
            (&[("x", Some(" "), Some(1))], json!({}), "row 1 has no text"),
            (&[("x", Some("id"), Some(1))], json!({}), "a column `id` is kept"),
            (ROWS, json!({ "names": ["a"] }), "row 1 has `b` in the column `name`, which `names` does not list"),
            (ROWS, json!({ "names": ["a", "id"] }), "a column `id` is kept"),
            (ROWS, json!({ "names": ["a", "a"] }), "`a` twice"),
            (ROWS, json!({ "names": [] }), "`names` is empty"),
            (ROWS, json!({ "names": [""] }), "an empty text"),
            (ROWS, json!({ "keep": [] }), "the column `id` is neither kept"),
            (ROWS, json!({ "keep": ["name"] }), "the column `name` cannot be kept"),
            (ROWS, json!({ "value": "name" }), "both name the column `name`"),
            (ROWS, json!({ "value": "id", "keep": ["value"], "aggregate": "mean" }), "`id` is text"),
            (ROWS, json!({ "name": "target" }), "no column `target`"),
        ] {
            let refused = run(&long(rows), with.clone()).unwrap_err();
            assert!(refused.contains(why), "{with}: {refused}");
        }
    }

    #[test]
    fn a_column_that_is_no_column_of_names_is_refused_before_it_fills_the_memory() {
        let ids: Vec<String> = (0..=MAX_COLUMNS).map(|id| id.to_string()).collect();
        let rows: Vec<_> = ids.iter().map(|id| ("x", Some(id.as_str()), Some(1))).collect();
        let refused = run(&long(&rows), json!({})).unwrap_err();
        assert!(refused.contains("would give 10001 columns of 1 rows"), "{refused}");
    }
}
