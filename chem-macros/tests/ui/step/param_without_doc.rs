use chem_runtime::prelude::*;

/// Gives a table.
#[step("demo.seed", version = 1)]
fn seed(
    rows: u32,
) -> Result<Table, StepError> {
    let _ = rows;
    Ok(Table::default())
}

fn main() {}
