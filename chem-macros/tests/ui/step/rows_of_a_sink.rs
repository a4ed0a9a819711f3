use chem_runtime::prelude::*;

/// Takes a table.
#[step("demo.take", version = 1, sink, rows)]
fn take(table: Rows<Table>) -> Result<RowWork<Table>, StepError> {
    Ok(table.each(|_, _| Ok(BatchOutput::all())))
}

fn main() {}
