use chem_runtime::prelude::*;

/// Gives a table.
#[step("demo.seed", version = 1)]
fn seed(one: &ExecutionContext<'_>, two: &ExecutionContext<'_>) -> Result<Table, StepError> {
    let _ = (one, two);
    Ok(Table::default())
}

fn main() {}
