//! `molecules.from_table`: turns the rows of a table into molecules.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use serde_json::json;

use super::accept::CxText;
use super::raw::Spelling;
use crate::chemistry::library::PROVIDER;
use crate::chemistry::molecules::{Molecules, PROMISED};
use crate::prelude::*;
use crate::records::{Rejects, column_index, shortened};
use crate::step::rows::Driven as _;
use crate::step::{Inputs, MoleculesOfTable, RowColumns, Silent, StepOutput, StepReturn, idle_share};

/// Turns the rows of a table into molecules: the answer of a program, an aggregate, or any other table with SMILES or InChIs.
///
/// The column `smiles` is replaced by the canonical SMILES. A text in it that begins with `InChI=` is read as a standard InChI,
/// and rejected if the molecule does not have this InChI: see `docs/reading.md`. The output has the columns `name`, `smiles` and `record` (the
/// number of the row, from 1), followed by the other columns of the table, with their types and units; one that is called
/// like these is renamed to `table_name`, `table_smiles` or `table_record`.
///
/// A row whose SMILES is missing, is not a possible molecule, or has a CXSMILES extension goes to the output `rejects`, with
/// its number, its text and the reason. The signal `read` counts `records`, `kept` and `rejected`.
///
/// # Example
/// ```yaml
/// flow: drugs-from-a-table
/// steps:
///   - id: read
///     uses: table.read
///     with: { path: data/approved-drugs.csv }
///   - id: molecules
///     uses: molecules.from_table
/// ```
///
/// # Errors
/// - A column does not exist; the message lists the columns. Or the column with the structures is not text, or that with the
///   names neither text nor integers.
/// - Two columns would have the same name.
/// - With `on_error: fail`, a row that cannot be used; the message gives its number, its text and the reason.
/// - More than the share `fail_above` of the rows cannot be used; the message gives the numbers and the most common reason.
///   Or `fail_above` is set together with `on_error: fail`.
#[step(
    "molecules.from_table", version = 3, rows = ["name"], columns = columns_of_molecules, check = can_turn
)]
pub fn molecules_from_table(
    table: Rows<Table>,
    /// The column with the SMILES or standard InChIs.
    #[param(default = "smiles")]
    smiles: ColumnName,
    /// The column with the names, which are text or integers. Defaults to `name` if there is one.
    #[param(example = "compound")]
    name: Option<ColumnName>,
    /// What to do with a row that cannot be used: put it into `rejects` (`reject`) or fail the step (`fail`).
    #[param(default = "reject", one_of = ["reject", "fail"])]
    on_error: String,
    /// The share of rejected rows, from 0 to 1, above which the step fails; an equal share does not fail it. Defaults to no
    /// limit.
    #[param(min = 0.0, max = 1.0, example = "0.05")]
    fail_above: Option<f64>,
) -> Result<RowWork<WithRejects<Molecules>>, StepError> {
    let head = table.head()?;
    let structures = column_index(&head, smiles.as_str(), "smiles")?;
    expect_structures(&head.columns()[structures])?;
    let named = match &name {
        Some(name) => Some(column_index(&head, name.as_str(), "name")?),
        None => head.index_of("name"),
    };
    let names = named.map(|index| head.columns()[index].clone());
    names.as_ref().map_or(Ok(()), expect_names)?;
    let others = head.columns().iter().enumerate().filter(|(index, _)| *index != structures && Some(*index) != named);
    let others = others.map(|(index, column)| (index, Column { name: beside(&column.name).into(), ..column.clone() }));
    let others: Vec<(usize, Column)> = others.collect();
    let fails = on_error == "fail";
    let work = table.each(move |batch, _| molecules_of(batch, smiles.as_str(), names.as_ref(), fails));
    let [name, smiles, record] = PROMISED.map(|(name, ty)| Column::new(name, ty));
    let work = work.carrying([]).with_columns([name, smiles.with_provider(PROVIDER)])?;
    let work = work.numbered(record)?.carrying_also(others)?.rejects_numbered("record");
    Ok(work
        .failing_above(fail_above, "rows are not molecules")
        .signal("read", |_, rows| json!({ "records": rows.input, "kept": rows.output, "rejected": rows.rejected })))
}

