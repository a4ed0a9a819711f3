use chem_runtime::prelude::*;

/// Passes a table on.
#[step("demo.pass", version = 1, kind = Source)]
fn pass(table: Input<Table>) -> Result<Table, StepError> {
    Ok(Table::clone(&table))
}

fn main() {}
