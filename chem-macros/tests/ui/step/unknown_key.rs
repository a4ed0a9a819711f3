use chem_runtime::prelude::*;

/// Gives a table.
#[step("demo.seed", verison = 1, version = 1)]
fn seed() -> Result<Table, StepError> {
    Ok(Table::default())
}

fn main() {}
