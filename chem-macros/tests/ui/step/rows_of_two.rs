use chem_runtime::prelude::*;

/// Passes a table on.
#[step("demo.pass", version = 1, rows)]
fn pass(table: Rows<Table>, other: Rows<Table>) -> Result<RowWork<Table>, StepError> {
    drop(other);
    Ok(table.each(|_, _| Ok(BatchOutput::all())))
}

fn main() {}
