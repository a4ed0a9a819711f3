//! `molecules.filter`: molecules for which a condition holds.

use serde_json::json;

use super::molecules::Molecules;
use crate::prelude::*;
use crate::records::choose_rows;
use crate::step::same_columns;

/// Keeps the molecules for which a condition holds.
///
/// The condition is a CEL expression over the columns, such as `molecular_weight <= 500 && logp <= params.max_logp`,
/// where `params.max_logp` is a parameter of the flow. A column whose name is no identifier, such as `Mol Weight`, is
/// written `row["Mol Weight"]`. A molecule for which it cannot be decided, because a value is
/// missing, is dropped; `logp == null || logp <= 5` keeps it.
///
/// The signal `filtered` counts the molecules `kept` and `dropped`, and under `missing` those of the dropped that lack a
/// value, by column.
///
/// # Example
/// ```yaml
/// flow: small-drugs
/// params:
///   max_weight: 350
/// steps:
///   - id: read
///     uses: molecules.read
///     with: { path: data/approved-drugs.csv }
///   - id: describe
///     uses: molecules.describe
///     with: { properties: [molecular_weight, logp] }
///   - id: keep
///     uses: molecules.filter
///     with: { where: "molecular_weight <= params.max_weight && logp <= 3" }
/// ```
///
/// # Errors
/// - The condition names a column that the molecules do not have; the message names those that they have.
/// - The condition compares what cannot be compared, such as a text with a number, or gives something else than true or
///   false; the message has the row.
#[step("molecules.filter", version = 1, columns = same_columns)]
pub fn filter_molecules(
    molecules: Input<Molecules>,
    /// The condition.
    #[param(example = "molecular_weight <= 500 && logp <= 5")]
    r#where: Expression,
    context: &ExecutionContext<'_>,
) -> Result<Molecules, StepError> {
    let chosen = choose_rows(context, molecules.table(), &r#where)?;
    let (kept, all) = (chosen.rows.len(), molecules.len());
    context.signal("filtered", &json!({ "kept": kept, "dropped": all - kept, "missing": chosen.missing }))?;
    if kept == all {
        return Ok(Molecules::clone(&molecules));
    }
    Ok(Molecules::new(molecules.table().gather(&chosen.rows))?)
}
