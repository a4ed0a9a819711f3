//! `table.compute`: adds columns that expressions give.

mod columns;

use std::collections::BTreeMap;

pub use columns::ComputedColumns;
use serde_json::{Value, json};

use crate::prelude::*;
use crate::records::map_records;
use crate::step::expression::same_unit;
use crate::step::{Columns, ExpressionError, PathPart};

/// The provider of computed columns.
const PROVIDER: &str = "table.compute@1";

/// Adds columns to a table, or to molecules, whose values are computed from the other columns of each row.
///
/// `columns` lists the new columns: the name of each, and an expression, which may also use the columns before it. So
/// `pIC50: -log10(convert(ic50, 'nM', 'M'))` is a pIC50 from an IC50 in nM, and `class: "pIC50 >= 6 ? 'active' : 'inactive'"`
/// a class. The language is that of the conditions of `table.filter`; `chem steps --functions` lists the functions, and
/// `docs/functions.md` explains them with examples.
///
/// A value that the expression needs and that is missing makes the result missing, as does `null`: `coalesce(ic50, 1000)`
/// replaces missing values, and `ic50 > 0 ? log10(ic50) : null` guards a logarithm. A division by zero, the logarithm of 0, a
/// text that is not a number and the like are errors of the row. They fail the step; with `on_error: reject`, such rows go to
/// the output `rejects`, with all columns of the input and the reason.
///
/// The type of a column follows from its expression and the types of the columns that it uses: integers remain integers, `/`
/// and logarithms give floats. `types` declares it where it does not follow, or where integers are to be floats. The unit of
/// a column is that of `units`, else that to which the expression converts, or which it keeps.
///
/// The signal `computed` counts the `rows`, those that were `rejected`, and the `missing` values of each new column.
///
/// # Example
/// ```yaml
/// flow: lead-like
/// steps:
///   - id: read
///     uses: molecules.read
///     with: { path: data/approved-drugs.csv }
///   - id: describe
///     uses: molecules.describe
///     with: { properties: [molecular_weight, logp, heavy_atoms] }
///   - id: compute
///     uses: table.compute
///     with:
///       columns:
///         - logp_per_atom: round(logp / heavy_atoms, 3)
///         - class: "molecular_weight < 350 && logp < 3 ? 'lead-like' : 'other'"
/// ```
///
/// # Errors
/// - An expression names a column that does not exist; the message lists the columns. Or a new column has the name of an
///   existing one: compute it under another name, and drop or rename the existing one with `table.select`.
/// - An expression is not valid, applies a function to a column of an unsuitable type, or orders text columns that contain
///   mostly numbers. Or `convert` takes values to be in another unit than they have, or an expression adds or compares values in
///   different units.
/// - The type of a column does not follow from its expression, and `types` does not declare it; or the values do not have the
///   declared type; or they are in another unit than `units` declares.
/// - With `on_error: fail`, an expression that cannot be evaluated for a row; the message names the row and the reason.
#[step("table.compute", version = 1, columns = columns_of_result, check = can_compute)]
pub fn compute_columns(
    table: Input<Dataset>,
    /// The columns to add, in this order: a name and an expression each.
    #[param(example = "[{ pIC50: \"-log10(convert(ic50, 'nM', 'M'))\" }]")]
    columns: ComputedColumns,
    /// The types of new columns by name: `text`, `integer`, `float` or `boolean`. Other types follow from the expressions.
    #[param(default = BTreeMap::new(), example = "{ batch: text }")]
    types: BTreeMap<String, ColumnType>,
    /// The units of new columns, by name.
    #[param(default = BTreeMap::new(), example = "{ dose: mg/kg }")]
    units: BTreeMap<String, String>,
    /// What to do with a row for which an expression cannot be evaluated: fail the step (`fail`) or put the row into
    /// `rejects` (`reject`).
    #[param(default = "fail", one_of = ["fail", "reject"])]
    on_error: String,
    context: &ExecutionContext<'_>,
) -> Result<WithRejects<Dataset>, StepError> {
    only_computed(&columns, "types", types.keys())?;
    only_computed(&columns, "units", units.keys())?;
    let mut wide = table.table().as_ref().clone();
    let (rows, mut reasons): (Vec<usize>, Vec<Option<String>>) = ((0..wide.rows()).collect(), vec![None; wide.rows()]);
    for (name, expression) in columns.iter() {
        if wide.index_of(name).is_some() {
            return Err(taken(&columns, name).into());
        }
        let cannot = |error: ExpressionError| {
            let help = error.help.map(|help| format!("; {help}")).unwrap_or_default();
            StepError::new(format!("cannot compute `{name}`: {}{help}", error.message))
        };
        let computation = expression.compute(&wide, types.get(name).copied()).map_err(cannot)?;
        let column = Column::new(name, computation.ty()).with_provider(PROVIDER);
        let column = Column { unit: unit(name, units.get(name), computation.unit())?, ..column };
        let values = map_records(context, &rows, |row| match reasons[*row] {
            None => computation.value(*row),
            Some(_) => Ok(Value::Null),
        })?;
        let mut kept = Vec::with_capacity(values.len());
        for (row, value) in values.into_iter().enumerate() {
            kept.push(match value {
                Ok(value) => value,
                Err(reason) if on_error == "fail" => return Err(unusable(name, expression, row, &reason)),
                Err(reason) => {
                    reasons[row] = Some(format!("`{name}`: {reason}"));
                    Value::Null
                }
            });
        }
        let data = Values::of_json(column.ty, kept).map_err(|value| {
            StepError::new(format!("`{name}`: the value `{value}` does not have the column's type"))
        })?;
        wide = wide.with_column(column, data)?;
    }
    let (rejected, kept): (Vec<usize>, Vec<usize>) = rows.into_iter().partition(|row| reasons[*row].is_some());
    let first = table.table().columns().len();
    let new: Vec<(Column, Values)> = {
        let wide = if rejected.is_empty() { wide } else { wide.gather(&kept) };
        let columns = wide.columns().iter().enumerate().skip(first);
        columns.filter_map(|(index, column)| Some((column.clone(), wide.data(index)?.clone()))).collect()
    };
    let missing: BTreeMap<&str, usize> = new.iter().map(|(column, data)| (&*column.name, data.missing())).collect();
    context
        .signal("computed", &json!({ "rows": table.table().rows(), "rejected": rejected.len(), "missing": missing }))?;
    let base = if rejected.is_empty() { Dataset::clone(&table) } else { table.gather(&kept) };
    Ok(WithRejects { kept: base.with_columns(new)?, rejects: rejects(table.table(), &rejected, reasons)? })
}

