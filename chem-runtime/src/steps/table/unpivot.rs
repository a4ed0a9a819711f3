//! `table.unpivot`: turns columns into rows.

use std::collections::HashSet;

use serde_json::json;

use super::unite::{of_values, one_type, one_unit};
use crate::prelude::*;
use crate::records::{column_index, column_indices};

/// Turns columns into rows: each row becomes one row for each of `columns`, with the name and the value of that column.
///
/// The columns `keep` are repeated. Of `columns` and `keep`, one may be left out: it is then all columns that the other does
/// not name. The rows that come from one row stay together, in the order of `columns`. Values that are missing give rows
/// without a value, or no row with `missing: drop`.
///
/// The columns must have one type, where integers and floats give floats, and one unit, which the new column keeps.
///
/// The signal `unpivoted` counts the `rows` before and `after`, and the `missing` values.
///
/// # Example
/// ```yaml
/// flow: long-table
/// steps:
///   - id: read
///     uses: molecules.read
///     with: { path: data/approved-drugs.csv }
///   - id: describe
///     uses: molecules.describe
///     with: { properties: [hbd, hba] }
///   - id: select
///     uses: table.select
///     with: { columns: [name, hbd, hba] }
///   - id: unpivot
///     uses: table.unpivot
///     with: { columns: [hbd, hba], name: property }
/// ```
///
/// # Errors
/// - A column does not exist; the message lists the columns. Or a column is in both `columns` and `keep`, or there is no
///   column to turn into rows.
/// - A column is in neither and would be lost: add it to `keep`, or accept the loss with `others: drop`.
/// - The columns have different types or different units. Or a new column has the name of one that is kept.
#[step("table.unpivot", version = 1, rows = all, columns = columns_of_unpivot, check = can_unpivot)]
#[allow(clippy::too_many_arguments, reason = "each is a parameter that a manifest may give")]
pub fn unpivot_table(
    table: Rows<Table>,
    /// The columns to turn into rows.
    #[param(example = "[ic50_cox1, ic50_cox2]")]
    columns: Option<Vec<ColumnName>>,
    /// The columns to keep.
    #[param(example = "[compound]")]
    keep: Option<Vec<ColumnName>>,
    /// The name of the new column with the names.
    #[param(default = "name")]
    name: String,
    /// The name of the new column with the values.
    #[param(default = "value")]
    value: String,
    /// Whether a missing value gives a row.
    #[param(default = "keep", one_of = ["keep", "drop"])]
    missing: String,
    /// What to do with columns that are in neither `columns` nor `keep`: refuse them, or drop them.
    #[param(default = "refuse", one_of = ["refuse", "drop"])]
    others: String,
    context: &ExecutionContext<'_>,
) -> Result<RowWork<Table>, StepError> {
    let head = table.head()?;
    let names: Vec<Box<str>> = head.columns().iter().map(|column| (*column.name).into()).collect();
    for named in columns.iter().chain(&keep).flatten() {
        column_index(&head, named.as_str(), "columns")?;
    }
    let plan = plan(columns.as_deref(), keep.as_deref(), &names)?;
    plan.check(&names, &name, &value, others == "drop")?;
    let (of, kept) = (column_indices(&head, &plan.columns, "columns")?, column_indices(&head, &plan.keep, "keep")?);
    let sources: Vec<&Column> = of.iter().filter_map(|index| head.columns().get(*index)).collect();
    let alike = sources.windows(2).all(|two| two[0].ty == two[1].ty && two[0].unit == two[1].unit);
    // Columns that are alike have one type and one unit, whether they have values or not.
    let filled = if alike { vec![true; of.len()] } else { table.with_values(&of, context)? };
    let filled: Vec<(&Column, bool)> = sources.iter().copied().zip(filled).collect();
    let (unit, ty) = (one_unit(&filled, "table.unpivot")?, one_type(&filled)?);
    let kept: Vec<(usize, Column)> =
        kept.iter().filter_map(|index| Some((*index, head.columns().get(*index)?.clone()))).collect();
    let (labels, drops) = (plan.columns, missing == "drop");
    let work = table.each(move |batch, tally| turned(batch, tally, &labels, ty, drops)).carrying(kept);
    let new = [Column::new(&name, ColumnType::Text), Column { unit, ..Column::new(&value, ty) }];
    Ok(work.with_columns(new)?.signal(
        "unpivoted",
        |tally, rows| json!({ "rows": rows.input, "after": rows.output, "missing": tally.count("missing") }),
    ))
}

