use chem_runtime::prelude::*;

/// Looks at a table.
#[step("demo.look", version = 1)]
fn look(table: Input<Table>) -> Result<(), StepError> {
    let _ = table;
    Ok(())
}

fn main() {}
