//! `molecules.scaffold`: Murcko scaffolds.

use serde_json::json;

use super::library::{PROVIDER, Structure};
use super::molecules::Molecules;
use crate::prelude::*;
use crate::step::{ColumnContext, Columns};

/// Adds the Murcko scaffold of each molecule as a column `scaffold`.
///
/// The variant is RDKit's (`MurckoScaffold.MurckoScaffoldSmiles`): the rings, the chains between them, and, unlike in
/// Bemis and Murcko's own frameworks, the atoms bonded to these by a double bond, so that a cyclic ketone remains a
/// ketone. Elements and bond orders are kept; stereochemistry is removed. <https://doi.org/10.1021/jm9602928>
///
/// The column contains the canonical SMILES of the scaffold. It is missing for a molecule without a ring, and for one whose
/// scaffold cannot be computed. The signal `scaffolds` counts the `molecules`, the distinct `scaffolds`, the molecules
/// `without` a ring, and those `undecided`.
///
/// # Example
/// ```yaml
/// flow: scaffolds-of-drugs
/// steps:
///   - id: read
///     uses: molecules.read
///     with: { path: data/approved-drugs.csv }
///   - id: scaffold
///     uses: molecules.scaffold
///   - id: with-rings
///     uses: molecules.filter
///     with: { where: "scaffold != null" }
/// ```
///
/// # Errors
/// - No errors specific to this step.
#[step("molecules.scaffold", version = 3, rows = ["smiles"], columns = with_scaffold)]
pub fn find_scaffolds(molecules: Rows<Molecules>) -> Result<RowWork<Molecules>, StepError> {
    let work = molecules.each(|batch, tally| {
        let mut scaffolds: Vec<Option<String>> = Vec::with_capacity(batch.len());
        for (row, smiles) in batch.texts("smiles")?.enumerate() {
            let found = smiles.and_then(|smiles| Structure::from_canonical(smiles).ok()?.scaffold());
            match &found {
                None => tally.add(row, "undecided"),
                Some(None) => tally.add(row, "without"),
                Some(Some(scaffold)) => tally.see(row, "scaffolds", scaffold),
            }
            scaffolds.push(found.flatten());
        }
        Ok(BatchOutput::all().with(Values::texts(scaffolds)))
    });
    let work = work.with_results([Column::new("scaffold", ColumnType::Text).with_provider(PROVIDER)])?;
    Ok(work.signal("scaffolds", |tally, rows| {
        json!({
            "molecules": rows.input,
            "scaffolds": tally.distinct("scaffolds"),
            "without": tally.count("without"),
            "undecided": tally.count("undecided"),
        })
    }))
}

fn with_scaffold(_: &FindScaffolds, context: &ColumnContext<'_>) -> Columns {
    context.first_input().with(["scaffold"])
}
