use chem_runtime::prelude::*;

/// Gives a table.
#[step("demo.seed", version = 1)]
fn seed(
    /// Its name.
    name: impl Into<String>,
) -> Result<Table, StepError> {
    let _: String = name.into();
    Ok(Table::default())
}

fn main() {}
