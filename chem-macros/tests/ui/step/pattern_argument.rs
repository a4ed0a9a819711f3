use chem_runtime::prelude::*;

/// Gives a table.
#[step("demo.seed", version = 1)]
fn seed(
    /// Its size.
    [rows, columns]: [u32; 2],
) -> Result<Table, StepError> {
    let _ = (rows, columns);
    Ok(Table::default())
}

fn main() {}
