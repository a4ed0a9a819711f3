use chem_runtime::prelude::*;

/// Passes a table on.
#[step("demo.pass", version = 1)]
fn pass(table: Rows<Table>) -> Result<RowWork<Table>, StepError> {
    Ok(table.each(|_, _| Ok(BatchOutput::all())))
}

fn main() {}
