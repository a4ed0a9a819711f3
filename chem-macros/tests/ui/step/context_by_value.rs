use chem_runtime::prelude::*;

/// Gives a table.
#[step("demo.seed", version = 1)]
fn seed(context: ExecutionContext<'_>) -> Result<Table, StepError> {
    let _ = context;
    Ok(Table::default())
}

fn main() {}
