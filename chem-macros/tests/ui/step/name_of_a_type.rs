use chem_runtime::prelude::*;

/// Gives a table.
#[step("demo.table", version = 1)]
fn table() -> Result<Table, StepError> {
    Ok(Table::default())
}

fn main() {}
