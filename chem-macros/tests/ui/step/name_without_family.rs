use chem_runtime::prelude::*;

/// Gives a table.
#[step("seed", version = 1)]
fn seed() -> Result<Table, StepError> {
    Ok(Table::default())
}

fn main() {}
