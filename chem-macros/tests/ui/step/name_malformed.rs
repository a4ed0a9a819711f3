use chem_runtime::prelude::*;

/// Gives a table.
#[step("Demo.seed", version = 1)]
fn seed() -> Result<Table, StepError> {
    Ok(Table::default())
}

fn main() {}
