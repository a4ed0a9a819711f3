use chem_runtime::prelude::*;

/// Gives a table.
#[step("demo.seed", version = 1)]
unsafe fn seed() -> Result<Table, StepError> {
    Ok(Table::default())
}

fn main() {}
