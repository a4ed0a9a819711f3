use chem_runtime::prelude::*;

#[step("demo.seed", version = 1)]
fn seed() -> Result<Table, StepError> {
    Ok(Table::default())
}

fn main() {}