/// Reads the molecules of a batch.
fn molecules_of(
    batch: &Batch<'_>,
    smiles: &str,
    names: Option<&Column>,
    fails: bool,
) -> Result<BatchOutput, StepError> {
    let names = names_of(batch, names)?;
    let (mut kept, mut canonical_smiles, mut rejected, mut rejects) =
        (Vec::new(), Vec::new(), Vec::new(), Rejects::default());
    for (row, text) in batch.texts(smiles)?.enumerate() {
        match canonical(text) {
            Ok(smiles) => {
                kept.push(row);
                canonical_smiles.push(smiles);
            }
            Err(reason) if fails => {
                let (number, text) = (batch.number_of(row), shortened(text.unwrap_or_default().as_bytes()));
                return Err(StepError::new(format!(
                    "row {number} cannot be used: {reason}; its text is `{text}`; `on_error: reject` would put it into \
                     `rejects`"
                )));
            }
            Err(reason) => {
                rejected.push(row);
                rejects.push_record(None, text.unwrap_or_default().as_bytes(), &reason);
            }
        }
    }
    let names = kept.iter().map(|row| names.get(*row).cloned().flatten());
    let names = Values::texts(names.collect::<Vec<_>>());
    let output = BatchOutput::of(kept).with(names).with(Values::texts(canonical_smiles));
    Ok(output.rejecting(rejected, rejects.finish()?))
}

inventory::submit! {
    MoleculesOfTable { outputs: <WithRejects<Molecules> as StepReturn>::OUTPUTS, make: molecules_in }
}

/// Turns a whole table into molecules, for a step that does not work row by row.
fn molecules_in(table: Table, context: &ExecutionContext<'_>) -> Result<Vec<StepOutput>, StepError> {
    let rows = Rows::from(Arc::new(table));
    let work = molecules_from_table(rows, ColumnName::from("smiles"), None, "reject".to_owned(), None)?;
    // What the rows store and resume belongs to steps that work row by row.
    let inputs = Inputs::default();
    let (id, artifacts, files, cancel) = (context.step_id(), context.artifacts(), context.files(), context.cancel());
    let own = ExecutionContext::new(id, &inputs, artifacts, files, cancel, &Silent);
    let outputs = work.drive(&RowColumns::All, &own)?;
    own.take_signals().into_iter().try_for_each(|signal| context.signal(&signal.name, &signal.data))?;
    Ok(outputs)
}

fn canonical(text: Option<&str>) -> Result<String, String> {
    let text = text.map(str::trim).filter(|text| !text.is_empty()).ok_or("has no SMILES")?;
    if text.starts_with("InChI=") {
        return Spelling::Inchi(text.to_owned()).canonical_smiles();
    }
    let text = CxText::of(text);
    let structure = Spelling::of(&text, None)?;
    if !text.rest.is_empty() {
        return Err(format!("has more than a SMILES: `{}`", text.rest));
    }
    structure.canonical_smiles()
}

fn expect_structures(column: &Column) -> Result<(), StepError> {
    match column.ty {
        ColumnType::Text => Ok(()),
        _ => Err(StepError::new(format!("`smiles` names the column `{}`, which is not text", column.name))),
    }
}

fn expect_names(column: &Column) -> Result<(), StepError> {
    match column.ty {
        ColumnType::Text | ColumnType::Integer => Ok(()),
        _ => Err(StepError::new(format!(
            "the names in the column `{}` are neither text nor integers; write `name: COLUMN`, or rename the column with \
             `table.select`",
            column.name
        ))),
    }
}

/// Returns the names of the rows of a batch, which may be numbers; none if there is no column of names.
fn names_of<'a>(batch: &Batch<'a>, column: Option<&Column>) -> Result<Vec<Option<Cow<'a, str>>>, StepError> {
    let Some(column) = column else { return Ok(Vec::new()) };
    Ok(match column.ty {
        ColumnType::Integer => batch.integers(&column.name)?.map(|number| Some(number?.to_string().into())).collect(),
        _ => batch.texts(&column.name)?.map(|text| text.map(Cow::Borrowed)).collect(),
    })
}

/// Returns the name of a column of the table beside the columns that all molecules have.
fn beside(name: &str) -> String {
    let taken = PROMISED.iter().any(|(promised, _)| *promised == name);
    if taken { format!("table_{name}") } else { name.to_owned() }
}

fn can_turn(step: &MoleculesFromTable, _: &ColumnContext<'_>) -> Vec<Misfit> {
    idle_share(&step.on_error, step.fail_above).into_iter().collect()
}

