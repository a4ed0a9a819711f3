use chem_runtime::prelude::*;

/// Gives a table.
#[step("demo.seed", version = 1)]
fn seed(
    /// What it is called.
    names: Vec<char>,
) -> Result<Table, StepError> {
    let _ = names;
    Ok(Table::default())
}

fn main() {}
