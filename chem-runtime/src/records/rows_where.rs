//! Selects rows by a condition.

use serde_json::json;

use crate::step::{BatchOutput, Expression, ExpressionError, RowKind, RowWork, Rows, StepError, Verdict};

/// Returns the work of keeping the rows for which `condition` holds. Its signal `filtered` counts the rows `kept` and
/// `dropped`, and under `missing`, by column, the dropped rows that lack a value.
pub(crate) fn rows_where<K: RowKind>(rows: Rows<K>, condition: Expression) -> RowWork<K> {
    let guard = condition.clone();
    let work = rows.each(move |batch, tally| {
        let bound = condition.over_batch(batch).map_err(unsuitable)?;
        let mut kept = Vec::new();
        for row in batch.rows() {
            match bound.test(row) {
                Verdict::True => kept.push(row),
                Verdict::False => {}
                Verdict::Missing(column) => tally.add_under(row, "missing", column),
                Verdict::Error(reason) => {
                    let (condition, number) = (condition.as_str(), batch.number_of(row));
                    return Err(StepError::new(format!("cannot evaluate `{condition}` for row {number}: {reason}")));
                }
            }
        }
        Ok(BatchOutput::of(kept))
    });
    work.refusing(move |input| guard.check_columns(input)?.map_err(unsuitable)).signal("filtered", |tally, rows| {
        json!({ "kept": rows.output, "dropped": rows.input - rows.output, "missing": tally.counts("missing") })
    })
}

fn unsuitable(error: ExpressionError) -> StepError {
    match &error.help {
        Some(help) => StepError::new(format!("{error}; {help}")),
        None => StepError::new(error.message),
    }
}