fn unusable(name: &str, expression: &Expression, row: usize, reason: &str) -> StepError {
    StepError::new(format!(
        "cannot compute `{name}` for row {}: {reason}; the expression is `{}`; `on_error: reject` would put the row into \
         `rejects`",
        row + 1,
        expression.as_str()
    ))
}

/// Returns the rejected rows, with the reasons in a new column: `reason`, `reject_reason` and so on.
fn rejects(table: &Table, rows: &[usize], mut reasons: Vec<Option<String>>) -> Result<Table, StepError> {
    let mut name = "reason".to_owned();
    while table.index_of(&name).is_some() {
        name.insert_str(0, "reject_");
    }
    let reasons = rows.iter().map(|row| reasons[*row].take());
    let column = Column::new(&name, ColumnType::Text);
    let rejects = Dataset::new(Table::KIND, table.gather(rows));
    Ok(rejects.with_columns([(column, Values::texts(reasons))])?.table().as_ref().clone())
}

fn unit(name: &str, declared: Option<&String>, found: Option<&str>) -> Result<Option<String>, StepError> {
    match (declared, found) {
        (Some(declared), Some(found)) if !same_unit(declared, found) => Err(StepError::new(format!(
            "`units` declares `{declared}` for the column `{name}`, but its values are in `{found}`"
        ))),
        (declared, found) => Ok(declared.cloned().or_else(|| found.map(str::to_owned))),
    }
}

