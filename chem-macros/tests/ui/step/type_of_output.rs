use chem_runtime::prelude::*;

struct Molecules;

/// Gives molecules.
#[step("demo.seed", version = 1)]
fn seed() -> Result<Molecules, StepError> {
    Ok(Molecules)
}

fn main() {}
