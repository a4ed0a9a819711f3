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
/// There is one kind of number: `/` divides as on paper, so that `rotatable_bonds / heavy_atoms > 0.3` is what it says, and
/// `quotient(a, b)` and `a % b` give the whole quotient and the remainder. Numbers are compared exactly, and whether a
/// column was read as whole numbers or as others changes nothing.
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
/// - The condition compares what cannot be compared, such as a text with a number, or puts columns of text in order most of
///   whose values are numbers.
/// - It cannot be decided for a molecule: it divides by zero, its result is too large, or it gives something else than true
///   or false; the message has the row. `atoms != 0 && x / atoms > 1` keeps the division from rows that it is not for.
#[step("molecules.filter", version = 2, columns = same_columns)]
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
