//! Selects rows by an expression.

use std::collections::BTreeMap;

use crate::artifact::Table;
use crate::step::{ExecutionContext, Expression, StepError, Verdict};

use super::map_records;

/// The rows that a condition selects.
#[derive(Debug)]
pub struct Chosen {
    /// The indices of the rows for which the condition holds, in ascending order.
    pub rows: Vec<usize>,
    /// The number of rows that are not selected because a value is missing, by column.
    pub missing: BTreeMap<String, usize>,
}

/// Selects the rows of `table` for which `condition` holds.
///
/// # Errors
/// Names a column that does not exist, or the first row for which the condition cannot be evaluated.
pub fn choose_rows(context: &ExecutionContext<'_>, table: &Table, condition: &Expression) -> Result<Chosen, StepError> {
    let bound = condition.over(table).map_err(|error| match &error.help {
        Some(help) => StepError::new(format!("{error}; {help}")),
        None => StepError::new(error.message),
    })?;
    let rows: Vec<usize> = (0..table.rows()).collect();
    let verdicts = map_records(context, &rows, |row| bound.test(*row))?;
    let mut chosen = Chosen { rows: Vec::new(), missing: BTreeMap::new() };
    for (row, verdict) in verdicts.into_iter().enumerate() {
        match verdict {
            Verdict::True => chosen.rows.push(row),
            Verdict::False => {}
            Verdict::Missing(column) => *chosen.missing.entry(column.to_owned()).or_default() += 1,
            Verdict::Error(reason) => {
                let condition = condition.as_str();
                return Err(StepError::new(format!("cannot evaluate `{condition}` for row {}: {reason}", row + 1)));
            }
        }
    }
    Ok(chosen)
}
