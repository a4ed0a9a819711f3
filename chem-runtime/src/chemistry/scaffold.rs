//! `molecules.scaffold`: Murcko scaffolds.

use std::collections::HashSet;

use serde_json::json;

use super::library::{PROVIDER, Structure};
use super::molecules::Molecules;
use crate::prelude::*;
use crate::records::map_records;
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
#[step("molecules.scaffold", version = 3, columns = with_scaffold)]
pub fn find_scaffolds(molecules: Input<Molecules>, context: &ExecutionContext<'_>) -> Result<Molecules, StepError> {
    let found = map_records(context, molecules.smiles(), |smiles| {
        Structure::from_canonical(smiles.as_deref()?).ok()?.scaffold()
    })?;
    let undecided = found.iter().filter(|found| found.is_none()).count();
    let without = found.iter().filter(|found| **found == Some(None)).count();
    let scaffolds: Vec<Option<Box<str>>> = found.into_iter().map(|found| found.flatten().map(Into::into)).collect();
    let different = scaffolds.iter().flatten().collect::<HashSet<_>>().len();
    let counts = json!({
        "molecules": molecules.len(), "scaffolds": different, "without": without, "undecided": undecided,
    });
    context.signal("scaffolds", &counts)?;
    let column = Column::new("scaffold", ColumnType::Text).with_provider(PROVIDER);
    Ok(Molecules::new(molecules.table().with_result(column, ColumnData::Text(scaffolds))?)?)
}

fn with_scaffold(_: &FindScaffolds, context: &ColumnContext<'_>) -> Columns {
    context.first_input().with(["scaffold"])
}
