//! `molecules.filter`: selects molecules by a condition.

use super::molecules::Molecules;
use crate::prelude::*;
use crate::records::rows_where;
use crate::step::same_columns;

/// Keeps the molecules for which a condition holds.
///
/// The condition is a CEL expression over the columns, such as `molecular_weight <= 500 && logp <= params.max_logp`,
/// where `params.max_logp` is a parameter of the flow. Write `row["Mol Weight"]` for a column whose name is not an
/// identifier. A molecule is dropped if the condition depends on a missing value; `logp == null || logp <= 5` keeps it.
///
/// There is one type of number: `/` is exact division, not integer division, so `rotatable_bonds / heavy_atoms > 0.3` works
/// as expected; `quotient(a, b)` and `a % b` give the integer quotient and the remainder. Numbers are compared exactly, and
/// it makes no difference whether a column holds integers or floats.
///
/// The signal `filtered` counts the molecules `kept` and `dropped`, and under `missing`, by column, the dropped molecules
/// that lack a value.
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
/// - The condition names a column that the molecules do not have; the message lists the columns.
/// - The condition compares incompatible types, such as text with a number, or orders text columns that contain mostly
///   numbers.
/// - The condition cannot be evaluated for a molecule: it divides by zero, its result is too large, or it is neither true
///   nor false; the message names the row. `atoms != 0 && x / atoms > 1` guards a division.
#[step("molecules.filter", version = 2, rows, columns = same_columns)]
pub fn filter_molecules(
    molecules: Rows<Molecules>,
    /// The condition to keep a molecule.
    #[param(example = "molecular_weight <= 500 && logp <= 5")]
    r#where: Expression,
) -> Result<RowWork<Molecules>, StepError> {
    Ok(rows_where(molecules, r#where))
}
