use chem_runtime::prelude::*;

/// Gives a table.
#[step("demo.seed", version = 1)]
fn seed(
    /// What it is called.
    #[param(min = 1)]
    name: String,
) -> Result<Table, StepError> {
    let _ = name;
    Ok(Table::default())
}

fn main() {}
