//! `table.compute`: adds columns that expressions give.

mod columns;
mod plan;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use columns::ComputedColumns;
use plan::{Plan, Widened};
use serde_json::json;

use crate::prelude::*;
use crate::step::PathPart;

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
#[step("table.compute", version = 1, rows, columns = columns_of_result, check = can_compute)]
pub fn compute_columns(
    table: Rows<Dataset>,
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
) -> Result<RowWork<WithRejects<Dataset>>, StepError> {
    only_computed(&columns, "types", types.keys())?;
    only_computed(&columns, "units", units.keys())?;
    let plan = Arc::new(Plan::of(&columns, &types, &units, table.head()?)?);
    let (guard, reason, fails) = (plan.clone(), reason_column(table.columns()), on_error == "fail");
    let new: Vec<Column> = plan.columns.iter().map(|new| new.column.clone()).collect();
    let work = table.each(move |batch, tally| compute(&plan, batch, tally, fails, &reason)).with_columns(new)?;
    Ok(work.refusing(move |input| guard.check(input)).rejects_carry_rows().signal(
        "computed",
        |tally, rows| json!({ "rows": rows.input, "rejected": rows.rejected, "missing": tally.counts("missing") }),
    ))
}

/// Computes the new columns for a batch.
fn compute(
    plan: &Plan,
    batch: &Batch<'_>,
    tally: &mut Tally,
    fails: bool,
    reason: &Column,
) -> Result<BatchOutput, StepError> {
    let Widened { table, failures } = plan.widen(batch.as_table(&plan.reads)?, plan.columns.len())?;
    let failed = |row: &usize| failures.contains_key(row);
    let (rejected, kept): (Vec<usize>, Vec<usize>) = (0..batch.len()).partition(failed);
    if let Some((row, (new, why))) = failures.first_key_value().filter(|_| fails) {
        return Err(plan.unusable(*new, batch.number_of(*row), why));
    }
    let mut output = BatchOutput::of(kept.clone());
    for new in &plan.columns {
        let name = &*new.column.name;
        tally.list("missing", name);
        let Some((_, data)) = table.column(name) else { continue };
        kept.iter().filter(|row| data.is_missing(**row)).for_each(|row| tally.add_under(*row, "missing", name));
        output = output.with(data.gather(&kept));
    }
    let reasons = failures.values().map(|(new, why)| format!("`{}`: {why}", plan.columns[*new].column.name));
    let rejects = Table::new([(reason.clone(), Values::texts(reasons))])?;
    Ok(output.rejecting(rejected, rejects))
}

/// Returns the column with the reasons of the rejects: `reason`, `reject_reason` and so on.
fn reason_column(there: &[Column]) -> Column {
    let mut name = "reason".to_owned();
    while there.iter().any(|column| *column.name == *name) {
        name.insert_str(0, "reject_");
    }
    Column::new(&name, ColumnType::Text)
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

    use serde_json::Value;

    use super::*;
    use crate::step::rows::Driven as _;
    use crate::step::{CancelToken, Files, Inputs, RowColumns, Silent, StepId};

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

    #[derive(Debug)]
    struct Outputs {
        kind: String,
        kept: Table,
        rejects: Table,
    }

    struct Ran {
        result: Result<Outputs, String>,
        signals: Vec<Value>,
    }

    fn compute(columns: &[(&str, &str)], types: &[(&str, ColumnType)], units: &[(&str, &str)], on_error: &str) -> Ran {
        let (id, inputs, files) = (StepId::new("it").unwrap(), Inputs::default(), Files::relative_to("."));
        let (nothing, cancel) = (HashMap::new(), CancelToken::default());
        let context = ExecutionContext::new(&id, &inputs, &nothing, &files, &cancel, &Silent);
        let columns = columns.iter().map(|(name, cel)| ((*name).to_owned(), Expression::new(*cel).unwrap()));
        let work = compute_columns(
            Arc::new(Dataset::new("numbers", sample())).into(),
            ComputedColumns::new(columns).unwrap(),
            types.iter().map(|(name, ty)| ((*name).to_owned(), *ty)).collect(),
            units.iter().map(|(name, unit)| ((*name).to_owned(), (*unit).to_owned())).collect(),
            on_error.to_owned(),
        );
        let result = work.and_then(|work| work.drive(&RowColumns::All, &context)).map(|outputs| {
            let table = |index: usize| Table::clone(&Table::take(outputs[index].handed.as_ref().unwrap()).unwrap());
            Outputs { kind: outputs[0].packed.root.kind().to_owned(), kept: table(0), rejects: table(1) }
        });
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
        let Outputs { kind, kept, rejects } = result.unwrap();
        assert_eq!((kind.as_str(), rejects.rows(), rejects.columns().len()), ("numbers", 0, 3));
        assert_eq!(
            rows(&kept),
            json!([
                [10.0, 1, 2.0, 0.5, 0.01, 10.0],
                [null, 2, 4.0, 1.0, null, null],
                [0.0, 0, 0.0, 0.0, 0.0, 0.0],
                [1e3, null, null, null, 1.0, 1e3]
            ])
        );
        let units: Vec<_> = kept.columns().iter().map(|column| column.unit.as_deref()).collect();
        assert_eq!(units, [Some("nM"), None, None, Some("1/nM"), Some("uM"), Some("nM")]);
        assert!(kept.columns()[2..].iter().all(|column| column.provider.as_deref() == Some(PROVIDER)));
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
        let Outputs { kept, rejects, .. } = result.unwrap();
        assert_eq!(rows(&kept), json!([[10.0, 1, 1.0, 1.0], [null, 2, 0.5, null], [1e3, null, null, 3.0]]));
        assert_eq!(rows(&rejects), json!([[0.0, 0, "`inverse`: `/`: a number is divided by zero"]]));
        let missing = json!({ "inverse": 1, "log": 1 });
        assert_eq!(signals, [json!({ "rows": 4, "rejected": 1, "missing": missing })]);
        let guarded = compute(&[("log", "ic50 > 0 ? log10(ic50) : null")], &[], &[], "fail").result.unwrap();
        assert_eq!(rows(&guarded.kept)[2], json!([0.0, 0, null]));
    }

    #[test]
    fn the_reasons_get_a_column_of_their_own() {
        let text = |name| Column::new(name, ColumnType::Text);
        assert_eq!(&*reason_column(&[text("reason"), text("reject_reason")]).name, "reject_reject_reason");
        assert_eq!(&*reason_column(&[text("a")]).name, "reason");
    }

    #[test]
    fn the_values_of_a_computed_column_are_checked_like_those_of_the_input() {
        let refused = |columns: &[(&str, &str)]| compute(columns, &[], &[], "reject").result.map(drop).unwrap_err();
        let text = ("text", "string(n)");
        let error = refused(&[text, ("more", "text > '1'")]);
        assert!(
            error.starts_with("cannot compute `more`: the column `text` is text, but each of its 3 values"),
            "{error}"
        );
        let error = refused(&[text, ("more", "text + 1")]);
        assert!(error.contains("`+` cannot be applied to text and a number"), "{error}");
        // A column without values may be of any type.
        let none = ("none", "n > 100 ? 'x' : null");
        assert!(compute(&[none, ("more", "none == 1")], &[], &[], "reject").result.is_ok());
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
