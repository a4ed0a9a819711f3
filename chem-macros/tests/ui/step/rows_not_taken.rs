use chem_runtime::prelude::*;

/// Passes a table on.
#[step("demo.pass", version = 1, rows)]
fn pass(table: Input<Table>) -> Result<RowWork<Table>, StepError> {
    Err(StepError::new(format!("{} rows", table.rows())))
}

fn main() {}
