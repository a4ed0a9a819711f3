use chem_runtime::prelude::*;

/// Gives a table.
#[step("demo.seed", version = 1)]
fn seed(
    /// Its size.
    _rows: u32,
) -> Result<Table, StepError> {
    Ok(Table::default())
}

fn main() {}
