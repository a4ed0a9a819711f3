use chem_runtime::prelude::*;

/// Gives a table.
#[step("demo.seed", version = 1)]
fn seed(
    #[param(default = 1)]
    table: Input<Table>,
) -> Result<Table, StepError> {
    let _ = table;
    Ok(Table::default())
}

fn main() {}
