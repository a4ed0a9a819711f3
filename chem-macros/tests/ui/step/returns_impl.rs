use chem_runtime::prelude::*;

/// Gives a table.
#[step("demo.seed", version = 1)]
fn seed() -> Result<impl ArtifactValue, StepError> {
    Ok(Table::default())
}

fn main() {}