/// Turns the columns of a batch into rows. The new column of values has the type `ty`.
fn turned(
    batch: &Batch<'_>,
    tally: &mut Tally,
    columns: &[Box<str>],
    ty: ColumnType,
    drops: bool,
) -> Result<BatchOutput, StepError> {
    let cells = columns.iter().map(|name| Ok((&**name, batch.values(name)?)));
    let mut cells = cells.collect::<Result<Vec<_>, StepError>>()?;
    let (mut rows, mut labels, mut values) = (Vec::new(), Vec::new(), Vec::new());
    for row in batch.rows() {
        for (name, cells) in &mut cells {
            let found = cells.next().unwrap_or_default();
            if found.is_null() {
                tally.add(row, "missing");
            }
            if found.is_null() && drops {
                continue;
            }
            rows.push(row);
            labels.push(*name);
            values.push(found);
        }
    }
    Ok(BatchOutput::of(rows).with(Values::texts(labels)).with(of_values(ty, values)?))
}

/// The columns to turn into rows and those to keep.
struct Plan {
    columns: Vec<Box<str>>,
    keep: Vec<Box<str>>,
}

fn plan(columns: Option<&[ColumnName]>, keep: Option<&[ColumnName]>, names: &[Box<str>]) -> Result<Plan, Misfit> {
    let named = |list: &[ColumnName]| list.iter().map(|name| name.as_str().into()).collect::<Vec<Box<str>>>();
    let but = |list: &[ColumnName]| {
        let without: HashSet<&str> = list.iter().map(ColumnName::as_str).collect();
        names.iter().filter(|name| !without.contains(&***name)).cloned().collect::<Vec<_>>()
    };
    match (columns, keep) {
        (Some(columns), Some(keep)) => Ok(Plan { columns: named(columns), keep: named(keep) }),
        (Some(columns), None) => Ok(Plan { columns: named(columns), keep: but(columns) }),
        (None, Some(keep)) => Ok(Plan { columns: but(keep), keep: named(keep) }),
        (None, None) => Err(Misfit::new("columns", "expected `columns`, `keep` or both")),
    }
}

impl Plan {
    fn check(&self, names: &[Box<str>], name: &str, value: &str, drops: bool) -> Result<(), Misfit> {
        let [columns, keep] =
            [&self.columns, &self.keep].map(|list| list.iter().map(|name| &**name).collect::<HashSet<&str>>());
        if let Some(both) = self.columns.iter().find(|column| keep.contains(&***column)) {
            return Err(Misfit::new("keep", format!("the column `{both}` is in both `columns` and `keep`")));
        }
        if self.columns.is_empty() {
            return Err(Misfit::new("columns", "there is no column to turn into rows"));
        }
        let lost = names.iter().find(|name| !columns.contains(&***name) && !keep.contains(&***name));
        if let Some(lost) = lost.filter(|_| !drops) {
            let message = format!("the column `{lost}` is in neither `columns` nor `keep` and would be lost");
            return Err(Misfit::new("keep", message).with_help("add it to `keep`, or write `others: drop`"));
        }
        let clash = [("name", name), ("value", value)]
            .into_iter()
            .find(|(_, new)| self.keep.iter().any(|kept| **kept == **new));
        match clash {
            Some((param, new)) => {
                Err(Misfit::new(param, format!("the table keeps a column `{new}`; choose another name with `{param}`")))
            }
            None if name == value => Err(Misfit::new("value", format!("both new columns are called `{name}`"))),
            None => Ok(()),
        }
    }
}

fn can_unpivot(step: &UnpivotTable, context: &ColumnContext<'_>) -> Vec<Misfit> {
    let twice = [("columns", &step.columns), ("keep", &step.keep)];
    let mut misfits: Vec<Misfit> =
        twice.into_iter().filter_map(|(param, list)| Misfit::twice(param, list.as_deref()?)).collect();
    let input = context.first_input();
    let found =
        match (plan(step.columns.as_deref(), step.keep.as_deref(), input.names().unwrap_or_default()), input.names()) {
            (Ok(plan), Some(names)) => plan.check(names, &step.name, &step.value, step.others == "drop"),
            (Ok(_), None) => Ok(()),
            (Err(misfit), _) => Err(misfit),
        };
    misfits.extend(found.err());
    misfits
}

