use chem_runtime::prelude::*;

/// Gives a table.
#[step("demo.seed", version = 1)]
fn seed(
    /// Its name.
    name: &str,
) -> Result<Table, StepError> {
    let _ = name;
    Ok(Table::default())
}

fn main() {}
