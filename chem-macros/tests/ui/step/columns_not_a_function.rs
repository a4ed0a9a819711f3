use chem_runtime::prelude::*;

/// Doubles a text.
#[step("text.double", version = 1, columns = "double")]
fn double(table: Input<Table>) -> Result<Table, StepError> {
    Ok(Table::clone(&table))
}

fn main() {}
