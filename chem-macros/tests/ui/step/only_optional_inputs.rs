use chem_runtime::prelude::*;

/// Joins two tables.
#[step("demo.join", version = 1)]
fn join(left: Option<Input<Table>>, right: Option<Input<Table>>) -> Result<Table, StepError> {
    let _ = (left, right);
    Ok(Table::default())
}

fn main() {}
