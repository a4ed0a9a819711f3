use chem_runtime::prelude::*;

/// Writes nothing.
#[step("demo.write", version = 1, kind = Sink)]
fn write() -> Result<Table, StepError> {
    Ok(Table::default())
}

fn main() {}
