use chem_runtime::prelude::*;

/// Writes a table.
#[step("demo.write", version = 1, kind = sink)]
fn write(table: Input<Table>) -> Result<Table, StepError> {
    Ok(Table::clone(&table))
}

fn main() {}
