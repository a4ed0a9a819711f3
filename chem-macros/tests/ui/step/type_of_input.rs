use chem_runtime::prelude::*;

struct Molecules;

/// Counts molecules.
#[step("demo.count", version = 1)]
fn count(molecules: Input<Molecules>) -> Result<Table, StepError> {
    let _ = molecules;
    Ok(Table::default())
}

fn main() {}
