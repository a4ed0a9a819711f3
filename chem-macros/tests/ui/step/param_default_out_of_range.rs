use chem_runtime::prelude::*;

/// Gives a table.
#[step("demo.seed", version = 1)]
fn seed(
    /// Their number.
    #[param(default = 0, min = 1)]
    rows: u32,
) -> Result<Table, StepError> {
    let _ = rows;
    Ok(Table::default())
}

fn main() {}
