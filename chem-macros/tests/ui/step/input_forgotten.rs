use chem_runtime::prelude::*;

/// Passes a table on.
#[step("demo.pass", version = 1)]
fn pass(table: Table) -> Result<Table, StepError> {
    Ok(table)
}

fn main() {}