fn columns_of_unpivot(step: &UnpivotTable, context: &ColumnContext<'_>) -> Columns {
    match (&step.keep, &step.columns, context.first_input()) {
        (Some(keep), _, _) => Columns::known(keep.iter().map(ColumnName::as_str)),
        (None, Some(columns), input) => input.without(columns),
        (None, None, _) => return Columns::Unknown,
    }
    .with([step.name.as_str(), step.value.as_str()])
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use serde_json::Value;

    use super::*;
    use crate::step::rows::Driven as _;
    use crate::step::{CancelToken, Files, Inputs, RowColumns, Silent, StepId};

    fn run(units: [Option<&str>; 2], integers: Vec<Option<i64>>, missing: &str) -> Result<Table, String> {
        let column = |name, ty, unit: Option<&str>| Column { unit: unit.map(str::to_owned), ..Column::new(name, ty) };
        let table = Table::new([
            (Column::new("id", ColumnType::Text), Values::texts(["x", "y"])),
            (column("a", ColumnType::Integer, units[0]), Values::integers(integers)),
            (column("b", ColumnType::Float, units[1]), Values::floats([Some(0.5), None])),
        ]);
        let (id, inputs, files) = (StepId::new("it").unwrap(), Inputs::default(), Files::relative_to("."));
        let (nothing, cancel) = (HashMap::new(), CancelToken::default());
        let context = ExecutionContext::new(&id, &inputs, &nothing, &files, &cancel, &Silent);
        let table = Arc::new(table.unwrap()).into();
        let keep = Some(vec!["id".into()]);
        let (name, value) = ("name".to_owned(), "value".to_owned());
        let work = unpivot_table(table, None, keep, name, value, missing.to_owned(), "refuse".to_owned(), &context);
        let outputs =
            work.and_then(|work| work.drive(&RowColumns::All, &context)).map_err(|error| error.to_string())?;
        Ok(Table::clone(&Table::take(outputs[0].handed.as_ref().unwrap()).unwrap()))
    }

    #[test]
    fn rows_stay_together_and_the_unit_is_kept() {
        let rows = |table: &Table| (0..table.rows()).map(|row| Value::from(table.row(row))).collect::<Value>();
        let both = [Some("nM"), Some("nM")];
        let table = run(both, vec![Some(1), Some(2)], "keep").unwrap();
        assert_eq!(rows(&table), json!([["x", "a", 1.0], ["x", "b", 0.5], ["y", "a", 2.0], ["y", "b", null]]));
        assert_eq!((table.columns()[2].ty, table.columns()[2].unit.as_deref()), (ColumnType::Float, Some("nM")));
        assert_eq!(run(both, vec![Some(1), None], "drop").unwrap().rows(), 2);
    }

    #[test]
    fn what_does_not_fit_into_one_column_is_refused() {
        let refused = run([Some("nM"), Some("uM")], vec![Some(1), None], "keep").unwrap_err();
        assert!(refused.contains("`nM` (`a`) and in `uM` (`b`)"), "{refused}");
        assert!(run([None, Some("uM")], vec![Some(1), None], "keep").unwrap_err().contains("no unit (`a`)"));
        let refused = run([None, None], vec![Some((1 << 53) + 1), None], "keep").unwrap_err();
        assert_eq!(refused, "no float equals the integer `9007199254740993`; convert it with `table.compute` first");
    }

    /// With memory and time quadratic in the number of columns, this would take minutes.
    #[test]
    fn a_table_may_have_many_columns() {
        let names: Vec<Box<str>> = (0..40_000).map(|number| format!("column {number}").into()).collect();
        let began = std::time::Instant::now();
        let keep = [ColumnName::from("column 39999")];
        plan(None, Some(&keep), &names).unwrap().check(&names, "name", "value", false).unwrap();
        assert!(began.elapsed() < std::time::Duration::from_secs(5), "{:?}", began.elapsed());
    }

    #[test]
    fn no_column_is_lost_unnoticed() {
        let names: Vec<Box<str>> = ["id", "a", "b", "c"].map(Into::into).into();
        let of = |list: &[&str]| list.iter().map(|name| ColumnName::from(*name)).collect::<Vec<_>>();
        let check = |columns: Option<&[&str]>, keep: Option<&[&str]>, name: &str, drops: bool| {
            let (columns, keep) = (columns.map(of), keep.map(of));
            plan(columns.as_deref(), keep.as_deref(), &names).and_then(|plan| {
                plan.check(&names, name, "value", drops)?;
                Ok((plan.columns.join(" "), plan.keep.join(" ")))
            })
        };
        let parts = |columns: &str, keep: &str| Ok((columns.to_owned(), keep.to_owned()));
        assert_eq!(check(Some(&["b", "a"]), None, "name", false), parts("b a", "id c"));
        assert_eq!(check(None, Some(&["id"]), "name", false), parts("a b c", "id"));
        assert_eq!(check(Some(&["a"]), Some(&["id"]), "name", true), parts("a", "id"));
        for (columns, keep, name, why) in [
            (Some(&["a"][..]), Some(&["id"][..]), "name", "the column `b` is in neither"),
            (Some(&["a"]), Some(&["id", "a", "b", "c"]), "name", "in both"),
            (None, Some(&["id", "a", "b", "c"]), "name", "no column to turn into rows"),
            (Some(&["a"]), None, "id", "the table keeps a column `id`"),
            (Some(&["a"]), None, "value", "both new columns"),
            (None, None, "name", "expected `columns`, `keep` or both"),
        ] {
            let message = check(columns, keep, name, false).unwrap_err().message;
            assert!(message.contains(why), "{message}");
        }
    }
}
