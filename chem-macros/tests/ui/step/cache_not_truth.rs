use chem_runtime::prelude::*;

/// Gives a table.
#[step("demo.seed", version = 1, cache = "no", approximate = 1)]
fn seed() -> Result<Table, StepError> {
    Ok(Table::default())
}

fn main() {}
