//! Rows that an expression chooses.

use std::collections::BTreeMap;

use crate::artifact::Table;
use crate::step::{ExecutionContext, Expression, StepError, Verdict};

use super::map_records;

/// What an expression chose.
#[derive(Debug)]
pub struct Chosen {
    /// The numbers of the rows for which it holds, in order.
    pub rows: Vec<usize>,
    /// How many rows could not be decided because a value is missing, by the column that has none. They are not chosen.
    pub missing: BTreeMap<String, usize>,
}

/// The rows of `table` for which `condition` holds.
///
/// # Errors
/// Names a column that is not there, or the first row for which the condition cannot be evaluated.
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
                return Err(StepError::new(format!("`{condition}` cannot be decided for row {}: {reason}", row + 1)));
            }
        }
    }
    Ok(chosen)
}