/// Refuses a parameter that names other columns than those that are computed.
fn only_computed<'a>(
    columns: &ComputedColumns,
    param: &'static str,
    mut named: impl Iterator<Item = &'a String>,
) -> Result<(), Misfit> {
    let Some(other) = named.find(|name| columns.iter().all(|(computed, _)| computed != name.as_str())) else {
        return Ok(());
    };
    let message = format!("`{param}` names the column `{other}`, which this step does not compute");
    Err(Misfit::new(param, message).at(PathPart::Key(other.clone())))
}

fn taken(columns: &ComputedColumns, name: &str) -> Misfit {
    let message = format!(
        "the table already has a column `{name}`: choose another name, or drop or rename that column with `table.select` first"
    );
    Misfit { path: columns.path(name), ..Misfit::new("columns", message) }
}

fn can_compute(step: &ComputeColumns, context: &ColumnContext<'_>) -> Vec<Misfit> {
    let input = context.first_input();
    let there = input.names().unwrap_or_default();
    let again = step.columns.iter().map(|(name, _)| name).filter(|name| there.iter().any(|known| &**known == *name));
    let mut misfits: Vec<Misfit> = again.map(|name| taken(&step.columns, name)).collect();
    misfits.extend(only_computed(&step.columns, "types", step.types.keys()).err());
    misfits.extend(only_computed(&step.columns, "units", step.units.keys()).err());
    misfits
}

