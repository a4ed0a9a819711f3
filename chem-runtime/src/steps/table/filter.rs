//! `table.filter`: selects rows by a condition.

use crate::prelude::*;
use crate::records::rows_where;
use crate::step::same_columns;

/// Keeps the rows of a table, or the molecules, for which a condition holds.
///
/// The condition is an expression over the columns, such as `pIC50 >= params.limit && target == 'COX-2'`, where
/// `params.limit` is a parameter of the flow. `chem steps --functions` lists the functions, and `docs/functions.md` explains
/// the language. A row is dropped if the condition depends on a missing value; `pIC50 == null || pIC50 >= 6` keeps it.
///
/// The signal `filtered` counts the rows `kept` and `dropped`, and under `missing`, by column, the dropped rows that lack a
/// value.
///
/// # Example
/// ```yaml
/// flow: acids
/// steps:
///   - id: read
///     uses: table.read
///     with: { path: data/approved-drugs.csv }
///   - id: acids
///     uses: table.filter
///     with: { where: "lower(name).contains('acid')" }
/// ```
///
/// # Errors
/// - The condition names a column that does not exist; the message lists the columns.
/// - The condition compares incompatible types, such as text with a number, or orders text columns that contain mostly
///   numbers.
/// - The condition cannot be evaluated for a row: it divides by zero, its result is too large, or it is neither true nor
///   false; the message names the row. `n != 0 && x / n > 1` guards a division.
#[step("table.filter", version = 1, rows, columns = same_columns)]
pub fn filter_rows(
    table: Rows<Dataset>,
    /// The condition to keep a row.
    #[param(example = "pIC50 >= 6")]
    r#where: Expression,
) -> Result<RowWork<Dataset>, StepError> {
    Ok(rows_where(table, r#where))
}