fn columns_of_molecules(step: &MoleculesFromTable, context: &ColumnContext<'_>) -> Columns {
    let input = context.first_input();
    let Some(names) = input.names() else { return Columns::Unknown };
    let used: HashSet<&str> = [step.smiles.as_str(), step.name.as_ref().map_or("name", ColumnName::as_str)].into();
    let others = names.iter().filter(|name| !used.contains(&***name)).map(|name| beside(name));
    Columns::known(PROMISED.map(|(name, _)| name)).with(others)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use serde_json::Value;

    use super::*;
    use crate::step::{CancelToken, Files, Inputs, RowColumns, Silent, StepId};

    fn run_on(table: Table, name: Option<&str>, on_error: &str) -> Result<[Table; 2], String> {
        let (id, inputs, files) = (StepId::new("it").unwrap(), Inputs::default(), Files::relative_to("."));
        let (nothing, cancel) = (HashMap::new(), CancelToken::default());
        let context = ExecutionContext::new(&id, &inputs, &nothing, &files, &cancel, &Silent);
        let work =
            molecules_from_table(Arc::new(table).into(), "smiles".into(), name.map(Into::into), on_error.into(), None);
        let outputs =
            work.and_then(|work| work.drive(&RowColumns::All, &context)).map_err(|error| error.to_string())?;
        Ok([0, 1].map(|index| Table::clone(&Table::take(outputs[index].handed.as_ref().unwrap()).unwrap())))
    }

    fn run(name: Option<&str>, on_error: &str) -> Result<[Table; 2], String> {
        let texts = |values: [Option<&str>; 4]| Values::texts(values);
        let table = Table::new([
            (Column::new("record", ColumnType::Text), texts([Some("r1"), Some("r2"), Some("r3"), Some("r4")])),
            (Column::new("name", ColumnType::Text), texts([Some("a"), Some("b"), Some("c"), Some("d")])),
            (Column::new("smiles", ColumnType::Text), texts([Some(" OCC"), Some("C1"), None, Some("C |x|")])),
            (
                Column::new("ic50", ColumnType::Float).with_unit("nM"),
                Values::floats([Some(1.0), Some(2.0), None, None]),
            ),
        ]);
        run_on(table.unwrap(), name, on_error)
    }

    #[test]
    fn rows_become_molecules_and_others_are_rejected_with_reasons() {
        let [kept, rejects] = run(None, "reject").unwrap();
        let names: Vec<&str> = kept.columns().iter().map(|column| &*column.name).collect();
        assert_eq!(names, ["name", "smiles", "record", "table_record", "ic50"]);
        assert_eq!(kept.row(0), vec![json!("a"), json!("CCO"), json!(1), json!("r1"), json!(1.0)]);
        assert_eq!((kept.rows(), kept.columns()[4].unit.as_deref()), (1, Some("nM")));
        let rejected: Vec<Vec<Value>> = (0..3).map(|row| rejects.row(row)).collect();
        assert_eq!([&rejected[0][1], &rejected[1][1], &rejected[2][1]], [&json!(2), &json!(3), &json!(4)]);
        for (row, why) in ["unclosed ring", "has no SMILES", "CXSMILES"].iter().enumerate() {
            assert!(rejected[row][3].as_str().unwrap().contains(why), "{rejected:?}");
        }
    }

    #[test]
    fn names_may_be_integers_and_a_long_text_is_shortened() {
        let table = Table::new([
            (Column::new("name", ColumnType::Integer), Values::integers([Some(25), None])),
            (Column::new("smiles", ColumnType::Text), Values::texts(["CO", "C"])),
        ]);
        let [kept, _] = run_on(table.unwrap(), None, "fail").unwrap();
        assert_eq!(kept.column("name").unwrap().1, &Values::texts([Some("25"), None]));
        let long = Table::new([(Column::new("smiles", ColumnType::Text), Values::texts(["C(".repeat(10_000)]))]);
        let failed = run_on(long.unwrap(), None, "fail").unwrap_err();
        assert!(failed.len() < 1_000, "{failed}");
    }

    #[test]
    fn a_row_that_is_no_molecule_fails_the_step_if_asked_to() {
        let failed = run(None, "fail").unwrap_err();
        assert!(failed.starts_with("row 2 cannot be used: not a SMILES") && failed.contains("`C1`"), "{failed}");
        let failed = run(Some("ic50"), "reject").unwrap_err();
        assert!(failed.starts_with("the names in the column `ic50` are neither text nor integers"), "{failed}");
        assert_eq!(run(Some("record"), "reject").unwrap()[0].row(0)[3], json!("a"), "the other name is kept");
    }
}