fn columns_of_result(step: &ComputeColumns, context: &ColumnContext<'_>) -> Columns {
    context.first_input().with(step.columns.iter().map(|(name, _)| name))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use super::*;
    use crate::step::{CancelToken, Files, Inputs, Silent, StepId};

    fn sample() -> Table {
        let numbers = |values: &[Option<f64>]| Values::floats(values.to_vec());
        Table::new([
            (
                Column::new("ic50", ColumnType::Float).with_unit("nM"),
                numbers(&[Some(10.0), None, Some(0.0), Some(1e3)]),
            ),
            (Column::new("n", ColumnType::Integer), Values::integers([Some(1), Some(2), Some(0), None])),
        ])
        .unwrap()
    }

    struct Ran {
        result: Result<WithRejects<Dataset>, String>,
        signals: Vec<Value>,
    }

    fn compute(columns: &[(&str, &str)], types: &[(&str, ColumnType)], units: &[(&str, &str)], on_error: &str) -> Ran {
        let (id, inputs, files) = (StepId::new("it").unwrap(), Inputs::default(), Files::relative_to("."));
        let (nothing, cancel) = (HashMap::new(), CancelToken::default());
        let context = ExecutionContext::new(&id, &inputs, &nothing, &files, &cancel, &Silent);
        let columns = columns.iter().map(|(name, cel)| ((*name).to_owned(), Expression::new(*cel).unwrap()));
        let result = compute_columns(
            Arc::new(Dataset::new("numbers", sample())).into(),
            ComputedColumns::new(columns).unwrap(),
            types.iter().map(|(name, ty)| ((*name).to_owned(), *ty)).collect(),
            units.iter().map(|(name, unit)| ((*name).to_owned(), (*unit).to_owned())).collect(),
            on_error.to_owned(),
            &context,
        );
        let signals = context.take_signals().into_iter().map(|signal| signal.data).collect();
        Ran { result: result.map_err(|error| error.to_string()), signals }
    }

    fn rows(table: &Table) -> Value {
        (0..table.rows()).map(|row| Value::from(table.row(row))).collect()
    }

    #[test]
    fn columns_are_computed_in_order_from_those_before_them() {
        let Ran { result, signals } = compute(
            &[("double", "n * 2"), ("half", "double / 4"), ("uM", "convert(ic50, 'nM', 'uM')"), ("same", "ic50")],
            &[("double", ColumnType::Float)],
            &[("half", "1/nM")],
            "fail",
        );
        let WithRejects { kept, rejects } = result.unwrap();
        assert_eq!((kept.kind(), rejects.rows(), rejects.columns().len()), ("numbers", 0, 3));
        assert_eq!(
            rows(kept.table()),
            json!([
                [10.0, 1, 2.0, 0.5, 0.01, 10.0],
                [null, 2, 4.0, 1.0, null, null],
                [0.0, 0, 0.0, 0.0, 0.0, 0.0],
                [1e3, null, null, null, 1.0, 1e3]
            ])
        );
        let units: Vec<_> = kept.table().columns().iter().map(|column| column.unit.as_deref()).collect();
        assert_eq!(units, [Some("nM"), None, None, Some("1/nM"), Some("uM"), Some("nM")]);
        assert!(kept.table().columns()[2..].iter().all(|column| column.provider.as_deref() == Some(PROVIDER)));
        let missing = json!({ "double": 1, "half": 1, "uM": 1, "same": 1 });
        assert_eq!(signals, [json!({ "rows": 4, "rejected": 0, "missing": missing })]);
    }

    #[test]
    fn a_row_that_cannot_be_computed_fails_the_step_or_is_rejected_whole() {
        let columns = [("inverse", "1 / n"), ("log", "log10(ic50)")];
        let failed = compute(&columns, &[], &[], "fail").result.unwrap_err();
        assert_eq!(
            failed,
            "cannot compute `inverse` for row 3: `/`: a number is divided by zero; the expression is `1 / n`; `on_error: \
             reject` would put the row into `rejects`"
        );
        let Ran { result, signals } = compute(&columns, &[], &[], "reject");
        let WithRejects { kept, rejects } = result.unwrap();
        assert_eq!(rows(kept.table()), json!([[10.0, 1, 1.0, 1.0], [null, 2, 0.5, null], [1e3, null, null, 3.0]]));
        assert_eq!(rows(&rejects), json!([[0.0, 0, "`inverse`: `/`: a number is divided by zero"]]));
        let missing = json!({ "inverse": 1, "log": 1 });
        assert_eq!(signals, [json!({ "rows": 4, "rejected": 1, "missing": missing })]);
        let guarded = compute(&[("log", "ic50 > 0 ? log10(ic50) : null")], &[], &[], "fail").result.unwrap();
        assert_eq!(rows(guarded.kept.table())[2], json!([0.0, 0, null]));
    }

    #[test]
    fn the_reasons_get_a_column_of_their_own() {
        let text = |name| (Column::new(name, ColumnType::Text), Values::texts(["x"]));
        let table = Table::new([text("reason"), text("reject_reason")]).unwrap();
        let rejects = rejects(&table, &[0], vec![Some("why".to_owned())]).unwrap();
        assert_eq!(&*rejects.columns()[2].name, "reject_reject_reason");
        assert_eq!(rejects.row(0), vec![json!("x"), json!("x"), json!("why")]);
    }

    #[test]
    fn what_contradicts_the_table_is_refused() {
        for (columns, types, units, why) in [
            (&[("n", "1")][..], &[][..], &[][..], "already has a column `n`"),
            (&[("x", "m + 1")], &[], &[], "cannot compute `x`: there is no column `m`; did you mean `n`?"),
            (&[("x", "y + 1"), ("y", "1")], &[], &[], "there is no column `y`"),
            (&[("x", "n")], &[("y", ColumnType::Text)], &[], "`types` names the column `y`"),
            (&[("x", "n")], &[], &[("y", "nM")], "`units` names the column `y`"),
            (&[("x", "ic50")], &[], &[("x", "uM")], "declares `uM` for the column `x`, but its values are in `nM`"),
            (&[("x", "n")], &[("x", ColumnType::Text)], &[], "`string(…)`"),
        ] {
            let error = compute(columns, types, units, "fail").result.unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
