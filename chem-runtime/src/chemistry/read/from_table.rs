//! `molecules.from_table`: turns the rows of a table into molecules.

use std::collections::HashSet;

use arrow_array::LargeStringArray;
use serde_json::json;

use super::accept::CxText;
use super::raw::Spelling;
use crate::chemistry::library::PROVIDER;
use crate::chemistry::molecules::{Molecules, PROMISED};
use crate::prelude::*;
use crate::records::{Rejects, column_index, map_records, shortened};
use crate::step::{Reasons, idle_share};

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
#[step("molecules.from_table", version = 3, columns = columns_of_molecules, check = can_turn)]
pub fn molecules_from_table(
    table: Input<Table>,
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
    context: &ExecutionContext<'_>,
) -> Result<WithRejects<Molecules>, StepError> {
    let structures = texts(&table, column_index(&table, smiles.as_str(), "smiles")?, "smiles")?;
    let named = match &name {
        Some(name) => Some(column_index(&table, name.as_str(), "name")?),
        None => table.index_of("name"),
    };
    let structures: Vec<Option<&str>> = structures.iter().collect();
    let found = map_records(context, &structures, |text| canonical(*text))?;
    let (mut kept, mut canonical, mut rejects) = (Vec::new(), Vec::new(), Rejects::default());
    for (row, found) in found.into_iter().enumerate() {
        let text = structures[row].unwrap_or_default();
        match found {
            Ok(smiles) => {
                kept.push(row);
                canonical.push(smiles);
            }
            Err(reason) if on_error == "fail" => {
                let (number, text) = (row + 1, shortened(text.as_bytes()));
                return Err(StepError::new(format!(
                    "row {number} cannot be used: {reason}; its text is `{text}`; `on_error: reject` would put it into \
                     `rejects`"
                )));
            }
            Err(reason) => rejects.push_record(Some(row as u64 + 1), text.as_bytes(), &reason),
        }
    }
    let rejects = rejects.finish()?;
    let counts = json!({ "records": table.rows(), "kept": kept.len(), "rejected": rejects.rows() });
    context.signal("read", &counts)?;
    Reasons::of(&rejects).check_share(table.rows(), fail_above, "rows are not molecules")?;
    let names = match named {
        Some(index) => names_of(&table, index)?.gather(&kept),
        None => Values::texts(vec![None::<&str>; kept.len()]),
    };
    let records = kept.iter().map(|row| *row as i64 + 1);
    let [name_column, smiles_column, record_column] = PROMISED.map(|(name, ty)| Column::new(name, ty));
    let promised = [
        (name_column, names),
        (smiles_column.with_provider(PROVIDER), Values::texts(canonical)),
        (record_column.as_location(), Values::integers(records)),
    ];
    let of_table = table.gather(&kept);
    let others = of_table.columns().iter().enumerate().filter_map(|(index, column)| {
        let is_other = *column.name != *smiles.as_str() && Some(index) != named;
        let column = Column { name: beside(&column.name).into(), ..column.clone() };
        is_other.then(|| Some((column, of_table.data(index)?.clone())))?
    });
    Ok(WithRejects { kept: Molecules::new(Table::new(promised.into_iter().chain(others))?)?, rejects })
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

fn texts<'t>(table: &'t Table, index: usize, param: &str) -> Result<&'t LargeStringArray, StepError> {
    match table.data(index) {
        Some(Values::Text(values)) => Ok(values),
        _ => {
            let name = &table.columns()[index].name;
            Err(StepError::new(format!("`{param}` names the column `{name}`, which is not text")))
        }
    }
}

/// Returns names, which may be numbers.
fn names_of(table: &Table, index: usize) -> Result<Values, StepError> {
    match table.data(index) {
        Some(names @ Values::Text(_)) => Ok(names.clone()),
        Some(Values::Integer(numbers)) => Ok(Values::texts(numbers.iter().map(|number| Some(number?.to_string())))),
        _ => {
            let name = &table.columns()[index].name;
            Err(StepError::new(format!(
                "the names in the column `{name}` are neither text nor integers; write `name: COLUMN`, or rename the column \
                 with `table.select`"
            )))
        }
    }
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
    use crate::step::{CancelToken, Files, Inputs, Silent, StepId};

    fn run(name: Option<&str>, on_error: &str) -> Result<WithRejects<Molecules>, String> {
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
        let (id, inputs, files) = (StepId::new("it").unwrap(), Inputs::default(), Files::relative_to("."));
        let (nothing, cancel) = (HashMap::new(), CancelToken::default());
        let context = ExecutionContext::new(&id, &inputs, &nothing, &files, &cancel, &Silent);
        let table = Arc::new(table.unwrap()).into();
        let found = molecules_from_table(table, "smiles".into(), name.map(Into::into), on_error.into(), None, &context);
        found.map_err(|error| error.to_string())
    }

    #[test]
    fn rows_become_molecules_and_others_are_rejected_with_reasons() {
        let WithRejects { kept, rejects } = run(None, "reject").unwrap();
        let names: Vec<&str> = kept.table().columns().iter().map(|column| &*column.name).collect();
        assert_eq!(names, ["name", "smiles", "record", "table_record", "ic50"]);
        assert_eq!(kept.table().row(0), vec![json!("a"), json!("CCO"), json!(1), json!("r1"), json!(1.0)]);
        assert_eq!((kept.len(), kept.table().columns()[4].unit.as_deref()), (1, Some("nM")));
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
        assert_eq!(names_of(&table.unwrap(), 0).unwrap(), Values::texts([Some("25"), None]));
        let long = Table::new([(Column::new("smiles", ColumnType::Text), Values::texts(["C(".repeat(10_000)]))]);
        let (id, inputs, files) = (StepId::new("it").unwrap(), Inputs::default(), Files::relative_to("."));
        let (nothing, cancel) = (HashMap::new(), CancelToken::default());
        let context = ExecutionContext::new(&id, &inputs, &nothing, &files, &cancel, &Silent);
        let table = Arc::new(long.unwrap()).into();
        let failed = molecules_from_table(table, "smiles".into(), None, "fail".into(), None, &context).err().unwrap();
        assert!(failed.to_string().len() < 1_000, "{failed}");
    }

    #[test]
    fn a_row_that_is_no_molecule_fails_the_step_if_asked_to() {
        let failed = run(None, "fail").unwrap_err();
        assert!(failed.starts_with("row 2 cannot be used: not a SMILES") && failed.contains("`C1`"), "{failed}");
        let failed = run(Some("ic50"), "reject").unwrap_err();
        assert!(failed.starts_with("the names in the column `ic50` are neither text nor integers"), "{failed}");
        assert_eq!(run(Some("record"), "reject").unwrap().kept.table().row(0)[3], json!("a"), "the other name is kept");
    }
}
