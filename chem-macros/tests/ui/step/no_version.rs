use chem_runtime::prelude::*;

/// Gives a table.
#[step("demo.seed")]
fn seed() -> Result<Table, StepError> {
    Ok(Table::default())
}

fn main() {}
