use chem_runtime::prelude::*;

/// Counts molecules.
#[step("demo.count", version = 1)]
fn count(table: Input<Table>, weights: Option<Input<f64>>) -> Result<Table, StepError> {
    let _ = weights;
    Ok(Table::clone(&table))
}

fn main() {}
